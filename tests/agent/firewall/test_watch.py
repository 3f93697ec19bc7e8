"""Generations of rules, from bytes and from the kernel."""

import random
import struct

import pytest

from meshtrail.agent.firewall.watch import Generation, Watch, decode, following, later
from tests.agent.netns import Pair


def _attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", len(payload) + 4, kind) + payload + b"\x00" * (-len(payload) % 4)


def _message(number: int = 7, name: bytes = b"nft\x00", kind: int = 0x0A0F) -> bytes:
    body = (
        struct.pack(">BBH", 0, 0, 0) + _attribute(1, struct.pack(">I", number)) + _attribute(2, struct.pack(">I", 99)) + _attribute(3, name)
    )
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def test_decode() -> None:
    """A datagram tells of generations, and of other things, which are passed over."""
    assert decode(_message(1) + _message(2, kind=0x0A06) + _message(3, b"iptables\x00")) == [
        Generation(1, "nft"),
        Generation(3, "iptables"),
    ]


def test_damaged() -> None:
    """Bytes that are no messages tell of nothing and do no harm."""
    chance = random.Random(5)
    good = _message() * 2
    for _ in range(3_000):
        damaged = bytearray(good[: chance.randrange(len(good))])
        for _ in range(min(len(damaged), 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        assert len(decode(bytes(damaged))) <= 2
    assert decode(struct.pack("=IHHII", 24, 0x0A0F, 0, 0, 0) + struct.pack(">BBHHH", 0, 0, 0, 2, 1)) == []


def test_order() -> None:
    """Generations go round."""
    assert later(2, 1) and not later(1, 1) and not later(1, 2)
    assert later(0, 2**32 - 1) and following(2**32 - 1) == 0


@pytest.mark.netns
def test_hears_one_word_for_each_transaction(pair: Pair) -> None:
    """However many rules change at once, there is one word, with the program's name; and none of other namespaces."""
    watch = pair.near.inside(Watch)
    try:
        pair.far.nft("add table inet other")
        pair.near.nft("add table inet other; add chain inet other a; add chain inet other b; add rule inet other a counter")
        assert watch.wait(5)
        generations, missing = watch.read()
        assert [each.program for each in generations] == ["nft"] and not missing
        assert not watch.wait(0)
    finally:
        watch.close()
