"""Addresses are looked at once, and forgotten when they are too many."""

import pytest

from meshtrail.enrich.resolver import addresses
from meshtrail.enrich.resolver.addresses import Addresses
from meshtrail.enrich.resolver.book import packed

A, B, SIX = packed("100.64.0.1"), packed("100.64.0.2"), packed("fd00::1")


def test_each_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same one again costs nothing; rows without an address get what is said of them; past a number all begins anew."""
    seen: list[bytes] = []

    def look(address: bytes) -> tuple[int, int, int]:
        seen.append(address)
        return address[-1], 10 + address[-1], 20 + address[-1]

    known = Addresses(look, (-1, -2, -3))
    for _ in range(2):
        found = known.of([A, SIX])
        assert (found.peers.tolist(), found.sources.tolist(), found.places.tolist()) == ([1, 1, -1], [11, 11, -2], [21, 21, -3])
        assert found.is_v4.tolist() == [True, False, False]
    assert known.of([B, A]).peers.tolist() == [2, 1, -1]
    assert seen == [A, SIX, B]
    monkeypatch.setattr(addresses, "ADDRESSES_REMEMBERED", 3)
    assert known.of([A, B]).peers.tolist() == [1, 2, -1]
    assert seen == [A, SIX, B, A, B]
    assert known.of([]).peers.tolist() == [-1]
