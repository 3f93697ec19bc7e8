"""Makes the kernel throw expired connections out in time.

By itself the kernel looks through its table about once a minute; whoever asks for the table makes it look at once. The lab
asks all the time, so that idle connections end when they are due.
"""

import socket
import struct
import threading
from collections.abc import Iterable

from lab.limits import EXPIRE_INTERVAL_S, TALK_S_MAX
from lab.topology import Node

_NETLINK_NETFILTER = 12
_GET_ENTRIES = 0x0101
_DUMP_REQUEST = 0x301
_DONE = 3
_RECEIVE_BYTES = 1 << 16


class Expirer(threading.Thread):
    """Asks for the tables of some nodes until it is stopped."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        super().__init__(name="expire", daemon=True)
        self._sockets = [node.space.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) for node in nodes]
        self._stopping = threading.Event()

    def run(self) -> None:
        """Loop."""
        for each in self._sockets:
            each.bind((0, 0))
            each.settimeout(TALK_S_MAX)
        while not self._stopping.wait(EXPIRE_INTERVAL_S):
            for each in self._sockets:
                _dump(each)

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self.join()
        for each in self._sockets:
            each.close()


def _dump(asked: socket.socket) -> None:
    asked.send(struct.pack("=IHHIIBBH", 20, _GET_ENTRIES, _DUMP_REQUEST, 1, 0, socket.AF_UNSPEC, 0, 0))
    while True:
        content = asked.recv(_RECEIVE_BYTES)
        start = 0
        while start + 16 <= len(content):
            length, kind = struct.unpack_from("=IH", content, start)
            if kind == _DONE or kind < 16 or length < 16:
                return
            start += (length + 3) & ~3
