"""A restarted agent continues the connections that the server still holds open.

The kernel's entry and the server's row are the same connection when the conntrack id inside the flow id is the entry's and
both starts agree to a second. Then the entry takes over name and start of the row, so that its end closes that row. Pure.
"""

from collections.abc import Iterable
from typing import NamedTuple

from meshtrail.agent import flowid, limits
from meshtrail.agent.flow import Flow
from meshtrail.agent.uplink import OpenFlow
from meshtrail.common.clock import microseconds


class Adoption(NamedTuple):
    """What the server's memory and the kernel's table have in common."""

    continued: list[Flow]
    missing: list[OpenFlow]
    """Rows without an entry: their end was not seen."""


def adopt(remembered: Iterable[OpenFlow], held: Iterable[Flow], instance: bytes) -> Adoption:
    """Match; matched flows get the name and start that the server knows. Two entries may have one id at the same time: then the
    source port says which is which."""
    by_number: dict[int, list[Flow]] = {}
    for each in held:
        by_number.setdefault(each.number, []).append(each)
    continued: list[Flow] = []
    missing: list[OpenFlow] = []
    for known in remembered:
        number = flowid.conntrack_id(known.flow_id, instance)
        candidates = by_number.get(number, []) if number is not None else []
        flow = next((each for each in candidates if each.port == known.source_port and _same_start(each, known)), None)
        if flow is None:
            missing.append(known)
            continue
        flow.flow_id, flow.started_us = known.flow_id, microseconds(known.started_at)
        flow.again = True
        candidates.remove(flow)
        continued.append(flow)
    return Adoption(continued, missing)


def _same_start(flow: Flow, known: OpenFlow) -> bool:
    """An entry made before timestamps were on has no start of its own; its id has to be enough then."""
    try:
        started = microseconds(known.started_at)
    except ValueError:
        return False
    return not flow.start_known or abs(flow.started_us - started) <= limits.ADOPT_US_MAX
