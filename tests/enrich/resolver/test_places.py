"""What lies behind routing peers, as each of them sees it."""

import ipaddress

import numpy as np
import pytest

from meshtrail.enrich.resolver import bits, places
from meshtrail.enrich.resolver.book import packed
from meshtrail.enrich.resolver.material import Ends, Line, Material, Place, Rule
from meshtrail.enrich.resolver.places import EVERYBODY, NOT_FORWARDED, NOWHERE, Places

PLACES = (
    Place("wide", 0, ipaddress.ip_network("10.0.0.0/8")),
    Place("narrow", 1, ipaddress.ip_network("10.1.0.0/16")),
    Place("twin", 2, ipaddress.ip_network("10.1.0.0/16")),
    Place("six", 0, ipaddress.ip_network("fd00::/64")),
    Place("name", 1, None),
)


def material(routers: dict[str, frozenset[int]], ordered: bool = True) -> Material:
    """One rule to each place; network 0 lets everything in."""
    rules = [Rule(Line(f"p{number}", "policy", 1, f"r{number}", True), Ends(), Ends(), (number,), "all") for number in range(len(PLACES))]
    return Material((), {}, (), np.zeros((0, 0), bool), rules, PLACES, (True, False, False), routers, False, ordered)


def rules_at(found: Places, place: int, view: int = EVERYBODY) -> list[int]:
    """Rules that may end at a place."""
    return bits.numbers(found.rows[view * found.count + place], 10)


def test_the_longest_prefix_is_within_the_shorter_ones() -> None:
    """All resources that hold an address count."""
    found = Places(material({"r": frozenset({0, 1, 2})}))
    assert rules_at(found, found.of(packed("10.9.9.9"))) == [0]
    assert rules_at(found, found.of(packed("10.1.9.9"))) == [0, 1, 2]
    assert rules_at(found, found.of(packed("fd00::5"))) == [3]
    assert found.of(packed("192.0.2.1")) == NOWHERE
    assert rules_at(found, found.resources["name"]) == [4]
    assert found.resources["narrow"] == found.of(packed("10.1.0.0"))


def test_each_router_sees_its_networks() -> None:
    """And decides by the first of them; who knows of none in particular is certain only where all are alike."""
    found = Places(material({"one": frozenset({0}), "two": frozenset({1, 2})}))
    place = found.of(packed("10.1.2.3"))
    one, two = (found.views[name] for name in ("one", "two"))
    assert (rules_at(found, place, one), rules_at(found, place, two), rules_at(found, place)) == ([0], [1, 2], [0, 1, 2])
    wide = found.of(packed("10.9.9.9"))
    rows = {view: view * found.count for view in (EVERYBODY, one, two)}
    assert [int(found.defaults[rows[view] + place]) for view in (one, two, EVERYBODY)] == [1, 2, 3]
    assert [bool(found.ordered[rows[view] + place]) for view in (one, two, EVERYBODY)] == [True, True, False]
    assert (int(found.defaults[wide]), bool(found.ordered[wide]), rules_at(found, wide, two)) == (1, True, [])


def test_elsewhere_may_be_any_domain() -> None:
    """An address in no resource may be one of a domain's, for those who route it; nothing is known where nobody forwards."""
    found = Places(material({"one": frozenset({0}), "two": frozenset({1})}))
    assert (rules_at(found, NOWHERE), bool(found.doubtful[NOWHERE]), int(found.defaults[NOWHERE])) == ([4], True, 2)
    assert rules_at(found, NOWHERE, found.views["one"]) == []
    assert rules_at(found, NOWHERE, found.views["two"]) == [4]
    assert int(found.defaults[NOT_FORWARDED]) == 0


def test_views_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past a size all routing peers see what any of them may."""
    monkeypatch.setattr(places, "PLACE_WORDS_MAX", 1)
    found = Places(material({"one": frozenset({0}), "two": frozenset({1, 2})}))
    assert set(found.views.values()) == {EVERYBODY}
