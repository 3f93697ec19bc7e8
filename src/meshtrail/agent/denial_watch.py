"""Denials from the kernel to lines: the group's socket, the folding, and what to do when the group cannot be had.

Without its group the agent goes on without denials, says so, and tries again from time to time.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from meshtrail.agent import limits
from meshtrail.agent.denial_line import DenialWriter
from meshtrail.agent.denials import Denial, Denials, Fold
from meshtrail.agent.sources.nflog import Nflog, NflogEvents

_LOG = logging.getLogger(__name__)


class Loss(NamedTuple):
    """Denials are missing between two moments (microseconds since the epoch)."""

    since_us: int
    until_us: int
    lost: int | None
    """How many, when the kernel said it."""


class Denied(NamedTuple):
    """What one turn brought."""

    lines: list[bytes]
    losses: list[Loss]


@dataclass(slots=True)
class WatchCounters:
    """What came from the kernel, through one socket after the other."""

    packets: int = 0
    malformed: int = 0
    lost: int = 0
    overruns: int = 0
    left_out: int = 0
    """Reports that this machine's options or its organisation's settings leave out."""
    refusals: int = 0
    """Attempts to get the group that failed."""


def _all(_denial: Denial) -> bool:
    return True


class DenialWatch:
    """Denials of one group. Construction changes nothing."""

    def __init__(
        self, denials: Denials, writer: DenialWriter, open_group: Callable[[], Nflog], wants: Callable[[Denial], bool] = _all
    ) -> None:
        self._denials, self._writer, self._open_group, self._wants = denials, writer, open_group, wants
        self._nflog: Nflog | None = None
        self._retry_s = 0.0
        self._told = ""
        self._clean_us = 0
        self._overrun: tuple[int, float] | None = None
        """Since when denials may be missing, and when to say so without a number."""
        self.counters = WatchCounters()

    def fileno(self) -> int:
        """For poll; -1 while there is no socket. It changes when the group is taken up again."""
        return -1 if self._nflog is None else self._nflog.fileno()

    @property
    def sees(self) -> bool:
        """Whether denials are heard."""
        return self._nflog is not None

    def turn(self, now_us: int, now_s: float) -> Denied:
        """What is to be reported now. Call it when the socket is readable, and now and then."""
        losses: list[Loss] = []
        due: list[Fold] = []
        nflog = self._opened(now_us, now_s)
        if nflog is not None:
            events = self._read(nflog, now_s)
            self._note_loss(events, now_us, now_s, losses)
            due = self._denials.add(events.packets, now_us, now_s)
        due += self._denials.tick(now_s)
        return Denied(self._lines(due), losses)

    def _opened(self, now_us: int, now_s: float) -> Nflog | None:
        if self._nflog is None and now_s >= self._retry_s:
            try:
                self._nflog = self._open_group()
            except OSError as error:
                self._refused(error, now_s)
            else:
                self._clean_us = now_us
                if self._told:
                    _LOG.info("NFLOG group %d is ours: denials are seen again", self._nflog.group)
                self._told = ""
        return self._nflog

    def _refused(self, error: OSError, now_s: float) -> None:
        """Said once for each reason, not at each attempt."""
        self.counters.refusals += 1
        self._retry_s = now_s + limits.NFLOG_RETRY_S
        reason = error.strerror or str(error)
        if reason != self._told:
            _LOG.error("%s\nIt is tried again every %d seconds.", reason, limits.NFLOG_RETRY_S)
        self._told = reason

    def _read(self, nflog: Nflog, now_s: float) -> NflogEvents:
        try:
            events = nflog.read()
        except OSError as error:
            self.close()
            self._refused(OSError(error.errno, f"NFLOG group {nflog.group} cannot be read: {error.strerror}."), now_s)
            events = NflogEvents([], 0, 1, 0)
        mine = self.counters
        mine.packets += len(events.packets)
        mine.lost += events.lost
        mine.overruns += events.overruns
        mine.malformed += events.malformed
        return events

    def _note_loss(self, events: NflogEvents, now_us: int, now_s: float, losses: list[Loss]) -> None:
        """An overrun is told with the number that the next packet gives it; without one if none comes."""
        if events.overruns and self._overrun is None:
            self._overrun = self._clean_us, now_s + limits.LOSS_SETTLES_S
        since_us = self._clean_us if self._overrun is None else self._overrun[0]
        if events.lost:
            losses.append(Loss(since_us, now_us, events.lost))
            self._overrun = None
        elif self._overrun is not None and now_s >= self._overrun[1]:
            losses.append(Loss(since_us, now_us, None))
            self._overrun = None
        self._clean_us = now_us

    def _lines(self, folds: list[Fold]) -> list[bytes]:
        wanted = [fold for fold in folds if self._wants(fold.denial)]
        self.counters.left_out += len(folds) - len(wanted)
        return [self._writer.line(fold) for fold in wanted]

    def stop(self, now_us: int, now_s: float) -> Denied:
        """Close, and what was not reported yet."""
        lines, losses = self.turn(now_us, now_s) if self._nflog is not None else Denied([], [])
        if self._overrun is not None:
            losses.append(Loss(self._overrun[0], now_us, None))
            self._overrun = None
        self.close()
        return Denied(lines + self._lines(self._denials.rest(now_s)), losses)

    def close(self) -> None:
        """Give the group back."""
        if self._nflog is not None:
            self._nflog.close()
            self._nflog = None
