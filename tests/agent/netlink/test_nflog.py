"""NFLOG's messages: requests, datagrams of a real kernel (6.18.44), and damaged ones."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from meshtrail.agent import limits
from meshtrail.agent.netlink import attributes as a
from meshtrail.agent.netlink.nflog import FLAG_SEQUENCE, LogDecoder, Logged, answer, bind, set_flags
from meshtrail.agent.netlink.packet import parse

_STORED = Path(__file__).parents[1] / "fixtures" / "nflog-6.18.json"
DATAGRAMS = {name: bytes.fromhex(content) for name, content in json.loads(_STORED.read_text(encoding="ascii")).items()}
_PREFIX, _TIMESTAMP, _SEQUENCE, _CT_INFO = 10, 3, 12, 19


def _decode(name: str) -> Logged:
    (packet,) = LogDecoder().decode(DATAGRAMS[name])
    return packet


def _message(*attributes: tuple[int, bytes], kind: int = 0x400) -> bytes:
    body = b"".join(
        struct.pack("=HH", len(content) + 4, number) + content + b"\x00" * (-len(content) % 4) for number, content in attributes
    )
    return struct.pack("=IHHIIBBH", 20 + len(body), kind, 0, 0, 0, 2, 0, 7) + body


def _numbered(sequence: int, *more: tuple[int, bytes]) -> bytes:
    return _message((1, b"\x08\x00\x01\x00"), (9, b"E"), (_SEQUENCE, struct.pack(">I", sequence)), *more)


@pytest.mark.parametrize(("name", "wanted"), [
    ("udp_in", {"hook": 1, "prefix": b"meshtrail:p1:r1@3:D", "sequence": 0, "uid": None, "mark": 0}),
    ("tcp6_in", {"hook": 1, "prefix": b"meshtrail:p1:r2@3:D"}),
    ("icmp_in", {"prefix": b"meshtrail::@0:D"}),
    ("udp_out", {"hook": 3, "prefix": b"foreign out: ", "uid": 0, "at_us": None}),
    ("udp_forward", {"hook": 2, "prefix": b"x" * 127, "mark": 5}),
])  # fmt: skip
def test_real_datagrams(name: str, wanted: dict[str, Any]) -> None:
    """Each kind of packet is read to what the rule that logged it says."""
    packet = _decode(name)._asdict()
    assert {field: packet[field] for field in wanted} == wanted
    assert packet["is_reply"] is False


def test_time() -> None:
    """A packet that came in has the time of its arrival in microseconds."""
    at_us = _decode("udp_in").at_us
    assert at_us is not None
    assert 1_795_000_000_000_000 < at_us < 1_796_000_000_000_000


def test_batch() -> None:
    """All packets of one datagram are read, and numbers without a hole mean that none is missing."""
    decoder = LogDecoder()
    for name, datagram in DATAGRAMS.items():
        assert decoder.decode(datagram), name
    assert len(LogDecoder().decode(DATAGRAMS["udp_batch"])) == 3
    assert (decoder.counters.malformed, decoder.counters.lost) == (0, 0)
    assert decoder.counters.packets == len(DATAGRAMS) + 2


def test_holes() -> None:
    """A hole in the numbers is counted, also before the first packet and over the end of 32 bits; a new count is no loss."""
    decoder = LogDecoder()
    decoder.decode(_numbered(3))
    assert decoder.counters.lost == 3
    decoder.decode(_numbered(4) + _numbered(7))
    assert decoder.counters.lost == 5
    decoder.decode(_numbered(2))
    assert decoder.counters.lost == 5
    decoder = LogDecoder()
    decoder.decode(_numbered(2**31))
    decoder.decode(_numbered(2**32 - 1))
    before = decoder.counters.lost
    decoder.decode(_numbered(1))
    assert decoder.counters.lost == before + 1


def test_answers_are_known() -> None:
    """Where the kernel says how conntrack sees a packet, an answer is told from a question."""
    decoder = LogDecoder()
    infos = [decoder.decode(_numbered(each, (_CT_INFO, struct.pack(">I", each))))[0].is_reply for each in range(5)]
    assert infos == [False, False, False, True, True]


@pytest.mark.parametrize("attributes", [
    (), ((1, b"\x08\x00\x01\x00"),), ((9, b"E"),), ((1, b"\x08"), (9, b"E")),
])  # fmt: skip
def test_half_a_packet(attributes: tuple[tuple[int, bytes], ...]) -> None:
    """A message without hook or payload is counted."""
    decoder = LogDecoder()
    assert decoder.decode(_message(*attributes)) == []
    assert decoder.counters.malformed == 1


def test_impossible_values() -> None:
    """Attributes of a wrong length, and times that are none, are left out of the packet."""
    (packet,) = LogDecoder().decode(
        _message((1, b"\x08\x00\x02\x00"), (9, b"E"), (_SEQUENCE, b"12"), (_TIMESTAMP, b"\xff" * 16), (11, b""))
    )
    assert packet == Logged(2, b"", b"E", None, None, 0, None, False)


def test_other_messages() -> None:
    """What ends a batch, and what is of another subsystem, is passed over."""
    decoder = LogDecoder()
    assert decoder.decode(_message(kind=a.NLMSG_DONE) + _message(kind=0x100) + _numbered(0)) != []
    assert decoder.counters.malformed == 0


@given(name=some.sampled_from(sorted(DATAGRAMS)), cut=some.integers(1, 600))
def test_truncated(name: str, cut: int) -> None:
    """A datagram that ends too early never raises, and is counted unless whole messages are left."""
    decoder = LogDecoder()
    datagram = DATAGRAMS[name][:cut]
    packets = decoder.decode(datagram)
    assert packets or decoder.counters.malformed
    for packet in packets:
        parse(packet.payload)
    answer(datagram, 0)


@given(
    name=some.sampled_from(sorted(DATAGRAMS)), changes=some.lists(some.tuples(some.integers(0, 600), some.integers(0, 255)), max_size=12)
)
def test_mutated(name: str, changes: list[tuple[int, int]]) -> None:
    """Damaged bytes never raise, and do not spoil what is read next."""
    datagram = bytearray(DATAGRAMS[name])
    for place, value in changes:
        datagram[place % len(datagram)] = value
    decoder = LogDecoder()
    for packet in decoder.decode(bytes(datagram)):
        headers = parse(packet.payload)
        assert headers is None or {len(headers.source), len(headers.destination)} <= {4, 16}
    answer(bytes(datagram), 1)
    assert decoder.decode(DATAGRAMS[name]) == LogDecoder().decode(DATAGRAMS[name])


@given(some.binary(max_size=300))
def test_noise(content: bytes) -> None:
    """Noise never raises."""
    LogDecoder().decode(content)
    LogDecoder().decode(_message() + content)
    answer(content, 0)


def test_requests() -> None:
    """A request says group and sequence where the kernel looks for them, and asks for an answer."""
    request = bind(5, 0x0102)
    length, kind, flags, sequence, _, _, _, group = struct.unpack_from("=IHHIIBB2s", request)
    assert (length, kind, flags, sequence, group) == (len(request), 0x401, 0x5, 5, b"\x01\x02")
    assert struct.pack(">IBx", limits.NFLOG_COPY_BYTES, 2) in request
    assert set_flags(6, 1, FLAG_SEQUENCE)[20:26] == struct.pack("=HH", 6, 6) + b"\x00\x01"


def test_answer() -> None:
    """The answer to a request is found behind packets, and no other's is taken for it."""
    refusal = struct.pack("=IHHIIi", 36, a.NLMSG_ERROR, 0, 9, 0, -1) + b"\x00" * 16
    done = struct.pack("=IHHIIi", 36, a.NLMSG_ERROR, 0, 8, 0, 0) + b"\x00" * 16
    assert answer(_numbered(0) + refusal, 9) == 1
    assert answer(done, 8) == 0
    assert answer(done, 9) is None
    assert answer(refusal[:18], 9) is None
