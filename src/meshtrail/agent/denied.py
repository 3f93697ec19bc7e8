"""The path of a denial: the log group's socket, packets folded into rows, rows written as lines.

Without the group (another program has it, the kernel cannot log) the agent goes on without denials, says so, and tries again
from time to time.
"""

import logging
import select
from typing import NamedTuple

from meshtrail.agent import limits
from meshtrail.agent.denial_line import DenialWriter
from meshtrail.agent.denials import Denials
from meshtrail.agent.netlink.nflog import LogCounters
from meshtrail.agent.sources.nflog import Nflog, NflogError

_LOG = logging.getLogger(__name__)


class Told(NamedTuple):
    """Lines to send, and how many denials are missing."""

    lines: list[bytes]
    lost: int


class Denied:
    """Reads one group, when there is one to read."""

    def __init__(self, group: int, denials: Denials, writer: DenialWriter) -> None:
        self._group = group
        self.denials = denials
        self._writer = writer
        self._source: Nflog | None = None
        self._retry_s = 0.0
        self._silent = False
        self.overruns = 0
        self.lost = 0
        """Denials that the kernel had no room for."""
        self.suppressed = 0
        """Denials beyond the rate at which the kernel logs them; they are counted there."""

    @property
    def is_open(self) -> bool:
        """Whether denials are heard."""
        return self._source is not None

    @property
    def read_counters(self) -> LogCounters:
        """What the decoder counted."""
        return self._source.decoder.counters if self._source is not None else LogCounters()

    def try_open(self, poll: select.poll, now_s: float) -> None:
        """Have the group if it is wanted and can be had."""
        if self._source is not None or not self._group or now_s < self._retry_s:
            return
        self._retry_s = now_s + limits.NFLOG_RETRY_S
        try:
            self._source = Nflog(self._group)
        except NflogError as error:
            if not self._silent:
                _LOG.error("%s", error.strerror or error)
            self._silent = True
            return
        self._silent = False
        poll.register(self._source, select.POLLIN)

    def read(self, now_us: int, now_s: float) -> Told:
        """What was denied since the last time."""
        if self._source is None:
            return Told([], 0)
        events = self._source.read()
        self.overruns += events.overruns
        self.lost += events.lost
        folds = self.denials.add(events.packets, now_us, now_s) + self.denials.tick(now_s)
        return Told([self._writer.line(fold) for fold in folds], events.lost)

    def close(self, now_s: float) -> list[bytes]:
        """Give the group back; what was still to be said."""
        if self._source is not None:
            self._source.close()
            self._source = None
        return [self._writer.line(fold) for fold in self.denials.rest(now_s)]
