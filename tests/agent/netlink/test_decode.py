"""The decoder, on datagrams of a real kernel and on damaged ones."""

import random
import socket
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from meshtrail.agent.netlink import attributes as a
from meshtrail.agent.netlink.decode import LENGTHS_MAX, SHAPES_PER_LENGTH_MAX, Decoder, Record, error_number
from tests.agent.records import datagrams

DATAGRAMS = datagrams()


def _decode(name: str) -> Record:
    (record,) = Decoder().decode(DATAGRAMS[name])
    return record


@pytest.mark.parametrize(("name", "wanted"), [
    ("tcp_new", {"kind": "new", "protocol": 6, "tcp_state": 1, "packets_orig": None, "started_ns": None}),
    ("tcp_update_time_wait", {"kind": "update", "tcp_state": 7, "packets_orig": None}),
    ("tcp_destroy_deleted", {"kind": "destroy", "tcp_state": 7, "timeout_s": 119, "packets_orig": 6, "bytes_reply": 416}),
    ("tcp_refused_destroy", {"kind": "destroy", "tcp_state": 8, "packets_reply": 1, "destination_port": 1}),
    ("tcp_dnat_new", {"destination_port": 80, "reply_source_port": 8080, "reply_source": socket.inet_aton("10.77.0.2")}),
    ("udp_marked_new", {"mark": 5, "protocol": 17, "tcp_state": None, "source_port": 5555, "destination_port": 7777}),
    ("udp_marked_destroy_expired", {"mark": 5, "timeout_s": None, "packets_orig": 1, "packets_reply": 0}),
    ("udp_destroy_uncounted", {"packets_orig": None, "started_ns": None, "event_ns": None}),
    ("icmp_new", {"protocol": 1, "icmp_type": 8, "icmp_code": 0, "icmp_id": 7, "source_port": None}),
    ("icmp6_new", {"protocol": 58, "icmp_type": 128, "source": socket.inet_pton(socket.AF_INET6, "fd77::1")}),
    ("tcp6_destroy", {"protocol": 6, "destination": socket.inet_pton(socket.AF_INET6, "fd77::2"), "packets_reply": 4}),
    ("tcp_dump", {"mark": 0, "tcp_state": 3, "packets_orig": 4, "event_ns": None}),
])  # fmt: skip
def test_real_datagrams(name: str, wanted: dict[str, Any]) -> None:
    """Each kind of message that the kernel sends is read to what `conntrack` shows for it."""
    record = _decode(name)._asdict()
    assert {field: record[field] for field in wanted} == wanted


def test_one_connection() -> None:
    """Start, entry and end of one connection have one id, and the start's time is the entry's to a millisecond."""
    start, listed, end = (_decode(name) for name in ("tcp_new", "tcp_dump", "tcp_destroy_deleted"))
    assert start.id == listed.id == end.id
    assert start.event_ns is not None
    assert listed.started_ns is not None
    assert end.started_ns is not None
    assert end.stopped_ns is not None
    assert abs(start.event_ns - listed.started_ns) < 1_000_000
    assert listed.started_ns == end.started_ns < end.stopped_ns


def test_known_shapes_are_not_walked() -> None:
    """A shape is walked once; messages of the same length and another shape are noticed, and remembered beside it."""
    decoder = Decoder()
    for _ in range(3):
        for datagram in DATAGRAMS.values():
            decoder.decode(datagram)
    walked = decoder.walked
    assert walked <= len(DATAGRAMS)
    fresh = [Decoder().decode(datagram) for datagram in DATAGRAMS.values()]
    assert [decoder.decode(datagram) for datagram in DATAGRAMS.values()] == fresh
    assert decoder.walked == walked
    assert decoder.malformed == 0


def test_several_messages() -> None:
    """All messages of a datagram are read."""
    together = DATAGRAMS["tcp_new"] + DATAGRAMS["udp_new"] + DATAGRAMS["tcp6_destroy"]
    assert [record.kind for record in Decoder().decode(together)] == ["new", "new", "destroy"]


