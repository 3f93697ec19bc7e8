"""Whose an address of the overlay is."""

from meshtrail.control.overlay import overlay_addresses

RANGES = ("100.64.0.0/10", "fd00::/64")


def test_only_addresses_in_the_ranges_count() -> None:
    """In both families, IPv4 first, by number."""
    claims = {"a": {"fd00::1": 1, "100.64.0.9": 1, "100.64.0.10": 1, "192.168.1.5": 1, "fd01::1": 1}}
    assert overlay_addresses(claims, RANGES) == {"a": ("100.64.0.9/32", "100.64.0.10/32", "fd00::1/128")}


def test_the_first_who_said_so_has_it() -> None:
    """Whoever names another's address later gets nothing by it; of two at the same moment one has it, always the same."""
    claims = {"a": {"100.64.0.1": 5}, "b": {"100.64.0.1": 4, "100.64.0.2": 9}, "c": {"100.64.0.2": 9}}
    found = overlay_addresses(claims, RANGES)
    assert found == {"a": (), "b": ("100.64.0.1/32", "100.64.0.2/32"), "c": ()}
    assert overlay_addresses(dict(reversed(claims.items())), RANGES) == found
