"""A connection as it is shown, as SQL: what its reports say together, each report, and whether they agree."""

from meshtrail.model.columns import TRAFFIC
from meshtrail.store.connection_join import ROLE, ROLES
from meshtrail.store.query import address_text
from meshtrail.store.reader import KEY
from meshtrail.store.schema import value_type

BYTES_DIFFER_MIN = 1_024
"""Counters that differ by less agree: the last packets of a connection may be seen by one side only."""

BYTES_DIFFER_PERCENT = 1
"""The same for large ones."""

SETTLED_S = 60
"""Age from which a missing report is a finding: before, it may be under way."""

AGREEMENTS = ("both", "one_side", "bytes_differ", "denied_by_other")
"""What the reports of a connection can say of each other."""

_POLICY = ("policy_id", "policy_name", "rule_id", "policy_version", "attribution")
_SHAPE = ("protocol", "icmp_type", "icmp_code", "application")
_PERSON = ("user_id", "user_email", "user_name")
_ENDS = ("source", "destination")
_END = ("id", "type", "name", "address", "port", "dns_label", "resource_id", "resource_name")
_NAT = tuple(f"nat_{end}_{name}" for end in _ENDS for name in ("address", "port"))
REPORT_FIELDS = (
    "reporter_id", "reporter_name", "state", "verdict", *_POLICY, "started_at", "ended_at", "last_seen_at", "close_reason",
    *(f"{end}_{name}" for end in _ENDS for name in ("address", "port")), *_NAT, "process_name", "drops",
)  # fmt: skip
_CAME_IN = "multiIf(direction = 'ingress', 1, direction = 'egress', 0, role = 3)"
"""Whether the connection came to its reporter: to the target, and to a router from the private network. Where the reporter does
not say, it did to the target only."""

COUNTERS = {
    f"{unit}_to_{end}": f"if({_CAME_IN}, {ingress}_{unit}, {other}_{unit})"
    for unit in ("bytes", "packets")
    for end, ingress, other in (("destination", "rx", "tx"), ("source", "tx", "rx"))
}
"""What went to an end, from what the reporter received and sent: whoever a connection came to received what went to the destination,
any other sent it."""

_SIDES = tuple(f"{end}_{name}" for end in _ENDS for name in _END)
_READ = tuple(dict.fromkeys((*REPORT_FIELDS, *_SHAPE, *_PERSON, *_SIDES, "starts")))
SHOWN_FIELDS = (
    "id", "started_at", "ended_at", "duration_ms", "state", "verdict", "agreement", "finding", "missing", *_POLICY, "connection_type",
    *_SHAPE, *_SIDES, *_PERSON, *COUNTERS, "reports",
)  # fmt: skip
_SOURCE, _DESTINATION = (f"toString(ifNull({end}_id, ''))" for end in _ENDS)


def _shown(name: str) -> str:
    return address_text(name) if name.endswith("_address") else name


def _reports() -> str:
    """All reports of a group, best place first, as named tuples."""
    parts = [("id", "id", "UUID"), ("role", f"{list(ROLES)}[role]", "String")]
    parts += [(name, _shown(name), "Nullable(String)" if name.endswith("_address") else _kind(name)) for name in REPORT_FIELDS]
    parts += [(name, name, "Nullable(UInt64)") for name in COUNTERS]
    values, kinds = ", ".join(sql for _, sql, _ in parts), ", ".join(f"{name} {kind}" for name, _, kind in parts)
    kinds = kinds.replace("'", "''")
    return f"CAST(arrayMap(x -> x.2, arraySort(x -> x.1, groupArray((place, ({values}))))), 'Array(Tuple({kinds}))') AS reports"


def _kind(name: str) -> str:
    return value_type(TRAFFIC.columns[name])


def _first(name: str) -> str:
    """The value of the best-placed report that knows it."""
    return f"argMin({_shown(name)}, place) AS {name}"


def _told(name: str) -> str:
    """The largest value of the reporters that did not fall silent: while one of them says that it goes on, it is not lost."""
    return f"if(countIf(state != 'lost') = 0, max({name}), maxIf({name}, state != 'lost'))"


def _differ(name: str) -> str:
    """Whether what two ended reports counted is further apart than chance. An open one is still counting."""
    most, least = (f"{which}If({name}, state = 'closed')" for which in ("max", "min"))
    return f"ifNull({most} - {least} > greatest({BYTES_DIFFER_MIN}, {most} * {BYTES_DIFFER_PERCENT} / 100), 0)"


