"""Everything the agent counts, under one name each."""

from dataclasses import dataclass
from typing import Protocol

from meshtrail.agent.denied import Denied
from meshtrail.agent.flowtable import FlowTable
from meshtrail.agent.follow import Follower
from meshtrail.agent.processes import Processes
from meshtrail.agent.schedule import Schedule
from meshtrail.agent.sources.conntrack import Conntrack
from meshtrail.agent.spool import Spool
from meshtrail.agent.telling import Teller
from meshtrail.agent.uplink import Uplink
from meshtrail.agent.watchdog import Pace
from meshtrail.agent.wire import Wire
from meshtrail.common.clock import wall_clock

Metrics = dict[str, int | float]


@dataclass(slots=True)
class CaptureCounters:
    """What the capture of connections counts."""

    events_new: int = 0
    events_update: int = 0
    events_destroy: int = 0
    overruns: int = 0
    events_dropped: int = 0
    resyncs: int = 0
    lossy_switches: int = 0
    reader_lag_ms: int = 0
    table_count: int = 0
    table_max: int = 0
    table_refused: int = 0
    """Packets of new connections for which conntrack's table had no room: nobody hears of these connections."""
    table_evicted: int = 0
    """Unanswered connections that the kernel forgot early, to make room; they are reported."""
    errors: int = 0


class Capturing(Protocol):
    """What `capture.py` shows of itself."""

    counters: CaptureCounters
    pace: Pace
    conntrack: Conntrack | None


@dataclass(slots=True)
class Parts:
    """The parts that count."""

    capture: Capturing
    schedule: Schedule
    teller: Teller
    table: FlowTable
    follower: Follower
    processes: Processes
    spool: Spool
    uplink: Uplink
    wire: Wire
    denied: Denied


def snapshot(parts: Parts) -> Metrics:
    """All counters and gauges of this moment."""
    capture, conntrack = parts.capture, parts.capture.conntrack
    denials, heard = parts.denied.denials.counters, parts.denied.read_counters
    table, uplink, spool = parts.table.counters, parts.uplink.counters, parts.spool.counters
    return {
        **{name: getattr(capture.counters, name) for name in CaptureCounters.__slots__},
        "gaps": parts.teller.gaps,
        "errors": capture.counters.errors + parts.schedule.errors,
        "capture_reliable": int(conntrack.reliable) if conntrack else 0,
        "decode_malformed": conntrack.decoder.malformed if conntrack else 0,
        "decode_walked": conntrack.decoder.walked if conntrack else 0,
        "flows": len(parts.table), "flows_opened": table.opened, "flows_closed": table.closed, "flows_lost": table.lost,
        "flows_adopted": table.adopted, "flows_not_followed": table.not_followed, "flows_reborn": table.reborn, "flows_found": table.found,
        "flows_left_out": parts.follower.left_out, "ends_unmatched": table.unmatched_ends, "updates_paused": capture.pace.pauses,
        "denials_heard": int(parts.denied.is_open), "denials_packets": heard.packets, "denials_malformed": heard.malformed,
        "denials_lost": parts.denied.lost, "denials_overruns": parts.denied.overruns, "denials_suppressed": parts.denied.suppressed,
        "denials_unheard": parts.denied.unheard,
        "denials_rows": denials.rows, "denials_folded": denials.folded, "denials_overflow": denials.overflow,
        "denials_unreadable": denials.unreadable, "denials_left_out": parts.denied.left_out,
        "process_scans": parts.processes.scans, "process_found": parts.processes.found,
        "process_unknown": parts.processes.unknown, "process_skipped": parts.processes.skipped,
        "reports_queued": spool.queued, "reports_dropped": spool.dropped, "reports_waiting": parts.spool.rows,
        "reports_waiting_bytes": parts.spool.size, "reports_waiting_s": round(parts.spool.oldest_s(wall_clock()), 1),
        "reports_corrupt": spool.corrupt, "reports_corrupt_rows": spool.corrupt_rows, "spool_torn": spool.torn,
        "spool_write_errors": spool.write_errors, "spool_read_errors": spool.read_errors, "spool_sync_errors": spool.sync_errors,
        "reports_acknowledged": uplink.acknowledged,
        "reports_refused": uplink.refused, "batches": uplink.batches, "batches_failed": uplink.failed,
        "batches_split": uplink.split, "uplink_faults": uplink.faults, "unauthorised": uplink.unauthorised, "connects": parts.wire.connects,
        "connects_idle_closed": parts.wire.idle_closes, "connect_failures": parts.wire.failures,
    }  # fmt: skip
