"""The socket that hears the packets of one log group (nfnetlink_log).

A group belongs to one socket of a network namespace. Of packets that the socket has no room for the kernel says once that
there were some (ENOBUFS), and the numbers of the next packets say how many.
"""

import errno
import os
from dataclasses import replace
from typing import NamedTuple

from meshtrail.agent import limits
from meshtrail.agent.netlink import nflog
from meshtrail.agent.sources.conntrack import open_socket
from meshtrail.agent.sources.group_owner import owner_of

DATAGRAM_BYTES = 131_072
"""Largest datagram: the most that the kernel takes as a group's buffer."""


class NflogError(OSError):
    """The group cannot be had; the message says why, and what helps."""


class GroupTakenError(NflogError):
    """Another socket owns the group."""


class NflogEvents(NamedTuple):
    """What one read brought."""

    packets: list[nflog.Logged]
    lost: int
    """Packets that are missing before or among these."""
    overruns: int
    """How often the kernel said that there was no room; their number is known when the next packet comes."""
    malformed: int
    """Messages that could not be read."""


class Nflog:
    """The socket of one group. `NotPermittedError` without CAP_NET_ADMIN, `GroupTakenError` when the group has an owner,
    `NflogError` when the kernel cannot log to sockets."""

    def __init__(
        self,
        group: int = limits.NFLOG_GROUP,
        receive_bytes: int = limits.RECEIVE_BYTES_NFLOG,
        flags: int = nflog.FLAG_SEQUENCE | nflog.FLAG_CONNTRACK,
    ) -> None:
        self.group = group
        self.decoder = nflog.LogDecoder()
        self.flags = 0
        """What the kernel agreed to send along."""
        self._early: list[nflog.Logged] = []
        """What was logged while the group was being set up."""
        self._told = nflog.LogCounters()
        self._sequence = 0
        self._socket = open_socket(0, receive_bytes)
        try:
            self._own()
            self._agree(flags)
        except OSError:
            self._socket.close()
            raise

    def _own(self) -> None:
        refusal = self._request(nflog.bind(self._sequence + 1, self.group))
        if refusal == errno.EPERM:
            raise GroupTakenError(errno.EPERM, _taken(self.group))
        if refusal:
            raise NflogError(
                refusal,
                f"The kernel refuses NFLOG group {self.group} ({os.strerror(refusal)}): denials are not seen.\n"
                "Load its module: modprobe nfnetlink_log.",
            )

    def _agree(self, flags: int) -> None:
        """Not every kernel can send what conntrack knows of a packet; numbers come from all of them."""
        if self._request(nflog.set_flags(self._sequence + 1, self.group, flags)) == 0:
            self.flags = flags
        elif self._request(nflog.set_flags(self._sequence + 1, self.group, nflog.FLAG_SEQUENCE)) == 0:
            self.flags = nflog.FLAG_SEQUENCE

    def _request(self, request: bytes) -> int:
        """Send a request; the errno of its answer. The kernel answers before `send` returns, behind what was logged already."""
        self._sequence += 1
        try:
            self._socket.send(request)
            for _ in range(limits.NFLOG_DATAGRAMS_PER_TURN_MAX):
                datagram = self._socket.recv(DATAGRAM_BYTES)
                answer = nflog.answer(datagram, self._sequence)
                if answer is not None:
                    return answer
                self._early += self.decoder.decode(datagram)
        except OSError as error:
            raise NflogError(
                error.errno, f"The kernel does not answer for NFLOG group {self.group} ({error.strerror}): denials are not seen."
            ) from error
        raise NflogError(errno.EBUSY, f"The kernel's answer for NFLOG group {self.group} is behind too many packets: denials are not seen.")

    def fileno(self) -> int:
        """For poll: readable when there are packets, or news of an overrun."""
        return self._socket.fileno()

    def read(self) -> NflogEvents:
        """What is there now, without waiting."""
        packets, self._early = self._early, []
        overruns = 0
        for _ in range(limits.NFLOG_DATAGRAMS_PER_TURN_MAX):
            try:
                packets += self.decoder.decode(self._socket.recv(DATAGRAM_BYTES))
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                overruns += 1
        before, now = self._told, replace(self.decoder.counters)
        self._told = now
        return NflogEvents(packets, now.lost - before.lost, overruns, now.malformed - before.malformed)

    def give_back(self) -> None:
        """Own the group no more: what was logged until now can be read, also what the kernel was still gathering for a datagram, and
        nothing comes behind it. `OSError` when the socket is closed."""
        self._sequence += 1
        self._socket.send(nflog.unbind(self._sequence, self.group))

    def close(self) -> None:
        """Give the group back, and leave what was not read."""
        self._socket.close()


def _taken(group: int) -> str:
    """What to tell people when a group has an owner."""
    owner = owner_of(group)
    return (
        f"NFLOG group {group} already has an owner in this network namespace{f', {owner}' if owner else ''}: denials are not seen.\n"
        "Stop the other reader (ulogd2 has the groups of its configuration, Calico 1, 2 and 3), or set a free group with\n"
        "--nflog-group, and in log statements that are not the agent's own."
    )
