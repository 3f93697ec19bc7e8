"""Talks: connections over real sockets between nodes, and what the sockets counted."""

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.limits import CHUNK_BYTES, DENIED_S, TALK_S_MAX
from lab.namespace import LabError
from lab.topology import Node

TCP, UDP, ICMP, ICMP6 = socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6
_ECHO = {ICMP: 8, ICMP6: 128}
_TCP_REPAIR = 19
_TCP_INFO_BYTES = 256
_BYTES_RETRANS = 208
"""Where `tcpi_bytes_retrans` stands in `struct tcp_info`."""
_LINGER_NONE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Talk:
    """One connection or attempt, seen from its initiator. Bytes are payload."""

    protocol: int
    source: str
    destination: str
    source_port: int | None = None
    destination_port: int | None = None
    icmp_type: int | None = None
    sent: int = 0
    received: int = 0
    packets_sent: int | None = None
    """Datagrams; None where the sockets do not know the packets."""
    packets_received: int | None = None
    answered: bool = True
    """Whether it came about: the connection was accepted or reset, a datagram was answered."""
    began: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    ended: float = 0.0


def family_of(address: str) -> int:
    """The socket family of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _finish(talk: Talk) -> Talk:
    talk.ended = time.time()
    return talk


@contextmanager
def listening(node: Node, address: str, port: int, kind: int = socket.SOCK_STREAM) -> Iterator[socket.socket]:
    """A bound socket on a node; a stream socket listens."""
    made = node.space.socket(family_of(address), kind)
    with made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        if kind == socket.SOCK_STREAM:
            made.listen(16)
        yield made


def _connect(node: Node, address: str, port: int, wait_s: float = TALK_S_MAX) -> tuple[socket.socket, Talk, OSError | None]:
    """Connect; the socket, the talk and why it failed."""
    client = node.space.socket(family_of(address))
    client.settimeout(wait_s)
    source = node.v6 if ":" in address else node.v4
    client.bind((source, 0))
    talk = Talk(TCP, source, address, client.getsockname()[1], port)
    try:
        client.connect((address, port))
    except OSError as error:
        return client, talk, error
    client.settimeout(TALK_S_MAX)
    return client, talk, None


class Connection:
    """An open TCP connection of which the lab holds both ends. Counts what each end's socket sent and received."""

    def __init__(self, client: socket.socket, server: socket.socket, talk: Talk) -> None:
        server.settimeout(TALK_S_MAX)
        self._client, self._server, self.talk = client, server, talk
        self._sent = self._received = 0

    def send(self, count: int) -> None:
        """From the initiator to the other."""
        self._sent += _pump(self._client, self._server, count)
        self._count()

    def answer(self, count: int) -> None:
        """From the other to the initiator."""
        self._received += _pump(self._server, self._client, count)
        self._count()

    def _count(self) -> None:
        """What was sent again is on the wire too, and only the sending socket knows of it."""
        self.talk.sent = self._sent + _sent_again(self._client)
        self.talk.received = self._received + _sent_again(self._server)

    def close(self) -> Talk:
        """Close in order: both say that they are done and hear it from the other."""
        for near, far in ((self._client, self._server), (self._server, self._client)):
            near.shutdown(socket.SHUT_WR)
            if far.recv(1):
                raise LabError("A connection has bytes that nobody sent.")
        self._count()
        return self._drop()

    def reset(self) -> Talk:
        """The initiator throws the connection away."""
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self._client.close()
        select.select([self._server], [], [], TALK_S_MAX)
        return self._drop()

    def vanish(self) -> Talk:
        """Both ends are gone without a word, as after a power cut."""
        for end in (self._client, self._server):
            end.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
        return self._drop()

    def _drop(self) -> Talk:
        self._client.close()
        self._server.close()
        return _finish(self.talk)


def _sent_again(end: socket.socket) -> int:
    """Payload bytes that a TCP socket had to send once more."""
    return int(struct.unpack_from("=Q", end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES), _BYTES_RETRANS)[0])


def _pump(source: socket.socket, target: socket.socket, count: int) -> int:
    """Move bytes from one socket to another; what the receiving one counted."""
    writer = threading.Thread(target=_write, args=(source, count), name="writer")
    writer.start()
    room = bytearray(min(count, CHUNK_BYTES) or 1)
    counted = 0
    while counted < count and (got := target.recv_into(room)):
        counted += got
    writer.join()
    return counted


def _write(source: socket.socket, count: int) -> None:
    chunk = memoryview(os.urandom(min(count, CHUNK_BYTES)))
    left = count
    while left > 0:
        left -= source.send(chunk[: min(left, CHUNK_BYTES)])


