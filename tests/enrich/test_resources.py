"""Addresses to resources."""

import pytest

from meshtrail.enrich.resources import NO_RESOURCES, Resource, Resources
from meshtrail.ingest.validate import packed


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.0.0.5", "host"), ("10.0.0.6", "subnet"), ("10.0.1.1", "office"), ("11.0.0.1", None), ("fd00::5", "v6"),
        ("fd00:1::5", None), ("::ffff:10.0.0.5", "host"), ("::1", None),
    ],
)  # fmt: skip
def test_the_longest_prefix_wins(address: str, name: str | None) -> None:
    """In both families; an IPv4 network is not one of IPv6 addresses."""
    found = [("10.0.0.0/8", "office"), ("10.0.0.0/24", "subnet"), ("10.0.0.5/32", "host"), ("10.0.0.5/32", "twin"), ("fd00::/64", "v6")]
    resources = Resources((cidr, Resource(each, each)) for cidr, each in found)
    at = resources.at(packed(address) or b"")
    assert (at.name if at else None) == name
    assert NO_RESOURCES.at(packed(address) or b"") is None


def test_everything_can_be_a_resource() -> None:
    """The default route of one family leaves the other alone."""
    resources = Resources([("0.0.0.0/0", Resource("i", "internet"))])
    assert resources.at(packed("8.8.8.8") or b"") is not None
    assert resources.at(packed("2001:db8::1") or b"") is None
