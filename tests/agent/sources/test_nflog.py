"""The socket of a log group on the real kernel, with real rules."""

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtrail.agent import limits
from meshtrail.agent.netlink.nflog import FLAG_CONNTRACK, FLAG_SEQUENCE, Logged
from meshtrail.agent.netlink.packet import Headers, parse
from meshtrail.agent.prefix import PREFIX_BYTES_MAX, VERSION_MAX, decode, encode
from meshtrail.agent.sources import group_owner
from meshtrail.agent.sources.nflog import GroupTakenError, Nflog, NflogError, NflogEvents
from tests.agent.netns import Pair, until

pytestmark = pytest.mark.netns
GROUP = 77
PREFIX = encode("p1", "r1", 3, "D")
RULES = f"""
table inet t {{
  chain i {{ type filter hook input priority 0;
    meta l4proto {{ tcp, udp }} th dport 9 log prefix "{PREFIX}" group {GROUP} drop
    icmp type echo-request log prefix "{PREFIX}" group {GROUP} drop
    icmpv6 type echo-request log prefix "{PREFIX}" group {GROUP} drop
  }}
  chain o {{ type filter hook output priority 0; udp dport 10 log prefix "out" group {GROUP} drop; }}
  chain f {{ type filter hook forward priority 0; log prefix "through" group {GROUP} drop; }}
}}
"""


@pytest.fixture
def nflog(pair: Pair, request: pytest.FixtureRequest) -> Iterator[Nflog]:
    """The group of the near namespace, to which its rules log what they drop."""
    pair.near.run("nft", "-f", "-", text=RULES)
    receive_bytes = getattr(request, "param", 1024**2)
    made = pair.near.inside(lambda: Nflog(GROUP, receive_bytes))
    yield made
    made.close()


def _one(nflog: Nflog) -> tuple[Logged, Headers]:
    packets = until(lambda: nflog.read().packets, "a logged packet")
    headers = parse(packets[0].payload)
    assert headers is not None
    return packets[0], headers


def _send(pair: Pair, address: str, port: int, count: int = 1) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pair.far.open(family, socket.SOCK_DGRAM) as sender:
        for _ in range(count):
            sender.sendto(b"x", (address, port))


