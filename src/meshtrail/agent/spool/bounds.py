"""What the spool may take, and what it counts."""

from dataclasses import dataclass, field

from meshtrail.agent import limits


@dataclass(slots=True)
class Counters:
    """What the spool counts."""

    queued: int = 0
    """Lines put."""
    dropped: int = 0
    """Lines lost for want of room, or because they were too old."""
    corrupt: int = 0
    """Places where a segment is damaged."""
    corrupt_rows: int = 0
    """Lines known to be lost there."""
    torn: int = 0
    """Segments whose end had to be cut off."""
    write_errors: int = 0
    read_errors: int = 0
    sync_errors: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the spool may take."""

    bytes_max: int = limits.SPOOL_BYTES_MAX
    age_s_max: float = limits.SPOOL_AGE_S_MAX
    segment_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        share = max(limits.SPOOL_SEGMENT_BYTES_MIN, self.bytes_max // 8)
        object.__setattr__(self, "segment_bytes", min(limits.SPOOL_SEGMENT_BYTES, share))
