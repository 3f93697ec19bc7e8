"""The spool: reports on disk until the server has acknowledged them.

A *segment* (`files.py`) is a file of *records*, written once, at its end; a record is what one put brought: a zstd frame of
lines, with a header and two checksums (`form.py`). Segments are numbered and never written again after a restart. A *place*
is a segment's number and an offset in it. The *state* (`state.py`) holds the place up to which all is acknowledged, the
last sign of life, and the gaps that have not been told yet.

The spool (`spool.py`) is written by the capture thread and read by the uplink: `put` appends by the way in (`intake.py`),
`take` gives the next *batch* (`batch.py`) by the way out (`outlet.py`, which reads with `reader.py`), `ack` moves the place.
The *store* (`store.py`) holds the segments and lets the oldest go when there is no room; `recover.py` makes sense of those that
a former process left. What a disk does not take waits in memory (`memory.py`). What is lost is counted, and told as a gap
with the next batch (`losses.py`).

What a crash can do: `kill -9` loses nothing that was put, because a put is one write to the kernel. A power cut loses what
was put within the last second: the *keeper* (`keeper.py`), a thread, calls fdatasync for what has not been acknowledged within half a
second, so that nothing is synced while the server keeps up, and no put ever waits for the disk's platter. A torn end and
damage of any kind are passed over, counted, and told as a gap.
"""

from meshtrail.agent.spool.batch import Batch
from meshtrail.agent.spool.files import SpoolLockedError
from meshtrail.agent.spool.spool import Spool
from meshtrail.agent.spool.state import Gap, GapLine

__all__ = ["Batch", "Gap", "GapLine", "Spool", "SpoolLockedError"]
