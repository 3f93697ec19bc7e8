"""Sets of networks."""

import ipaddress

import pytest

from meshtrail.agent.networks import Networks, is_public


def _packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


@pytest.mark.parametrize(
    ("address", "covered"),
    [("100.90.0.7", True), ("100.91.0.7", False), ("fd90::7", True), ("fd91::7", False), ("::ffff:100.90.0.7", False)],
)
def test_covers(address: str, covered: bool) -> None:
    """An address of either family is found in the networks of its own family."""
    assert Networks(("100.90.0.0/16", "fd90::/64")).covers(_packed(address)) is covered


def test_empty() -> None:
    """No networks cover nothing."""
    assert not Networks()
    assert not Networks().covers(_packed("10.0.0.1"))


def test_not_a_network() -> None:
    """A text that is none is refused; a host's address is the network of that host."""
    with pytest.raises(ValueError, match="nonsense"):
        Networks(("nonsense",))
    assert Networks(("10.0.0.5",)).covers(_packed("10.0.0.5"))
    assert Networks(("10.0.0.5/24",)).covers(_packed("10.0.0.99"))


def test_public() -> None:
    """Special-purpose addresses are not public."""
    assert [is_public(_packed(each)) for each in ("8.8.8.8", "10.0.0.1", "100.64.0.1", "2606:4700::1", "fd00::1")] == [
        True, False, False, True, False,
    ]  # fmt: skip
