"""Names of connections that stay the same across agent restarts.

A flow id is a UUIDv8 (RFC 9562, 5.8): 48 bits of instance (boot and network namespace), version, 12 bits zero, variant,
6 bits zero, 24 bits zero… packed as: bytes 0-5 instance, 6-7 version, 8 variant, 9 zero, 10-13 conntrack id, 14-15 the low
16 bits of the second in which the connection began (a conntrack id can come again later).
"""

import hashlib
import os
import struct
from pathlib import Path

_TAIL = struct.Struct(">IH")
_MIDDLE = b"\x80\x00\x80\x00"


def instance(boot_id: str, namespace: int) -> bytes:
    """Six bytes that name this boot and network namespace."""
    return hashlib.blake2b(f"{boot_id.strip()}/{namespace}".encode(), digest_size=6).digest()


def this_instance() -> bytes:
    """The instance of this process."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return instance(boot, os.stat("/proc/self/ns/net").st_ino)


def make(instance_bytes: bytes, conntrack_id: int, started_us: int) -> str:
    """The flow id as text."""
    text = (instance_bytes + _MIDDLE + _TAIL.pack(conntrack_id, started_us // 1_000_000 & 0xFFFF)).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def conntrack_id(flow_id: str, instance_bytes: bytes) -> int | None:
    """The conntrack id inside a flow id of this instance; None for another's."""
    raw = bytes.fromhex(flow_id.replace("-", ""))
    if len(raw) != 16 or raw[:6] != instance_bytes:
        return None
    number: int = _TAIL.unpack_from(raw, 10)[0]
    return number
