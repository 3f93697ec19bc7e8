"""The query string of a saved view: what the list's page would understand in its address bar, and nothing else."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from meshtrail.api import parameters as read
from meshtrail.api.native import connections
from meshtrail.control.views import Listing
from meshtrail.model.columns import AUDIT, TRAFFIC
from meshtrail.store.query import Query, compiled
from meshtrail.web import filters as addresses

_PASSING = frozenset({"cursor"})
"""Parameters that say where in the list somebody stands, not what the list shows."""


def checked_query(family: Listing, query: str) -> str:
    """The query without its passing parts. `InvalidError` for one that the list would refuse, in the list's words."""
    pairs = parse_qsl(query.removeprefix("?"))
    text = urlencode([(name, value) for name, value in pairs if name not in _PASSING])
    compiled(_understood(family, addresses.parse(text).api_parameters(datetime.now(UTC))))
    return text


def _understood(family: Listing, parameters: read.Parameters) -> Query:
    match family:
        case Listing.traffic:
            return read.query("", parameters, TRAFFIC)
        case Listing.audit:
            return read.query("", parameters, AUDIT)
        case Listing.connections:
            connections.choice(parameters)
            return connections.reports_query("", parameters)
