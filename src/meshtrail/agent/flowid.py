"""Names of connections that stay the same across agent restarts.

A flow id is a UUIDv8 (RFC 9562, 5.8), from the highest bit:

    32 bits  instance: hash of boot id and network namespace
    16 bits  hash of the connection's addresses and ports
     4 bits  version, 8
    12 bits  conntrack id, its high bits
     2 bits  variant, binary 10
    20 bits  conntrack id, its low bits
    32 bits  start of the connection, seconds since the epoch
    10 bits  start of the connection, milliseconds of that second

The kernel uses a conntrack id again when it uses the memory again for the same addresses and ports; the time tells them
apart. And two connections may have one id at the same time, because it is a hash of 32 bits: with a hundred thousand
connections open that is one pair on average. The hash of the addresses tells those apart.
"""

import hashlib
import os
from pathlib import Path
from zlib import crc32

_VERSION_AND_VARIANT = 8 << 76 | 2 << 62
_INSTANCE_BYTES = 4
_INSTANCE_SHIFT = 96
_LOW_BITS = 20
_LOW_MASK = (1 << _LOW_BITS) - 1
_MULTIPLIER = 0x9E3779B1
"""2^32 divided by the golden ratio: spreads neighbouring ports (Knuth)."""


def instance(boot_id: str, namespace: int) -> bytes:
    """Six bytes that name this boot and network namespace."""
    return hashlib.blake2b(f"{boot_id.strip()}/{namespace}".encode(), digest_size=6).digest()


def this_instance() -> bytes:
    """The instance of this process."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return instance(boot, os.stat("/proc/self/ns/net").st_ino)


def tuple_bits(addresses: bytes, ports: int) -> int:
    """Sixteen bits of a connection's packed addresses and its ports; the same in every process."""
    mixed = crc32(addresses) + ports * _MULTIPLIER
    return (mixed ^ mixed >> 16) & 0xFFFF


class Maker:
    """Makes the flow ids of one instance."""

    def __init__(self, instance_bytes: bytes) -> None:
        self._base = int.from_bytes(instance_bytes[:_INSTANCE_BYTES], "big") << _INSTANCE_SHIFT | _VERSION_AND_VARIANT

    def make(self, number: int, started_us: int, tuple_hash: int = 0) -> str:
        """The flow id as text, from the conntrack id, the start, and `tuple_bits`."""
        seconds, rest = divmod(started_us, 1_000_000)
        time_bits = (seconds & 0xFFFFFFFF) << 10 | rest // 1_000
        high = self._base | tuple_hash << 80 | (number >> _LOW_BITS) << 64
        text = f"{high | (number & _LOW_MASK) << 42 | time_bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def conntrack_id(flow_id: str, instance_bytes: bytes) -> int | None:
    """The conntrack id inside a flow id of this instance; None for any other."""
    try:
        value = int(flow_id.replace("-", ""), 16)
    except ValueError:
        return None
    if value >> _INSTANCE_SHIFT != int.from_bytes(instance_bytes[:_INSTANCE_BYTES], "big") or value >> 76 & 0xF != 8:
        return None
    return (value >> 64 & 0xFFF) << _LOW_BITS | value >> 42 & _LOW_MASK
