"""The path of a denial: the log group's socket, packets folded into rows, rows written as lines.

Without the group (another program has it, the kernel cannot log) the agent goes on without denials, says so, and tries again
from time to time.
"""

import logging
import select
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from meshtrail.agent import limits
from meshtrail.agent.denial_line import DenialWriter
from meshtrail.agent.denials import Denial, Denials, Fold
from meshtrail.agent.netlink.nflog import LogCounters
from meshtrail.agent.sources.nflog import Nflog, NflogEvents
from meshtrail.common.clock import wall_clock

_LOG = logging.getLogger(__name__)


class Loss(NamedTuple):
    """Denials are missing between two moments (microseconds since the epoch)."""

    since_us: int
    until_us: int
    lost: int | None
    """How many, when the kernel said it."""


class Told(NamedTuple):
    """Lines to send, and what is missing."""

    lines: list[bytes]
    losses: list[Loss]


def _all(_denial: Denial) -> bool:
    return True


class Denied:
    """Reads one group, when there is one to read. Group 0: none is wanted."""

    def __init__(
        self, group: int, denials: Denials, writer: DenialWriter, wants: Callable[[Denial], bool] = _all,
        receive_bytes: int = limits.RECEIVE_BYTES_NFLOG,
    ) -> None:  # fmt: skip
        self._group, self.denials, self._writer, self._wants, self._receive_bytes = group, denials, writer, wants, receive_bytes
        self._source: Nflog | None = None
        self._polled: tuple[select.poll, int] | None = None
        self._retry_s = 0.0
        self._said = ""
        self._clean_us = 0
        self._overrun: tuple[int, float] | None = None
        """Since when denials may be missing, and when to say so without a number."""
        self.read_counters = LogCounters()
        """What came from the kernel, through one socket after the other."""
        self.overruns = 0
        self.unheard = 0
        """Denials that our rules logged while the group was another's."""
        self.left_out = 0
        """Reports that this machine's options or its organisation's settings leave out."""
        self.unheard_us: int | None = None
        """Since when denials are not heard although they are wanted (microseconds since the epoch); None: they are heard."""
        self.suppressed = 0
        """Denials beyond the rate at which the kernel logs them; they are counted there."""

    @property
    def is_open(self) -> bool:
        """Whether denials are heard."""
        return self._source is not None

    @property
    def lost(self) -> int:
        """Denials that the kernel had no room for."""
        return self.read_counters.lost

    def try_open(self, poll: select.poll, now_s: float) -> None:
        """Have the group if it is wanted and can be had. Why not is said once for each reason."""
        if self._source is not None or not self._group or now_s < self._retry_s:
            return
        self._retry_s = now_s + limits.NFLOG_RETRY_S
        try:
            self._source = Nflog(self._group, self._receive_bytes)
        except OSError as error:
            self._say(error.strerror or str(error))
            return
        self._polled = poll, self._source.fileno()
        poll.register(self._source, select.POLLIN)
        self._clean_us = wall_clock()
        self.unheard_us = None
        if self._said:
            _LOG.info("NFLOG group %d is ours: denials are seen", self._group)
        self._said = ""

    def _say(self, reason: str) -> None:
        if self.unheard_us is None:
            self.unheard_us = wall_clock()
        if reason != self._said:
            _LOG.error("%s\nIt is tried again every %d seconds.", reason, limits.NFLOG_RETRY_S)
        self._said = reason

    def read(self, now_us: int, now_s: float) -> Told:
        """What was denied since the last time. Call it when the socket is readable, and now and then."""
        losses: list[Loss] = []
        due: list[Fold] = []
        if self._source is not None:
            events = self._events(self._source)
            self._note_loss(events, now_us, now_s, losses)
            due = self.denials.add(events.packets, now_us, now_s)
        return Told(self._lines(due + self.denials.tick(now_s)), losses)

    def _events(self, source: Nflog) -> NflogEvents:
        """A socket that cannot be read is closed, and opened again later."""
        try:
            events = source.read()
        except OSError as error:
            self._say(f"NFLOG group {self._group} cannot be read ({error.strerror}): denials are not seen.")
            self._close()
            events = NflogEvents([], 0, 1, 0)
        self.read_counters.packets += len(events.packets)
        self.read_counters.lost += events.lost
        self.read_counters.malformed += events.malformed
        self.overruns += events.overruns
        return events

    def _note_loss(self, events: NflogEvents, now_us: int, now_s: float, losses: list[Loss]) -> None:
        """An overrun is told with the number that the next packet gives it; without one if none comes."""
        if events.overruns and self._overrun is None:
            self._overrun = self._clean_us, now_s + limits.LOSS_SETTLES_S
        since_us = self._clean_us if self._overrun is None else self._overrun[0]
        if events.lost or (self._overrun is not None and now_s >= self._overrun[1]):
            losses.append(Loss(since_us, now_us, events.lost or None))
            self._overrun = None
        self._clean_us = now_us

    def _lines(self, folds: list[Fold]) -> list[bytes]:
        wanted = [fold for fold in folds if self._wants(fold.denial)]
        self.left_out += len(folds) - len(wanted)
        return [self._writer.line(fold) for fold in wanted]

    def close(self, now_us: int, now_s: float) -> Told:
        """Give the group back; what was logged until then, and what was still to be said."""
        lines, losses = self._last(now_us, now_s)
        if self._overrun is not None:
            losses.append(Loss(self._overrun[0], now_us, None))
            self._overrun = None
        self._close()
        return Told(lines + self._lines(self.denials.rest(now_s)), losses)

    def _last(self, now_us: int, now_s: float) -> Told:
        """Everything that the socket holds, which is bounded by its buffer: nothing comes behind it."""
        told = Told([], [])
        if self._source is not None:
            with suppress(OSError):  # reading says that the socket is broken
                self._source.give_back()
        while True:
            packets = self.read_counters.packets
            lines, losses = self.read(now_us, now_s)
            told.lines.extend(lines)
            told.losses.extend(losses)
            if self.read_counters.packets == packets:
                return told

    def _close(self) -> None:
        if self._source is not None and self._polled is not None:
            poll, number = self._polled
            poll.unregister(number)
            self._source.close()
            self._source = None
