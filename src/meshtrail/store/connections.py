"""Connections: the reports of both ends and of the routers between them, joined.

A page is made in four steps, so that a day of reports is never grouped to show fifty connections: the newest *matching*
reports (merged, through the reader's page); the *faces* that they share with others near them in time, until no new face
is found; which reports belong together (`connection_join.py`); and what they say (`connection_view.py`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import msgspec

from meshtrail.model.columns import TRAFFIC
from meshtrail.store.connection_join import MARGIN_S, SEED, join, translations
from meshtrail.store.connection_view import view
from meshtrail.store.engine import Engine
from meshtrail.store.query import Compiled, Condition, Operator, Query, compiled
from meshtrail.store.reader import Cursor, Reader

CONNECTIONS_MAX = 1_000
"""Connections of one page: some three thousand reports."""

SEEDS_MIN = 64
"""Matching reports read for a page at least."""

SEEDS_PER_CONNECTION = (3, 12)
"""Matching reports read for each connection of the page, one after the other: both ends and a router; and more where they turn
out to be of the same connections."""

SEEDS_SEARCHED = 5_000
"""Matching reports looked through for a page of connections with a certain agreement."""

RANGES_MAX = 64
"""Stretches of time read around sparse reports: with more, the engine's search of its index takes longer than reading between."""

HOPS_MAX = 4
"""Translations followed from a report: two routers on either side of it."""

FACES_MAX = 20_000
"""Tuples of one page; a page of a thousand connections has a few thousand."""

_CONNECTIONS = Condition(TRAFFIC.columns["state"], Operator.is_not_in, ("window", "gap"))


class _Seed(msgspec.Struct):
    """A matching report."""

    started_us: int
    reporter_id: str
    flow_id: str
    face: int
    translated: int


class _Faces(msgspec.Struct):
    face: int
    translated: int


_Key = tuple[int, str, str]


class _Joined(msgspec.Struct):
    """The reports of one connection."""

    leader: _Key
    keys: list[_Key]
    ends: list[str]
    """Who stands at its ends, with the resource behind the router."""


_SEEDS = msgspec.json.Decoder(list[_Seed])
_FACES = msgspec.json.Decoder(_Faces)
_JOINED = msgspec.json.Decoder(_Joined)
_NUMBER_MARK = b',"connection":'


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """Some connections, and where the next ones are."""

    rows: tuple[bytes, ...]
    """Each a JSON object."""
    following: Cursor | None
    """None at the end. A page can be short, even empty, and not be the last when a wanted agreement is rare."""

    @property
    def array(self) -> bytes:
        """The rows as a JSON array."""
        return b"[" + b",\n".join(self.rows) + b"]"


@dataclass(frozen=True, slots=True)
class Expected:
    """Who should report."""

    reporters: Mapping[str, int] = field(default_factory=dict)
    """Those who report, and since when (microseconds)."""
    routers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Ids and names of the routing peers of each resource."""
    pauses: Sequence[tuple[str, int, int]] = ()
    """Reporters that were told to be silent, since when and until when (microseconds)."""


Expecting = Callable[[int, int], Expected]
"""Who should report connections that begin between two times (microseconds)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which connections, besides what the query says of their reports."""

    now_us: int
    expecting: Expecting
    agreement: tuple[str, ...] = ()
    """Any of these; none: all."""
    findings: bool = False
    """Only those that somebody should look at."""

    @property
    def searching(self) -> bool:
        """Whether connections are left out."""
        return self.findings or bool(self.agreement)


class Connections:
    """Reads of joined connections. Methods block; every one of them needs an organisation."""

    def __init__(self, engine: Engine, reader: Reader) -> None:
        self._engine = engine
        self._reader = reader

    def page(self, query: Query, wanted: Wanted, limit: int, cursor: Cursor | None = None) -> ConnectionPage:
        """Connections of which a report passes the query, newest first."""
        found = ConnectionPage((), None)
        for fan in SEEDS_PER_CONNECTION:
            count = max(SEEDS_SEARCHED if wanted.searching else SEEDS_MIN, limit * fan)
            seeds = self._seeds(query, count, cursor)
            if not seeds:
                break
            found = self._of(query, wanted, seeds, limit, cursor, whole=len(seeds) < count)
            if wanted.searching or len(found.rows) >= limit or len(seeds) < count:
                break
        return found

    def one(self, org_id: str, identifier: str, started_ms: int, wanted: Wanted) -> bytes | None:
        """The connection that the id of one of its reports leads to, as a JSON object, or None."""
        chosen = Condition(TRAFFIC.columns["id"], Operator.is_in, (identifier,))
        found = self.page(Query(org_id, (chosen,), started_ms * 1_000, (started_ms + 1) * 1_000), wanted, 1)
        return found.rows[0] if found.rows else None

    def _seeds(self, query: Query, count: int, cursor: Cursor | None) -> list[_Seed]:
        only = replace(query, conditions=(*query.conditions, _CONNECTIONS))
        return _SEEDS.decode(self._reader.page(only, SEED, count, cursor=cursor))

    def _of(self, query: Query, wanted: Wanted, seeds: list[_Seed], limit: int, cursor: Cursor | None, *, whole: bool) -> ConnectionPage:
        joined = self._joined(query, seeds, len(seeds) if wanted.searching else limit + 1, cursor)
        lines = self._shown(query.org_id, wanted, joined, limit + 1)
        parts = [line.rpartition(_NUMBER_MARK) for line in lines[:limit]]
        following = None if whole else Cursor(seeds[-1].started_us, seeds[-1].reporter_id, seeds[-1].flow_id)
        if len(lines) > limit:
            following = Cursor(*joined[int(parts[-1][2][:-1]) - 1].leader)
        return ConnectionPage(tuple(row + b"}" for row, _, _ in parts), following)

    def _joined(self, query: Query, seeds: list[_Seed], limit: int, cursor: Cursor | None) -> list[_Joined]:
        near = _near(query.org_id, [seed.started_us for seed in seeds])
        roots = self._roots(near, seeds)
        part = Compiled(list(near.clauses), dict(near.parameters))
        matched = _with(part, compiled(query))
        part.parameters |= {"faces": list(roots), "roots": list(roots.values())}
        sql = join(near.clauses[0], near.where, matched, _between(part, seeds[-1], cursor), limit)
        return [_JOINED.decode(line) for line in self._engine.read(sql, part.parameters).splitlines()]

    def _shown(self, org_id: str, wanted: Wanted, joined: list[_Joined], limit: int) -> list[bytes]:
        keys = [(*key, number) for number, connection in enumerate(joined, 1) for key in connection.keys]
        if not keys:
            return []
        starts, speakers, flows, numbers = (list(column) for column in zip(*keys, strict=True))
        expected = wanted.expecting(min(starts), max(starts))
        ends = {end for connection in joined for end in connection.ends}
        beside = [(end, *router) for end in ends for router in expected.routers.get(end, {}).items()]
        ends |= {router for _, router, _ in beside}
        heard = {end: expected.reporters[end] for end in ends if end in expected.reporters}
        pauses = [pause for pause in expected.pauses if pause[0] in heard]
        having = ["1", *(["agreement IN {agreement:Array(String)}"] if wanted.agreement else []), *(["finding"] if wanted.findings else [])]
        return self._engine.read(
            view(" AND ".join(having), limit),
            {
                "org": org_id, "starts": starts, "speakers": speakers, "flows": flows, "numbers": numbers, "now": wanted.now_us,
                "reporters": list(heard), "heard": list(heard.values()), "agreement": list(wanted.agreement),
                "resources": [each[0] for each in beside], "routers": [each[1] for each in beside],
                "router_names": [each[2] for each in beside],
                "paused": [pause[0] for pause in pauses], "paused_since": [pause[1] for pause in pauses],
                "paused_until": [pause[2] for pause in pauses],
            },
        ).splitlines()  # fmt: skip

    def _roots(self, near: Compiled, seeds: Iterable[_Seed]) -> dict[int, int]:
        """Every face that the seeds' connections can have, with its root."""
        parents: dict[int, int] = {}
        for seed in seeds:
            _unite(parents, seed.face, seed.translated)
        for _ in range(HOPS_MAX):
            count = len(parents)
            sql = translations(near.where, FACES_MAX)
            for line in self._engine.read(sql, {**near.parameters, "faces": list(parents)}).splitlines():
                pair = _FACES.decode(line)
                _unite(parents, pair.face, pair.translated)
            if len(parents) == count or len(parents) > FACES_MAX:
                break
        return {face: _root(parents, face) for face in parents}


