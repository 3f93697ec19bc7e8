"""`python -m bench.backlog`: one end of a stall, in a process that holds nothing but what the agent holds. Prints JSON.

`fill` puts the reports of a stall into a spool as the agent does, turn by turn, only without the waits between the turns.
`drain` empties the spool through the agent's uplink.
"""

import os
import sys
import time
from pathlib import Path

import msgspec

from bench.reports import turns
from meshtrail.agent.facts import Facts
from meshtrail.agent.report import Reporter
from meshtrail.agent.spool import Gap, Spool
from meshtrail.agent.uplink import Uplink
from meshtrail.agent.wire import Wire
from meshtrail.common.clock import wall_clock

DRAIN_S_MAX = 300.0
"""A drain that takes longer is not waited for."""


class Filled(msgspec.Struct):
    """What a stall left behind."""

    waiting: int
    """Reports in the spool."""
    dropped: int
    size: int
    """Bytes on disk."""
    put_s: float
    """Time of the puts alone."""
    grown: int
    """Bytes of memory that came to the process meanwhile."""


class Drained(msgspec.Struct):
    """How a backlog left."""

    acknowledged: int
    batches: int
    lost: int
    """Reports that the spool had to give up, and damages."""
    seconds: float
    processor_s: float
    memory: int
    """Resident bytes at the most, with interpreter and libraries."""


def fill(folder: Path, connections: int, rate: int) -> Filled:
    """Put the reports of the stall, which ends now."""
    spool = Spool(folder, _gap_line)
    spool.open(wall_clock())
    before, put_s = _memory(), 0.0
    for now_us, lines in turns(connections, rate, wall_clock() - connections * 1_000_000 // rate):
        begun = time.perf_counter()
        spool.put(lines, now_us)
        put_s += time.perf_counter() - begun
    found = Filled(spool.rows, spool.counters.dropped, spool.size, put_s, _memory() - before)
    spool.close(wall_clock())
    return found


def drain(folder: Path, url: str, token: str) -> Drained:
    """Send everything."""
    spool = Spool(folder, _gap_line)
    uplink = Uplink(Wire(url, lambda: token), spool, "bench", wall_clock)
    spool.open(wall_clock())
    processor_s, begun = time.process_time(), time.monotonic()
    uplink.start(lambda: Facts("bench", "bench", None, [], {}))
    while spool and time.monotonic() < begun + DRAIN_S_MAX:
        time.sleep(0.01)
    seconds, processor_s = time.monotonic() - begun, time.process_time() - processor_s
    uplink.stop()
    spool.close(wall_clock())
    counted = spool.counters
    lost = counted.dropped + counted.corrupt_rows + counted.corrupt
    return Drained(uplink.counters.acknowledged, uplink.counters.batches, lost, seconds, processor_s, _memory())


def _memory() -> int:
    """Resident bytes of this program at the most; `getrusage` would also count what started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1_024


def _gap_line(gap: Gap) -> bytes:
    return Reporter("bench", "bench", frozenset()).gap(gap.id, gap.since_us, gap.until_us, gap.cause, gap.lost)


def main() -> None:
    """Arguments: `fill` folder connections rate; `drain` folder address, the token in TOKEN."""
    work, folder, *others = sys.argv[1:]
    if work == "fill":
        done: object = fill(Path(folder), int(others[0]), int(others[1]))
    else:
        done = drain(Path(folder), others[0], os.environ.get("TOKEN", ""))
    print(msgspec.json.encode(done).decode())


if __name__ == "__main__":
    main()
