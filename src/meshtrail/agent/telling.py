"""What the agent's parts tell the server: lines of connections and denials, and gaps where something is missing."""

import uuid

from meshtrail.agent.report import Reporter
from meshtrail.agent.spool import Gap
from meshtrail.agent.uplink import Uplink


class Teller:
    """Passes lines to the uplink, and writes gaps."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.uplink: Uplink | None = None
        """Where lines go; it needs the spool, which asks for the lines of its gaps here."""
        self.gaps = 0

    def put(self, lines: list[bytes], *, urgent: bool = True) -> None:
        """Send these lines."""
        assert self.uplink is not None, "the agent puts its parts together"
        if lines:
            self.uplink.put(lines, urgent=urgent)

    def gap(self, since_us: int, until_us: int, lost: int | None, cause: str = "buffer_overrun") -> None:
        """Say that events between two moments are missing (microseconds since the epoch); `lost`: how many, when that is known."""
        self.gaps += 1
        self.put([self._reporter.gap(str(uuid.uuid4()), since_us, until_us, cause, lost)])

    def lost_in_spool(self, gap: Gap) -> bytes:
        """What the spool has lost, as a line; it asks again when it has to tell it again, under the same id."""
        self.gaps += 1
        return self._reporter.gap(gap.id, gap.since_us, gap.until_us, gap.cause, gap.lost)