def test_same_length_other_layout() -> None:
    """A message as long as a known one, with other attributes, is not read by the wrong layout."""
    datagram = DATAGRAMS["udp_marked_new"]
    header = struct.pack("=HH", 8, a.MARK)
    other = datagram.replace(header, struct.pack("=HH", 8, 0x30))
    assert other != datagram
    decoder = Decoder()
    assert decoder.decode(datagram)[0].mark == 5
    assert decoder.decode(other)[0].mark is None
    assert decoder.walked == 2


def test_memory_is_bounded() -> None:
    """However many shapes come, a bounded number is remembered, and all are read."""
    decoder = Decoder()
    datagram = DATAGRAMS["udp_new"]
    for kind in range(100, 100 + 4 * SHAPES_PER_LENGTH_MAX):
        extra = struct.pack("=HH4s", 8, kind, b"abcd")
        longer = struct.pack("=I", len(datagram) + 8) + datagram[4:] + extra
        assert decoder.decode(longer)[0].protocol == 17
    for size in range(LENGTHS_MAX + 5):
        extra = struct.pack("=HH", 4 + 4 * size, 99) + b"\x00" * 4 * size
        longer = struct.pack("=I", len(datagram) + len(extra)) + datagram[4:] + extra
        assert decoder.decode(longer)[0].protocol == 17


@given(name=some.sampled_from(sorted(DATAGRAMS)), cut=some.integers(0, 400))
def test_truncated(name: str, cut: int) -> None:
    """A datagram that ends too early is counted and never raises."""
    decoder = Decoder()
    datagram = DATAGRAMS[name][:cut]
    records = decoder.decode(datagram)
    assert len(records) + decoder.malformed + (name == "dump_done") >= (1 if datagram else 0)
    list(decoder.messages(datagram))
    error_number(datagram)


@given(
    name=some.sampled_from(sorted(DATAGRAMS)),
    changes=some.lists(some.tuples(some.integers(0, 307), some.integers(0, 255)), max_size=12),
    follow=some.sampled_from(sorted(DATAGRAMS)),
)
def test_mutated(name: str, changes: list[tuple[int, int]], follow: str) -> None:
    """Damaged bytes never raise, give only addresses of a possible length, and do not spoil what is read next."""
    datagram = bytearray(DATAGRAMS[name])
    for place, value in changes:
        datagram[place % len(datagram)] = value
    decoder = Decoder()
    for record in decoder.decode(bytes(datagram)):
        assert {len(record.source), len(record.destination)} <= {4, 16}
        assert 0 <= record.protocol < 256
    assert decoder.decode(DATAGRAMS[follow]) == Decoder().decode(DATAGRAMS[follow])


def test_half_a_message() -> None:
    """A message that is damaged in its middle is counted, and does not teach a layout that fits whole messages."""
    whole = DATAGRAMS["icmp6_new"]
    damaged = bytearray(whole)
    damaged[96] = 0
    decoder = Decoder()
    assert decoder.decode(bytes(damaged)) == []
    assert decoder.malformed == 1
    assert decoder.decode(whole)[0].icmp_type == 128


def test_many_mutations() -> None:
    """Whatever a decoder was fed, it reads whole messages as a fresh one does."""
    chance = random.Random(5)
    fresh = {name: Decoder().decode(datagram) for name, datagram in DATAGRAMS.items()}
    for _ in range(300):
        decoder = Decoder()
        for _ in range(20):
            damaged = bytearray(chance.choice(list(DATAGRAMS.values())))
            for _ in range(chance.randrange(1, 6)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            decoder.decode(bytes(damaged))
        assert {name: decoder.decode(datagram) for name, datagram in DATAGRAMS.items()} == fresh


@given(some.binary(max_size=300))
def test_noise(content: bytes) -> None:
    """Noise never raises."""
    assert Decoder().decode(content) is not None
    assert Decoder().record("entry", content) is None


def test_error_number() -> None:
    """The errno of a refusal is read, an acknowledgement is 0."""
    message = struct.pack("=IHHIIi", 36, a.NLMSG_ERROR, 0, 1, 0, -2)
    assert error_number(message) == 2
    assert error_number(struct.pack("=IHHIIi", 36, a.NLMSG_ERROR, 0, 1, 0, 0)) == 0
