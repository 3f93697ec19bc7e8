"""What travels from decoder to commit: columns, where each row came from, and what was refused."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from meshtrail.ingest.limits import ERRORS_SHOWN_MAX


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that is not stored, and why."""

    line: int
    """Line of the body, from 1; for Arrow the row, from 1."""
    field: str
    reason: str


@dataclass(slots=True)
class Refusals:
    """The rows refused so far: all counted, the first ones kept."""

    count: int = 0
    shown: list[Refusal] = field(default_factory=list)

    def add(self, line: int, name: str, reason: str) -> None:
        """Count one row."""
        self.count += 1
        if len(self.shown) < ERRORS_SHOWN_MAX:
            self.shown.append(Refusal(line, name, reason))


@dataclass(slots=True)
class Batch:
    """Rows of one request. `lines[i]` is where row i stood in the body."""

    table: pa.Table
    lines: np.ndarray
    refusals: Refusals

    def keep(self, mask: np.ndarray) -> None:
        """Drop the rows where the mask is false."""
        if mask.all():
            return
        self.table = self.table.filter(pa.array(mask))
        self.lines = self.lines[mask]

    def refuse(self, bad: np.ndarray, name: str, reason: str) -> None:
        """Refuse the rows where `bad` is true."""
        if not bad.any():
            return
        for line in self.lines[bad]:
            self.refusals.add(int(line), name, reason)
        self.keep(~bad)
