"""Rows grouped and measured, and the values that fields of connections have."""

from litestar import get
from litestar.datastructures import State

from meshtrail.api.aggregation import AggregateAnswer, answer, question
from meshtrail.api.facets import Facets, facets_of
from meshtrail.api.native.new_pairs import traffic_new_pairs
from meshtrail.api.native.traffic import AnyRequest, query_string
from meshtrail.api.parameters import Parameters
from meshtrail.api.questions import asked
from meshtrail.control.service import Permission
from meshtrail.store.engine import Share
from meshtrail.store.family_reader import FamilyReader


def aggregate_of(reader: FamilyReader, org_id: str, parameters: Parameters, now: int, share: Share | None = None) -> AggregateAnswer:
    """The answer of the API."""
    whole = question(org_id, parameters, reader.family, now)
    return answer(whole, reader.aggregate(whole.query, whole.asked, share))


@get(
    "/traffic/aggregate", opt={"permission": Permission.traffic_read}, summary="Group and measure connections",
    operation_id="trafficAggregate",
)  # fmt: skip
async def traffic_aggregate(request: AnyRequest, state: State) -> AggregateAnswer:
    """Measures (`count`, `sum(tx_bytes)`, …) of the connections that the filters choose, by any fields; the groups at the top, the
    others together, and the whole."""
    org_id, now, parameters = request.state.identity.org_id, state.clock(), query_string(request)
    return await asked(request, org_id, lambda share: aggregate_of(state.reader, org_id, parameters, now, share))


@get("/audit/aggregate", opt={"permission": Permission.audit_read}, summary="Group and measure audit events", operation_id="auditAggregate")
async def audit_aggregate(request: AnyRequest, state: State) -> AggregateAnswer:
    """Measures of the audit events that the filters choose, by any fields."""
    org_id, now, parameters = request.state.identity.org_id, state.clock(), query_string(request)
    return await asked(request, org_id, lambda share: aggregate_of(state.audit_reader, org_id, parameters, now, share))


@get(
    "/traffic/facets", opt={"permission": Permission.traffic_read}, summary="Values that fields of connections have",
    operation_id="trafficFacets",
)  # fmt: skip
async def traffic_facets(request: AnyRequest, state: State) -> Facets:
    """The most frequent values of each `field`, with their counts; takes the filters of the list."""
    org_id, now, parameters = request.state.identity.org_id, state.clock(), query_string(request)
    return await asked(request, org_id, lambda share: facets_of(state.reader, org_id, parameters, now, share))


ROUTES = (traffic_aggregate, audit_aggregate, traffic_facets, traffic_new_pairs)
"""Routes below /api/v1."""
