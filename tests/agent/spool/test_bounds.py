"""What the spool may take."""

from meshtrail.agent import limits
from meshtrail.agent.spool.bounds import Bounds


def test_bounds() -> None:
    """A segment is an eighth of a small spool, and never tiny."""
    assert Bounds().segment_bytes == limits.SPOOL_SEGMENT_BYTES
    assert Bounds(bytes_max=8 * 100_000).segment_bytes == 100_000
    assert Bounds(bytes_max=1).segment_bytes == limits.SPOOL_SEGMENT_BYTES_MIN
