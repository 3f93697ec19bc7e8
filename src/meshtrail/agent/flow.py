"""A connection as the agent follows it, and what its end means. Pure."""

from dataclasses import dataclass

from meshtrail.agent.netlink import attributes as a
from meshtrail.agent.netlink.decode import Record
from meshtrail.agent.processes import Owner

CLOSING = frozenset({a.TCP_TIME_WAIT, a.TCP_CLOSE})
"""TCP states of an entry whose connection is over."""


@dataclass(slots=True)
class Flow:
    """One connection that this machine sees. Times are microseconds since the epoch."""

    number: int
    """The kernel's conntrack id."""
    flow_id: str
    started_us: int
    seen_us: int
    """Time of the latest news."""
    record: Record | None
    """How the kernel described it first; dropped when `facts` is written, to save memory."""
    port: int | None = None
    """Its source port."""
    key: int = 0
    """Which entry it is (see `flowtable.key_of`)."""
    start_known: bool = True
    """Whether the kernel told when it began."""
    ended_us: int | None = None
    state: str = "open"
    close_reason: str = "unknown"
    counted: tuple[int, int, int, int] | None = None
    """Packets and bytes of the original direction, packets and bytes of the reply."""
    told: tuple[int, int, int, int] | None = None
    """`counted` as it was reported last."""
    verdict: str = "allowed"
    """What the network is known to have decided: `unknown` while a connection that this machine opened has no answer."""
    owner: Owner | None = None
    facts: str = ""
    """The part of each report that never changes (see `report.py`)."""
    inbound: bool = False
    """Whether the reporter is the responding side."""
    held: bool = False
    """Not to be reported before the server has said what it remembers."""
    again: bool = False
    """Whether an open flow was reported before, so that this report is news about it."""


def count(flow: Flow, record: Record) -> None:
    """Take over the counters of a record, when it has any."""
    if record.packets_orig is None or record.bytes_orig is None:
        return
    flow.counted = (record.packets_orig, record.bytes_orig, record.packets_reply or 0, record.bytes_reply or 0)
    if record.packets_reply:
        flow.verdict = "allowed"


def ending(record: Record, flow: Flow) -> tuple[str, str]:
    """State and reason of an end, from the protocol's last state and from what was answered. An entry with time left was
    removed by somebody, and why is not known.
    """
    replied = bool(record.status & a.STATUS_SEEN_REPLY) or bool(flow.counted and flow.counted[2])
    if record.protocol == a.IPPROTO_TCP and record.tcp_state == a.TCP_CLOSE:
        if record.status & a.STATUS_SEEN_REPLY:
            return "closed", "reset"
        return ("closed", "refused") if replied or flow.counted is None else ("attempted", "no_reply")
    if not replied:
        return "attempted", "no_reply"
    if record.protocol == a.IPPROTO_TCP and record.tcp_state in {a.TCP_TIME_WAIT, a.TCP_LAST_ACK}:
        return "closed", "fin"
    return "closed", "timeout" if not record.timeout_s else "unknown"
