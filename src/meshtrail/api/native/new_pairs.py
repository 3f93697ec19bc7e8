"""Pairs that reached each other for the first time."""

from dataclasses import replace

import msgspec
from litestar import get
from litestar.datastructures import State

from meshtrail.api import parameters as read
from meshtrail.api.native.traffic import AnyRequest, query_string
from meshtrail.api.questions import asked
from meshtrail.common.clock import rfc3339
from meshtrail.control.service import Permission
from meshtrail.store.engine import Share
from meshtrail.store.first_seen import PAIRS_MAX, new_pairs
from meshtrail.store.reader import Reader

WEEK_US = 7 * 86_400_000_000
"""The window when the caller does not say where it begins."""

LIMIT = 50
"""Pairs of an answer when the caller does not say."""


class FirstContact(msgspec.Struct):
    """Two ends that reached each other for the first time."""

    source: str | None
    """Name of the initiating side, else its address; null where it has no name and addresses are not told apart."""
    destination: str | None
    first_at: str
    """Start of their first connection."""
    count: int
    """Rows since."""
    bytes: int
    """Bytes received and sent since, as far as they were counted."""


class FirstContacts(msgspec.Struct):
    """The newest first."""

    data: list[FirstContact]
    more: bool
    """Whether there are others, that began earlier in the window."""
    unnamed: str
    """`by_address`: ends without a name are told apart by their addresses; `together`: so many rows are stored that they count as one
    end."""
    since: str
    until: str


def first_contacts(reader: Reader, org_id: str, parameters: read.Parameters, now: int, share: Share | None = None) -> FirstContacts:
    """The answer of the API; `now` is the moment of the request."""
    chosen = {name: values for name, values in parameters.items() if name != "limit"}
    query = read.query(org_id, chosen, reader.family, now)
    until = now if query.until is None else query.until
    since = until - WEEK_US if query.since is None else query.since
    limit = read.integer(parameters, "limit", LIMIT, 1, PAIRS_MAX)
    found = new_pairs(reader, replace(query, until=until), since, limit, share)
    pairs = [FirstContact(each.source, each.destination, rfc3339(each.first_at), each.count, each.bytes) for each in found.pairs]
    return FirstContacts(pairs, found.more, "by_address" if found.by_address else "together", rfc3339(since), rfc3339(until))


@get(
    "/traffic/new-pairs", opt={"permission": Permission.traffic_read}, summary="Pairs that reached each other for the first time",
    operation_id="trafficNewPairs",
)  # fmt: skip
async def traffic_new_pairs(request: AnyRequest, state: State) -> FirstContacts:
    """Sources and destinations whose first connection, of all that are stored and chosen by the filters, began in the window: the last
    week unless `from` and `to` say otherwise. What was denied or not answered reached nothing."""
    org_id, now, parameters = request.state.identity.org_id, state.clock(), query_string(request)
    return await asked(request, org_id, lambda share: first_contacts(state.reader, org_id, parameters, now, share))