def _unite(parents: dict[int, int], one: int, other: int) -> None:
    for face in (one, other):
        parents.setdefault(face, face)
    parents[_root(parents, other)] = _root(parents, one)


def _root(parents: dict[int, int], face: int) -> int:
    while parents[face] != face:
        parents[face] = face = parents[parents[face]]
    return face


def _near(org_id: str, moments: Iterable[int]) -> Compiled:
    """The organisation's reports around some moments."""
    part = compiled(Query(org_id))
    clauses = []
    for number, (low, high) in enumerate(stretches(moments)):
        part.parameters |= {f"low{number}": low, f"high{number}": high}
        bounds = [f"fromUnixTimestamp64Micro({{{name}{number}:Int64}}, 'UTC')" for name in ("low", "high")]
        clauses.append(f"started_at BETWEEN {bounds[0]} AND {bounds[1]}")
    part.clauses.append(f"({' OR '.join(clauses)})")
    return part


def stretches(moments: Iterable[int], most: int = RANGES_MAX) -> list[tuple[int, int]]:
    """Stretches of time that reach `MARGIN_S` beyond each moment: those that touch are one, and so are the nearest ones until
    there are at most `most`."""
    margin = MARGIN_S * 1_000_000
    found: list[tuple[int, int]] = []
    for moment in sorted(moments):
        if found and moment - margin <= found[-1][1]:
            found[-1] = (found[-1][0], moment + margin)
        else:
            found.append((moment - margin, moment + margin))
    widest = sorted(range(1, len(found)), key=lambda place: found[place][0] - found[place - 1][1], reverse=True)
    firsts = [0, *sorted(widest[: most - 1]), len(found)]
    return [(found[first][0], found[following - 1][1]) for first, following in pairwise(firsts)] if found else []


def _with(part: Compiled, other: Compiled) -> str:
    """The other's WHERE clause, its parameters renamed and added."""
    text = other.where
    for name, value in other.parameters.items():
        text = text.replace(f"{{{name}:", f"{{m{name}:")
        part.parameters[f"m{name}"] = value
    return f"({text})"


def _between(part: Compiled, last: _Seed, cursor: Cursor | None) -> str:
    """Connections that stand between the cursor and the last seed: of these all reports are known."""

    def place(name: str, started_us: int, reporter_id: str, flow_id: str) -> str:
        part.parameters |= {f"{name}0": started_us, f"{name}1": reporter_id, f"{name}2": flow_id}
        return f"({{{name}0:Int64}}, {{{name}1:String}}, {{{name}2:UUID}})"

    clause = f"leader >= {place('last', last.started_us, last.reporter_id, last.flow_id)}"
    if cursor is not None:
        clause += f" AND leader < {place('cursor', cursor.time, cursor.reporter, cursor.own)}"
    return clause
