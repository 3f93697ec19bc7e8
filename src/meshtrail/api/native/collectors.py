"""Collectors: the reporters of the organisation, and how they stand."""

import asyncio

import msgspec
from litestar import get
from litestar.datastructures import State

from meshtrail.api.native.traffic import AnyRequest
from meshtrail.common.clock import rfc3339
from meshtrail.common.errors import NotFoundError
from meshtrail.control.service import Control, Permission
from meshtrail.ingest.collector import LOSSES, Collector, CollectorState, Known
from meshtrail.ingest.collectors import Collectors
from meshtrail.ingest.limits import COLLECTOR_FORGET_S
from meshtrail.store.collectors import CollectorReader, Gaps

GAPS_S = 24 * 3_600
"""How far back gaps are counted."""

_ORDER = list(CollectorState)


class GapCount(msgspec.Struct):
    """Gaps that began in the last 24 hours: stretches of time of which reports are missing."""

    count: int
    lost: int
    """Reports that are known to be missing."""
    unknown: int
    """Gaps of which it is not known how many reports are missing."""


class CollectorView(msgspec.Struct):
    """A reporter and how it stands."""

    id: str
    name: str
    state: CollectorState
    """`ok`; `late`: what it reports arrives more than a minute after it happened; `lossy`: it lost something in the last hour, or may
    at any time; `silent`: nothing was heard for longer than the limit; `never_seen`: it was set up and never heard of."""
    reason: str
    """Why, in a sentence."""
    since: str | None
    """Since when it stands so: the last word of a silent one, the first loss of those that a lossy one told, the first late event;
    null for `ok` and `never_seen`."""
    first_heard_at: str | None
    last_contact_at: str | None
    """When it was heard of last: an agent speaks every ten seconds."""
    last_event_at: str | None
    """When its last event arrived."""
    agent: bool
    """Whether an agent of ours speaks for it; others only send events."""
    lag_ms: int | None
    """Age at arrival of its last events (half of them older), corrected by `clock_skew_ms` where that is known. Ends by a time
    limit are left out: they are told when the limit has run out."""
    clock_skew_ms: int | None
    """Its clock minus the server's; null while unknown."""
    clock_off: bool
    """Whether that is more than a minute."""
    events_per_s: float
    """Reports a second over the last minute."""
    reports_waiting: int | None
    """Reports that its agent has not delivered yet."""
    gaps: GapCount
    lossy: bool
    """Whether something is lost, whatever else its state says."""
    losses: dict[str, int | float]
    """The agent's counters of losses since it started, those above zero."""
    metrics: dict[str, int | float]
    """All counters of its agent, as it told them last."""


class CollectorList(msgspec.Struct):
    """All reporters of the organisation, those in trouble first."""

    data: list[CollectorView]
    silent_after_s: int
    """Silence after which a reporter counts as gone."""


def _time(moment: int) -> str | None:
    return rfc3339(moment) if moment else None


def _milliseconds(span_us: int | None) -> int | None:
    return None if span_us is None else round(span_us / 1_000)


def _view(each: Collector, name: str, collectors: Collectors, gaps: Gaps | None, now_us: int) -> CollectorView:
    known, judgement = each.known, collectors.judged(each)
    waiting = known.metrics.get("reports_waiting")
    counted = GapCount(gaps.count, gaps.lost, gaps.unknown) if gaps is not None else GapCount(0, 0, 0)
    return CollectorView(
        id=each.id, name=name, state=judgement.state, reason=judgement.reason,
        since=_time(judgement.since_us or 0),
        first_heard_at=_time(known.first_heard_us), last_contact_at=_time(known.contact_us), last_event_at=_time(known.event_us),
        agent=bool(known.facts_us), lag_ms=_milliseconds(known.lag_us), clock_skew_ms=_milliseconds(known.skew_us),
        clock_off=judgement.clock_off, events_per_s=each.rate(now_us), reports_waiting=None if waiting is None else int(waiting),
        gaps=counted, lossy=each.lossy(now_us), losses={counter: number for counter in LOSSES if (number := known.metrics.get(counter))},
        metrics=known.metrics,
    )  # fmt: skip


def _of(collectors: Collectors, control: Control, org_id: str, now_us: int) -> dict[str, Collector]:
    """The organisation's reporters: those that spoke, without peers that were removed since; and peers that never spoke."""
    machines = control.snapshot(org_id).machines
    found = {each.id: each for each in tuple(collectors.of(org_id).values()) if each.id in machines or not each.known.facts_us}
    missing = [machine for machine in machines.values() if machine.id not in found]
    seen = control.peers.last_seen(org_id) if missing else {}
    for machine in missing:
        heard = 0 if machine.enrolled_at is not None else seen.get(machine.id, 0)
        if not heard or now_us - heard < COLLECTOR_FORGET_S * 1_000_000:
            found[machine.id] = Collector(machine.id, Known(machine.name, heard, heard, heard))
    return found


def collector_list(collectors: Collectors, reader: CollectorReader, control: Control, org_id: str, now_us: int) -> CollectorList:
    """The organisation's reporters, those in trouble first."""
    gaps = reader.gaps(org_id, now_us - GAPS_S * 1_000_000)
    machines = control.snapshot(org_id).machines
    views = []
    for each in _of(collectors, control, org_id, now_us).values():
        machine = machines.get(each.id)
        name = (machine.name if machine is not None else "") or each.known.name or each.id
        views.append(_view(each, name, collectors, gaps.get(each.id), now_us))
    views.sort(key=lambda view: (_ORDER.index(view.state), view.name.casefold(), view.id))
    return CollectorList(views, collectors.silent_after_s)


async def listed(state: State, org_id: str) -> CollectorList:
    """As `collector_list`, off the event loop."""
    return await asyncio.to_thread(collector_list, state.collectors, state.collector_reader, state.control, org_id, state.clock())


@get(
    "/collectors", opt={"permission": Permission.collectors_read},
    summary="List who reports, and how they stand", operation_id="listCollectors",
)  # fmt: skip
async def list_collectors(request: AnyRequest, state: State) -> CollectorList:
    """Every machine or system that reports: when it was heard of last, whether it is late, silent or losing."""
    return await listed(state, request.state.identity.org_id)


@get("/collectors/{identifier:str}", opt={"permission": Permission.collectors_read}, summary="One reporter", operation_id="getCollector")
async def get_collector(request: AnyRequest, state: State, identifier: str) -> CollectorView:
    """The reporter with this id."""
    found = await listed(state, request.state.identity.org_id)
    for each in found.data:
        if each.id == identifier:
            return each
    raise NotFoundError(f"There is no reporter {identifier[:60]!r}.", "Ids come from the list of collectors.")


ROUTES = (list_collectors, get_collector)
"""Routes below /api/v1."""
