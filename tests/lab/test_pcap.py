"""Capture files become connections, counted as connection tracking counts."""

import pytest

from lab.pcap import FRAME_BYTES_MAX, PcapError, connections, packets
from tests.lab.frames import ACK, FIN, ICMP, ICMP6, RST, SYN, TCP, UDP, icmp, packet, pcap, tcp, udp

A, B = "100.90.0.1", "100.90.0.3"
A6, B6 = "fd90::1", "fd90::3"


def there(flags: int, payload: int = 0, port: int = 4000) -> bytes:
    """A segment from A to B."""
    return packet(A, B, TCP, tcp(port, 443, flags, payload))


def back(flags: int, payload: int = 0, port: int = 4000) -> bytes:
    """A segment from B to A."""
    return packet(B, A, TCP, tcp(443, port, flags, payload))


def test_a_connection_counts_packets_and_bytes_of_both_ways() -> None:
    """Bytes are those from the IP header on, whole ones, though only the head was captured."""
    content = pcap(there(SYN), back(SYN | ACK), there(ACK, 1_000), back(ACK, 300), there(FIN | ACK), back(FIN | ACK), there(ACK))
    (found,) = connections(content)
    assert found.ends == (TCP, A, 4000, B, 443)
    assert (found.packets, found.size) == (4, 4 * 40 + 1_000)
    assert (found.reply_packets, found.reply_size) == (3, 3 * 40 + 300)
    assert (found.began, found.ended) == (1_000.5, 1_006.5)


def test_a_repeated_syn_is_counted_aside() -> None:
    """Connection tracking does not count it either."""
    (found,) = connections(pcap(there(SYN), there(SYN), there(SYN)))
    assert (found.packets, found.repeated, found.reply_packets) == (1, 2, 0)


def test_the_same_ends_again_are_another_connection() -> None:
    """A SYN after answers begins anew."""
    content = pcap(there(SYN), back(RST | ACK), there(SYN), back(SYN | ACK), there(ACK))
    first, second = connections(content)
    assert (first.packets, first.reply_packets) == (1, 1)
    assert (second.packets, second.reply_packets) == (2, 1)


def test_udp_and_echo_over_both_versions() -> None:
    """Each protocol has its ends; ICMP has no ports, and its identifier keeps two pings apart."""
    content = pcap(
        packet(A6, B6, UDP, udp(5000, 53, 40)), packet(B6, A6, UDP, udp(53, 5000, 90)),
        packet(A, B, ICMP, icmp(8, 7, 56)), packet(B, A, ICMP, icmp(0, 7, 56)),
        packet(A, B, ICMP, icmp(8, 8)), packet(A6, B6, ICMP6, icmp(128, 7)),
    )  # fmt: skip
    question, ping, other, ping6 = connections(content)
    assert (question.ends, question.size, question.reply_size) == ((UDP, A6, 5000, B6, 53), 88, 138)
    assert (ping.ends, ping.size, ping.reply_size) == ((ICMP, A, None, B, None), 84, 84)
    assert (other.ends, other.reply_packets) == (ping.ends, 0)
    assert ping6.ends == (ICMP6, A6, None, B6, None)


def test_noise_is_left_out() -> None:
    """ARP, multicast, link-local talk, neighbour discovery and ICMP errors are no connections."""
    arp = packet(A, B, UDP, udp(1, 2, 40))[:12] + b"\x08\x06" + bytes(60)
    content = pcap(
        arp, packet(A, "224.0.0.22", 2, bytes(20)), packet(A6, "ff02::16", ICMP6, icmp(143, 0)),
        packet("fe80::1", B6, ICMP6, icmp(135, 0, 16)), packet(A6, B6, ICMP6, icmp(136, 0, 16)), packet(B, A, ICMP, icmp(3, 0, 40)),
    )  # fmt: skip
    assert connections(content) == []


def test_big_endian_and_nanoseconds() -> None:
    """A file of another machine is read too."""
    (first,) = packets(pcap(there(SYN), order=">"))
    assert first.at == 1_000.5
    nanoseconds = bytearray(pcap(there(SYN)))
    nanoseconds[:4] = b"\x4d\x3c\xb2\xa1"
    (first,) = packets(bytes(nanoseconds))
    assert first.at == pytest.approx(1_000.000_5)


def test_a_cut_off_end_is_left_out() -> None:
    """The frame that tcpdump was writing when it was ended."""
    whole = pcap(there(SYN), back(SYN | ACK))
    for cut in range(1, 70):
        assert len(list(packets(whole[:-cut]))) == 1, cut


def test_what_is_no_capture_is_refused() -> None:
    """Another format, another link, an impossible length, a fragment."""
    with pytest.raises(PcapError, match="no pcap"):
        connections(b"\x0a\x0d\x0d\x0a" + bytes(40))
    with pytest.raises(PcapError, match="link type"):
        connections(pcap()[:20] + b"\x71\x00\x00\x00")
    broken = bytearray(pcap(there(SYN)))
    broken[32:36] = (FRAME_BYTES_MAX + 1).to_bytes(4, "little")
    with pytest.raises(PcapError, match="a frame of"):
        connections(bytes(broken))
    fragment = bytearray(there(SYN))
    fragment[20:22] = b"\x00\x08"
    with pytest.raises(PcapError, match="fragments"):
        connections(pcap(bytes(fragment)))
