"""Which reports are of one connection, as SQL.

A report has two *faces*: protocol, addresses and ports (type and code for ICMP) before and after translation, each as one
hash. Initiator and router share the first, router and target the second, so faces that one report holds together are one
*root*. Within a root each report belongs to the nearest one of the best *place*: the initiator's, else a router's, else
whoever comes first by name. A reporter speaks once about a connection; what it says besides is another connection.
"""

from collections.abc import Callable

from meshtrail.store.reader import KEY

START_TOLERANCE_S = 5
"""How far the starts of two reports of one connection may be apart: a lost first packet is sent again after one and after
three seconds, and clocks of machines differ."""

MARGIN_S = 3 * START_TOLERANCE_S
"""How far around a report the others are read: a report, what it belongs to, and what else could belong there."""

PLACES = 3
"""Places that others can belong to: initiator, router, and one more."""

ROWS_MAX = 50_000
"""Reports of one page's connections: someone who repeats one tuple without end must not fill the memory."""

CONNECTION = "state NOT IN ('window', 'gap')"
"""Which rows are reports of a connection."""

ROLES = ("initiator", "router", "target", "observer")
"""Who reports, best place first; numbered from 1."""

ROLE = (
    "multiIf(connection_type = 'routed', 2, direction = 'egress', 1, direction = 'ingress', 3, "
    "reporter_id = source_id, 1, reporter_id = destination_id, 3, 4)"
)
"""Number of the reporter's role."""

_FAR = 1 << 62
_ENDS = ("source_id", "destination_id", "destination_resource_id")
_TUPLE = ("source_address", "source_port", "destination_address", "destination_port")
_UNKNOWN = ("toIPv6('::')", "0") * 2


def _face(*, translated: bool) -> str:
    parts = [f"nat_{name}, {name}" if translated else name for name in _TUPLE]
    filled = ", ".join(f"coalesce({part}, {unknown})" for part, unknown in zip(parts, _UNKNOWN, strict=True))
    return f"cityHash64(ifNull(protocol, 0), {filled}, ifNull(icmp_type, 0), ifNull(icmp_code, 0))"


FACE, TRANSLATED = _face(translated=False), _face(translated=True)
"""Hash of the tuple before and after translation."""

SEED = (
    "toUnixTimestamp64Micro(started_at) AS started_us, reporter_id, toString(flow_id) AS flow_id, "
    f"{FACE} AS face, {TRANSLATED} AS translated"
)
"""Where a report stands, and its faces."""

_SHARED = "(has({faces:Array(UInt64)}, face) OR has({faces:Array(UInt64)}, translated))"


def _near(where: str) -> str:
    """Reports with their faces, not merged: every report of a row brings its tuple."""
    return f"SELECT {KEY}, {FACE} AS face, {TRANSLATED} AS translated FROM traffic WHERE {where} AND {CONNECTION}"


def translations(where: str, most: int) -> str:
    """Pairs of faces of which one is among `faces`."""
    return f"SELECT DISTINCT face, translated FROM ({_near(where)}) WHERE face != translated AND {_SHARED} LIMIT {most}"


def _neighbours(place: int) -> str:
    """The reports in a place, before and after this one within the root: time and number each."""
    pair = f"((started_us, n), place = {place})"
    return f"maxIf{pair} OVER earlier AS before{place}, minIf{pair} OVER later AS after{place}"


def _distances(place: int) -> str:
    """How far those are."""
    return (
        f"if(before{place}.2 = 0, {_FAR}, started_us - before{place}.1) AS since{place}, "
        f"if(after{place}.2 = 0, {_FAR}, after{place}.1 - started_us) AS until{place}"
    )


def _nearest(place: int) -> str:
    return f"if(since{place} <= until{place}, (since{place}, before{place}.2), (until{place}, after{place}.2)) AS near{place}"


def _owner() -> str:
    """Distance and number of the report that a report belongs to."""
    tolerance = START_TOLERANCE_S * 1_000_000
    choices = [f"place = {place}, (toInt64(0), n), near{place}.1 <= {tolerance}, near{place}" for place in range(1, PLACES + 1)]
    return f"multiIf({', '.join(choices)}, (toInt64(0), n)) AS owner"


def _each(make: Callable[[int], str]) -> str:
    return ", ".join(make(place) for place in range(1, PLACES + 1))


def join(org: str, near: str, matched: str, having: str, limit: int) -> str:
    """Groups of report keys, newest first, of the reports in `near` that share one of `faces`. A group stands where its newest
    report that passes the caller's filter `matched` stands (`leader`).

    One step a level: an expression that uses another twice would be planned twice."""
    keys = f"SELECT {KEY} FROM ({_near(near)}) WHERE {_SHARED} LIMIT {ROWS_MAX}"
    reports = (
        f"SELECT flow_id, reporter_id, {', '.join(_ENDS)}, toUnixTimestamp64Micro(started_at) AS started_us, "
        f"{ROLE} AS role, ifNull({matched}, 0) AS matched, "
        f"transform({FACE}, {{faces:Array(UInt64)}}, {{roots:Array(UInt64)}}, 0) AS root "
        f"FROM traffic FINAL WHERE {org} AND ({KEY}) IN ({keys}) AND {CONNECTION}"
    )
    numbered = f"SELECT *, toInt64(row_number() OVER (ORDER BY started_us, reporter_id, flow_id)) AS n FROM ({reports})"
    placed = f"SELECT *, dense_rank() OVER (PARTITION BY root ORDER BY role, reporter_id) AS place FROM ({numbered})"
    beside = (
        f"SELECT *, {_each(_neighbours)} FROM ({placed}) WINDOW "
        "earlier AS (PARTITION BY root ORDER BY started_us, n ROWS UNBOUNDED PRECEDING), "
        "later AS (PARTITION BY root ORDER BY started_us DESC, n DESC ROWS UNBOUNDED PRECEDING)"
    )
    distant = f"SELECT *, {_each(_distances)} FROM ({beside})"
    nearest = f"SELECT *, {_each(_nearest)} FROM ({distant})"
    owned = f"SELECT *, {_owner()} FROM ({nearest})"
    once = "row_number() OVER (PARTITION BY owner.2, reporter_id ORDER BY owner.1, n) = 1"
    joined = f"SELECT *, if({once}, owner.2, n) AS connection, (started_us, toString(reporter_id), flow_id) AS key FROM ({owned})"
    return (
        f"SELECT maxIf(key, matched) AS leader, groupArray(key) AS keys, "
        f"arrayConcat({', '.join(f'groupUniqArray({end})' for end in _ENDS)}) AS ends FROM ({joined}) "
        f"GROUP BY connection HAVING {having} ORDER BY leader DESC LIMIT {limit}"
    )
