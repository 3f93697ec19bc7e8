"""Requests to conntrack, as bytes."""

import struct

import pytest

from meshtrail.agent.netlink import attributes as a
from meshtrail.agent.netlink import requests
from meshtrail.agent.netlink.decode import Decoder, walk
from tests.agent.records import datagrams


def test_dump() -> None:
    """A dump asks for all entries of both address families, and resets no counters."""
    length, kind, flags, sequence, _ = struct.unpack_from("=IHHII", requests.dump(7))
    assert (length, kind, flags, sequence) == (20, 0x101, 0x301, 7)


@pytest.mark.parametrize("name", ["tcp_new", "tcp6_new", "udp_marked_new"])
def test_get_mirrors_the_tuple(name: str) -> None:
    """A get names the connection by the very tuple that the kernel sent."""
    datagram = datagrams()[name]
    (record,) = Decoder().decode(datagram)
    asked = requests.get(1, record)
    assert struct.unpack_from("=I", asked)[0] == len(asked)

    def leaves(message: bytes) -> dict[tuple[int, ...], bytes]:
        found = walk(message, a.HEADER_BYTES + a.GENERIC_BYTES, len(message))
        return {
            each.path: message[each.payload : each.payload + each.length]
            for each in found
            if each.path[0] == a.TUPLE_ORIG and len(each.path) == 3
        }

    assert leaves(asked) == leaves(datagram)


def test_filter_is_whole_instructions() -> None:
    """The socket filter is a sequence of instructions of eight bytes that ends with a verdict."""
    program = requests.closing_filter()
    assert len(program) % 8 == 0
    assert struct.unpack_from("=H", program, len(program) - 8)[0] == 0x06
