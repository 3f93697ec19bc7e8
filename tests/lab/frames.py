"""Capture files for tests, made byte by byte."""

import socket
import struct

SYN, ACK, RST, FIN = 0x02, 0x10, 0x04, 0x01
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
_MAC = b"\x02\x00\x00\x00\x00\x01" + b"\x02\x00\x00\x00\x00\x02"


def tcp(source_port: int, destination_port: int, flags: int, payload: int = 0) -> bytes:
    """A TCP segment."""
    return struct.pack("!HHIIBBHHH", source_port, destination_port, 0, 0, 5 << 4, flags, 0, 0, 0) + bytes(payload)


def udp(source_port: int, destination_port: int, payload: int) -> bytes:
    """A UDP datagram."""
    return struct.pack("!HHHH", source_port, destination_port, 8 + payload, 0) + bytes(payload)


def icmp(kind: int, identifier: int, payload: int = 0) -> bytes:
    """An ICMP or ICMPv6 message."""
    return struct.pack("!BBHHH", kind, 0, 0, identifier, 1) + bytes(payload)


def packet(source: str, destination: str, protocol: int, body: bytes) -> bytes:
    """An IP packet in an Ethernet frame."""
    if ":" in source:
        head = struct.pack("!IHBB", 6 << 28, len(body), protocol, 64)
        ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
        return _MAC + b"\x86\xdd" + head + ends + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0)
    return _MAC + b"\x08\x00" + head + socket.inet_aton(source) + socket.inet_aton(destination) + body


def pcap(*frames: bytes, order: str = "<", snap: int = 128) -> bytes:
    """A capture file; frames come a second apart."""
    content = struct.pack(f"{order}IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, snap, 1)
    for number, frame in enumerate(frames):
        content += struct.pack(f"{order}IIII", 1_000 + number, 500_000, min(len(frame), snap), len(frame)) + frame[:snap]
    return content