def _grouped() -> str:
    """What the reports of each connection say together. The policy is that of the denial, else the target's, the router's."""
    number = "transform(cityHash64(toUnixTimestamp64Micro(started_at), toString(reporter_id), toString(flow_id)), hashes, numbers, 0)"
    counters = ", ".join(f"{sql} AS {name}" for name, sql in COUNTERS.items())
    keys = "arrayJoin(arrayZip({starts:Array(Int64)}, {speakers:Array(String)}, {flows:Array(UUID)}))"
    reports = (
        f"WITH arrayMap((s, r, f) -> cityHash64(s, r, toString(f)), {{starts:Array(Int64)}}, {{speakers:Array(String)}}, "
        "{flows:Array(UUID)}) AS hashes, {numbers:Array(UInt64)} AS numbers "
        f"SELECT {', '.join(_READ)}, id, {ROLE} AS role, {counters}, {number} AS connection, "
        "(role, toUnixTimestamp64Micro(started_at), reporter_id) AS place FROM traffic FINAL "
        f"WHERE org_id = {{org:String}} AND ({KEY}) IN "
        f"(SELECT fromUnixTimestamp64Micro(k.1, 'UTC'), k.2, k.3 FROM (SELECT {keys} AS k))"
    )
    deciding = "(state != 'denied', policy_id IS NULL, [4, 2, 1, 3][role], place)"
    columns = [
        "connection", "argMin(id, place) AS id", "argMin(started_at, place) AS started_at", f"{_told('ended_at')} AS ended_at",
        f"{_told('state')} AS state", "max(verdict) AS verdict", f"argMin(({', '.join(_POLICY)}), {deciding}) AS policy",
        "max(role = 2) AS routed", *(_first(name) for name in (*_SHAPE, *_SIDES, *_PERSON)),
        *(f"max({name}) AS {name}" for name in COUNTERS),
        "groupUniqArray(toString(reporter_id)) AS present", "max(state = 'denied') > (min(state) = 'denied') AS contradicted",
        "maxIf(state = 'denied', role = 2) AS stopped", "max(ifNull(starts, 1) = 0) AS joined_late",
        "max(ifNull(reporter_id = source_id, 0) * ifNull(reporter_id = destination_id, 0)) AS itself",
        f"greatest({_differ('bytes_to_destination')}, {_differ('bytes_to_source')}) AS differ", _reports(),
    ]  # fmt: skip
    return f"SELECT {', '.join(columns)} FROM ({reports}) GROUP BY connection"


def _silent(who: str) -> str:
    """Whether somebody was known as a reporter when the connection began, was not told to be silent, and says nothing of it."""
    known, began = "{reporters:Array(String)}", "toUnixTimestamp64Micro(started_at)"
    heard = f"{{heard:Array(Int64)}}[indexOf({known}, {who})] <= {began}"
    paused = (
        f"arrayExists((p, s, u) -> multiIf(p != {who}, 0, s > {began}, 0, u > {began}), "
        "{paused:Array(String)}, {paused_since:Array(Int64)}, {paused_until:Array(Int64)})"
    )
    return f"multiIf(NOT has({known}, {who}), 0, has(present, {who}), 0, {paused}, 0, {heard})"


_BESIDE = (
    "arrayFilter(x -> x.1 = ifNull(destination_resource_id, ''), "
    "arrayZip({resources:Array(String)}, {routers:Array(String)}, {router_names:Array(String)}))"
)
"""Resource, id and name of each routing peer before the destination."""


def _missing() -> str:
    """Who should have reported and did not: an end, and all of the routers when none of them says anything. Whoever is stopped at
    a router does not reach the destination."""
    destination = f"multiIf(stopped, 0, {_SOURCE} = {_DESTINATION}, 0, {_silent(_DESTINATION)})"
    ends = (
        f"arrayFilter(x -> x.4, [('source', {_SOURCE}, source_name, {_silent(_SOURCE)}), "
        f"('destination', {_DESTINATION}, destination_name, {destination})])"
    )
    silent = f"multiIf(routed, 0, arrayAll(x -> {_silent('x.2')}, beside))"
    routers = f"arrayMap(x -> ('router', x.2, CAST(x.3, 'Nullable(String)'), 1), if({silent}, beside, []))"
    kind = "Array(Tuple(side String, reporter_id String, reporter_name Nullable(String)))"
    return f"CAST(arrayMap(x -> (x.1, x.2, x.3), arrayConcat({ends}, {routers})), '{kind}') AS missing"


def view(having: str, limit: int) -> str:
    """Connections of the reports named by `starts`, `speakers` and `flows`; those with one of `numbers` are one connection, and
    stand in the order of it.

    `multiIf` stands where AND and OR would: the engine plans those again and again (0.2 s instead of 0.05)."""
    told = f"SELECT *, {_missing()} FROM (SELECT *, {_BESIDE} AS beside FROM ({_grouped()}))"
    policy = ", ".join(f"policy.{place} AS {name}" for place, name in enumerate(_POLICY, 1))
    compared = (
        f"SELECT *, {policy}, if(routed, 'routed', 'p2p') AS connection_type, multiIf(contradicted, 'denied_by_other', notEmpty(missing), "
        "'one_side', differ, 'bytes_differ', (length(present) = 1) > itself, 'one_side', 'both') AS agreement, "
        "CAST(if(ended_at IS NULL, NULL, greatest(0, dateDiff('millisecond', started_at, ended_at))), 'Nullable(UInt64)') AS duration_ms "
        f"FROM ({told})"
    )
    settled = f"started_at <= fromUnixTimestamp64Micro({{now:Int64}} - {SETTLED_S * 1_000_000}, 'UTC')"
    judged = (
        "SELECT *, toBool(multiIf(agreement = 'bytes_differ', 1, agreement != 'one_side', 0, empty(missing), 0, state = 'attempted', 0, "
        f"joined_late, 0, {settled})) AS finding FROM ({compared})"
    )
    return f"SELECT {', '.join(SHOWN_FIELDS)}, connection FROM ({judged}) WHERE {having} ORDER BY connection LIMIT {limit}"
