"""Reports that were lost because there was no room, until the server has been told."""

import uuid

from meshtrail.agent import limits
from meshtrail.agent.spool.state import Gap


class Losses:
    """A short list of gaps. A gap that may be on its way is not changed any more; what is lost then begins another."""

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self._fixed: set[str] = set()
        self.saved = True
        """Whether the spool has written down what is here."""

    def resume(self, gaps: list[Gap]) -> None:
        """Take over what a former process had not told, or not known to be told."""
        self.gaps[:0] = gaps
        self._fixed |= {gap.id for gap in gaps}

    def add(self, cause: str, since_us: int, until_us: int, lost: int | None) -> None:
        """Something was lost. Neighbours of one cause become one gap, unless the number of one of them is unknown."""
        last = self.gaps[-1] if self.gaps else None
        full = len(self.gaps) >= limits.SPOOL_GAPS_MAX
        since_us, until_us = min(since_us, until_us), max(since_us, until_us)  # a clock may have been set back meanwhile
        alike = last is not None and last.cause == cause and (last.lost is None) == (lost is None)
        if last is not None and last.id not in self._fixed and (alike or full):
            both = None if last.lost is None or lost is None else last.lost + lost
            self.gaps[-1] = Gap(last.cause, min(last.since_us, since_us), max(last.until_us, until_us), both, last.id)
        else:
            self.gaps.append(Gap(cause, since_us, until_us, lost, str(uuid.uuid4())))
        self.saved = False

    def to_tell(self) -> tuple[Gap, ...]:
        """All, for the next batch."""
        self._fixed = {gap.id for gap in self.gaps}
        return tuple(self.gaps)

    def told(self, gaps: tuple[Gap, ...]) -> None:
        """The server knows these."""
        names = {gap.id for gap in gaps}
        self.gaps = [gap for gap in self.gaps if gap.id not in names]
        self._fixed -= names

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.gaps)