def _connect(pair: Pair, address: str, port: int) -> None:
    with pair.far.open(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.connect((address, port))


def _ping(pair: Pair, address: str) -> None:
    family, protocol, kind = (socket.AF_INET6, 58, 128) if ":" in address else (socket.AF_INET, 1, 8)
    with pair.far.open(family, socket.SOCK_RAW, protocol) as sender:
        sender.sendto(bytes([kind, 0, 0xF7, 0xF5, 0, 7, 0, 3]), (address, 0))


@pytest.mark.parametrize("address", ["10.77.0.1", "fd77::1"])
def test_denied(pair: Pair, nflog: Nflog, address: str) -> None:
    """Denied TCP, UDP and ICMP are heard in both families, each with the prefix of its rule."""
    _send(pair, address, 9)
    packet, headers = _one(nflog)
    assert (packet.prefix.decode(), packet.hook, headers.protocol, headers.destination_port) == (PREFIX, 1, 17, 9)
    assert packet.at_us is not None
    assert abs(packet.at_us / 1e6 - time.time()) < 5
    _connect(pair, address, 9)
    packet, headers = _one(nflog)
    assert (headers.protocol, headers.destination_port) == (6, 9)
    _ping(pair, address)
    packet, headers = _one(nflog)
    assert (headers.protocol, headers.icmp_type) in {(1, 8), (58, 128)}
    assert nflog.decoder.counters.lost == 0


def test_denied_on_the_way_out(pair: Pair, nflog: Nflog) -> None:
    """What this machine may not send has the user who tried."""
    with pair.near.open(kind=socket.SOCK_DGRAM) as sender, pytest.raises(PermissionError):
        sender.sendto(b"x", ("10.77.0.2", 10))
    packet, headers = _one(nflog)
    assert (packet.prefix, packet.hook, packet.uid, headers.destination_port) == (b"out", 3, 0, 10)


@pytest.mark.parametrize(("network", "address"), [("10.99.0.0/24", "10.99.0.9"), ("fd99::/64", "fd99::9")])
def test_denied_on_the_way_through(pair: Pair, nflog: Nflog, network: str, address: str) -> None:
    """What is not forwarded says so by its hook."""

    def forward() -> None:
        for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            Path(f"/proc/sys/net/{path}").write_text("1", encoding="ascii")

    pair.near.inside(forward)
    pair.near.ip("route", "add", network, "via", "fd77::2" if ":" in network else "10.77.0.2")
    pair.far.ip("route", "add", network, "via", "fd77::1" if ":" in network else "10.77.0.1")
    _send(pair, address, 53)
    packet, headers = _one(nflog)
    assert (packet.prefix, packet.hook) == (b"through", 2)
    assert headers.destination == socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def test_lone_packet_is_prompt(pair: Pair, nflog: Nflog) -> None:
    """One denied packet is known after about a tenth of a second, and not after the kernel's usual second."""
    began = time.monotonic()
    _send(pair, "10.77.0.1", 9)
    _one(nflog)
    assert 0.05 < time.monotonic() - began < 0.6


@pytest.mark.parametrize("nflog", [4 * 1024**2], indirect=True)
def test_many_packets_come_together(pair: Pair, nflog: Nflog) -> None:
    """Thousands of packets arrive in order, and none is lost."""
    count = 4_000
    packets: list[Logged] = []

    def arrived() -> bool:
        packets.extend(nflog.read().packets)
        return len(packets) == count

    _send(pair, "10.77.0.1", 9, count)
    until(arrived, "all packets")
    assert [packet.sequence for packet in packets] == list(range(count))


@pytest.mark.parametrize("nflog", [65_536], indirect=True)
def test_overrun(pair: Pair, nflog: Nflog) -> None:
    """A reader that stalls hears once that packets were lost, and with the next packet how many."""
    count = 3_000
    _send(pair, "10.77.0.1", 9, count)
    first = nflog.read()
    assert first.overruns == 1
    assert len(first.packets) < count
    _send(pair, "10.77.0.1", 9)
    events: list[NflogEvents] = [first]

    def known() -> bool:
        events.append(nflog.read())
        return sum(len(each.packets) + each.lost for each in events) == count + 1

    until(known, "packets and losses add up")
    assert sum(each.lost for each in events) > 0


def test_one_owner(pair: Pair, nflog: Nflog) -> None:
    """A second binder gets an error that names the group, its owner and the remedy; the first one goes on."""
    with pytest.raises(GroupTakenError) as caught:
        pair.near.inside(lambda: Nflog(GROUP))
    assert caught.value.errno == errno.EPERM
    for each in (f"NFLOG group {GROUP} ", "--nflog-group", "ulogd2", "Calico"):
        assert each in str(caught.value)
    assert f"(process {os.getpid()})" in str(caught.value)
    assert "probably" not in str(caught.value)
    _send(pair, "10.77.0.1", 9)
    _one(nflog)
    nflog.close()
    pair.near.inside(lambda: Nflog(GROUP)).close()


def test_given_back(pair: Pair, nflog: Nflog) -> None:
    """The packets that the kernel was still gathering come when the group is given back; others may have it then."""
    _send(pair, "10.77.0.1", 9, limits.NFLOG_QUEUE_PACKETS // 2)
    nflog.give_back()
    assert len(nflog.read().packets) == limits.NFLOG_QUEUE_PACKETS // 2
    pair.near.inside(lambda: Nflog(GROUP)).close()


def test_unknown_owner(monkeypatch: pytest.MonkeyPatch, pair: Pair, nflog: Nflog) -> None:
    """Where /proc does not tell the owner, the error has everything else; where it tells half, it is a guess."""
    monkeypatch.setattr(group_owner, "SOCKETS_FILE", "/proc/none")
    assert "probably" in str(pair.near.inside(lambda: group_owner.owner_of(GROUP)))
    monkeypatch.setattr(group_owner, "GROUPS_FILE", "/proc/none")
    with pytest.raises(GroupTakenError, match="already has an owner in this network namespace: denials"):
        pair.near.inside(lambda: Nflog(GROUP))


def test_other_groups_are_free(pair: Pair, nflog: Nflog) -> None:
    """The largest group number there is has another owner, and hears nothing of this group."""
    other = pair.near.inside(lambda: Nflog(65_535))
    _send(pair, "10.77.0.1", 9)
    _one(nflog)
    assert other.read() == NflogEvents([], 0, 0, 0)
    other.close()


def test_flags_that_a_kernel_lacks(pair: Pair) -> None:
    """A kernel that cannot send conntrack's view sends the numbers all the same."""
    made = pair.near.inside(lambda: Nflog(GROUP, flags=FLAG_SEQUENCE | FLAG_CONNTRACK))
    assert made.flags in {FLAG_SEQUENCE, FLAG_SEQUENCE | FLAG_CONNTRACK}
    made.close()
    made = pair.near.inside(lambda: Nflog(GROUP, flags=0x8000 | FLAG_CONNTRACK | FLAG_SEQUENCE))
    assert made.flags & FLAG_SEQUENCE
    made.close()


def test_packets_of_the_beginning(pair: Pair) -> None:
    """What is logged while the group is being set up is not lost."""
    pair.near.run("nft", "-f", "-", text=RULES)
    agree = Nflog._agree

    def late(self: Nflog, flags: int) -> None:
        _send(pair, "10.77.0.1", 9, 200)
        agree(self, flags)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Nflog, "_agree", late)
        made = pair.near.inside(lambda: Nflog(GROUP))
    packets = made.read().packets

    def arrived() -> bool:
        packets.extend(made.read().packets)
        return len(packets) == 200

    until(arrived, "all packets")
    made.close()


def test_lost_answer(pair: Pair) -> None:
    """A kernel that does not answer is an error, not a wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("meshtrail.agent.netlink.nflog.bind", lambda *_: struct.pack("=IHHII", 16, 1, 1, 1, 0))
        with pytest.raises(NflogError, match=f"does not answer for NFLOG group {GROUP} "):
            pair.near.inside(lambda: Nflog(GROUP))


@pytest.mark.parametrize(("prefix", "accepted"), [
    (encode("p" * 90, "r" * 90, VERSION_MAX, "D"), True), (encode("é%{}$\"'~\\", "a\nb;c", 7, "D"), True), ("x" * PREFIX_BYTES_MAX, True),
    ("x" * (PREFIX_BYTES_MAX + 1), False),
])  # fmt: skip
def test_prefixes(pair: Pair, prefix: str, accepted: bool) -> None:
    """Prefixes of up to 127 bytes, made of whatever ids, come through nft and the kernel as they were made; longer ones are refused."""
    log = f'log prefix "{prefix}" group {GROUP} drop'
    rules = f"table inet t {{ chain i {{ type filter hook input priority 0; {log}; }}; }}"
    if not accepted:
        with pytest.raises(AssertionError, match=r"too long|range"):
            pair.near.run("nft", "-f", "-", text=rules)
        return
    pair.near.run("nft", "-f", "-", text=rules)
    made = pair.near.inside(lambda: Nflog(GROUP))
    _send(pair, "10.77.0.1", 9)
    packet, _ = _one(made)
    made.close()
    assert packet.prefix == prefix.encode("ascii")
    assert (decode(packet.prefix) is None) == prefix.startswith("x")
