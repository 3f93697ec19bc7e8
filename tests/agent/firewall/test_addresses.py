"""Networks of rules."""

from ipaddress import ip_address

import pytest

from meshtrail.agent.firewall.addresses import Networks, Places, networks, parse


def test_networks() -> None:
    """Networks are apart by family, without overlaps, those side by side joined; bits below the prefix are ignored."""
    found = networks(["10.0.0.7/24", "10.0.1.0/24", "10.0.0.9", "fd00::1/8", "fd77::/64"], [ip_address("192.0.2.1")])
    assert [str(each) for each in (*found.v4, *found.v6)] == ["10.0.0.0/23", "192.0.2.1/32", "fd00::/8"]
    assert found.holds(ip_address("10.0.1.255")) and found.holds(ip_address("fdff::1")) and not found.holds(ip_address("10.0.2.0"))


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "fe80::1%eth0", "example.org", "10.0.0.0/24/7", "::/129"])
def test_no_network(text: str) -> None:
    """What is no network says so."""
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


def test_places() -> None:
    """Sources that are not said are nowhere, destinations that are not said are anywhere; names are where they are."""
    places = Places({"a.test": [ip_address("10.0.0.1")]})
    assert places.sources(()) == Networks() and places.destinations((), ()) is None
    found = places.destinations(("10.0.0.0/32",), ("a.test", "unknown.test"))
    assert found is not None and [str(each) for each in found.v4] == ["10.0.0.0/31"]
    assert places.destinations((), ("unknown.test",)) == Networks()