def connect(client: Node, server: Node, address: str, port: int) -> Connection:
    """An open connection. `OSError` when it does not come about."""
    with listening(server, address, port) as listener:
        made, talk, failure = _connect(client, address, port)
        if failure is not None:
            made.close()
            raise failure
        return Connection(made, listener.accept()[0], talk)


def exchange(client: Node, server: Node, address: str, port: int, send: int, receive: int) -> Talk:
    """Connect, send, receive, close in order."""
    connection = connect(client, server, address, port)
    connection.send(send)
    connection.answer(receive)
    return connection.close()


def attempt(client: Node, address: str, port: int) -> Talk:
    """Connect to where nobody answers, or where it is refused."""
    made, talk, failure = _connect(client, address, port, DENIED_S)
    made.close()
    talk.answered = not isinstance(failure, TimeoutError)
    return _finish(talk)


def blocked(client: Node, server: Node, address: str, port: int) -> Talk:
    """Connect to a program that listens, through rules that may not let it through."""
    with listening(server, address, port):
        return attempt(client, address, port)


def datagrams(client: Node, server: Node, address: str, port: int, send: list[int], answer: list[int], wait_s: float = TALK_S_MAX) -> Talk:
    """Send datagrams of these sizes; each of the answers follows the last of them. Nothing arrives where it is denied."""
    with listening(server, address, port, socket.SOCK_DGRAM) as far, client.space.socket(family_of(address), socket.SOCK_DGRAM) as near:
        source = client.v6 if ":" in address else client.v4
        near.bind((source, 0))
        far.settimeout(wait_s)
        talk = Talk(UDP, source, address, near.getsockname()[1], port, packets_sent=len(send), packets_received=0)
        for size in send:
            talk.sent += near.sendto(os.urandom(size), (address, port))
        try:
            came = [far.recvfrom(65_535)[1] for _ in send]
        except TimeoutError:
            talk.answered = False
            return _finish(talk)
        for size in answer:
            far.sendto(os.urandom(size), came[0])
            talk.received += len(near.recv(65_535))
            talk.packets_received = (talk.packets_received or 0) + 1
    return _finish(talk)


def unanswered(client: Node, address: str, port: int, send: list[int]) -> Talk:
    """Send datagrams to where nobody answers."""
    with client.space.socket(family_of(address), socket.SOCK_DGRAM) as near:
        source = client.v6 if ":" in address else client.v4
        near.bind((source, 0))
        talk = Talk(UDP, source, address, near.getsockname()[1], port, packets_sent=len(send), packets_received=0, answered=False)
        for size in send:
            talk.sent += near.sendto(os.urandom(size), (address, port))
    return _finish(talk)


def ping(client: Node, address: str, count: int, size: int, wait_s: float = TALK_S_MAX) -> Talk:
    """Echo requests, one after the other, and their answers. The eight bytes of the ICMP header count as payload."""
    protocol = ICMP6 if ":" in address else ICMP
    family = family_of(address)
    with client.space.socket(family, socket.SOCK_RAW, protocol) as raw:
        source = client.v6 if ":" in address else client.v4
        raw.bind((source, 0))
        raw.settimeout(wait_s)
        talk = Talk(protocol, source, address, icmp_type=_ECHO[protocol], packets_sent=0, packets_received=0, answered=False)
        identifier = int.from_bytes(os.urandom(2), "big")
        for number in range(count):
            message = _echo(protocol, identifier, number, os.urandom(size))
            talk.sent += raw.sendto(message, (address, 0))
            talk.packets_sent = number + 1
            answer = _reply(raw, protocol, identifier, number)
            if answer is not None:
                talk.answered = True
                talk.received += answer
                talk.packets_received = (talk.packets_received or 0) + 1
    return _finish(talk)


def _echo(protocol: int, identifier: int, number: int, payload: bytes) -> bytes:
    head = struct.pack("!BBHHH", _ECHO[protocol], 0, 0, identifier, number)
    if protocol == ICMP6:  # the kernel fills the checksum in
        return head + payload
    return struct.pack("!BBHHH", _ECHO[protocol], 0, checksum(head + payload), identifier, number) + payload


def checksum(content: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    content += b"\x00" * (len(content) % 2)
    total = sum(struct.unpack(f"!{len(content) // 2}H", content))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def _reply(raw: socket.socket, protocol: int, identifier: int, number: int) -> int | None:
    """Size of the answer to one request, None when none comes. A raw socket hears other messages too."""
    deadline = time.monotonic() + (raw.gettimeout() or TALK_S_MAX)
    while time.monotonic() < deadline:
        try:
            content = raw.recv(65_535)
        except TimeoutError:
            return None
        body = content if protocol == ICMP6 else content[(content[0] & 15) * 4 :]
        kind, _, _, told, sequence = struct.unpack_from("!BBHHH", body)
        if kind == (129 if protocol == ICMP6 else 0) and (told, sequence) == (identifier, number):
            return len(body)
    return None
