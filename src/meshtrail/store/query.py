"""Conditions on rows, compiled to parameterised SQL.

A *query* holds an organisation, a half-open window of the family's time and *conditions*. Values only ever become
parameters; names come from the column table. The compiler refuses what a column cannot mean.
"""

import ipaddress
import uuid
from dataclasses import dataclass, field
from enum import StrEnum

from meshtrail.common.clock import microseconds
from meshtrail.common.errors import InvalidError
from meshtrail.filter.tree import Node
from meshtrail.model.columns import TRAFFIC, Column, Family, Kind
from meshtrail.store.address_sql import address_text as address_text
from meshtrail.store.filter_sql import filter_clauses
from meshtrail.store.limits import CONDITIONS_MAX, SEARCH_CHARACTERS_MAX, VALUES_MAX

_DIGITS_MAX = 20
"""Digits of the largest number of 64 bits."""


class Operator(StrEnum):
    """How a field is compared."""

    is_in = ""
    is_not_in = "not"
    at_least = "gte"
    above = "gt"
    at_most = "lte"
    below = "lt"
    known = "known"
    starts = "starts"
    """Begins with."""


_COMPARISONS = {Operator.at_least: ">=", Operator.above: ">", Operator.at_most: "<=", Operator.below: "<"}
_ORDERED = frozenset({Kind.port, Kind.u8, Kind.u32, Kind.u64, Kind.time})
_INTEGERS = {Kind.port: 16, Kind.u8: 8, Kind.u32: 32, Kind.u64: 64}
_TEXTS = frozenset({Kind.name, Kind.text})


@dataclass(frozen=True, slots=True)
class Condition:
    """One field against values; several values mean any of them."""

    column: Column
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows of an organisation. Times are microseconds; the window is half-open: `since <= time < until`."""

    org_id: str
    conditions: tuple[Condition, ...] = ()
    since: int | None = None
    until: int | None = None
    search: str = ""
    searched: tuple[str, ...] = ()
    """Columns that the search text is looked for in; none: those of the family."""
    found: tuple[Condition, ...] | None = None
    """What stands for the search text (`search.Search`): one of these holds."""
    filter: Node | None = None
    """A tree of the filter language without relative times (`filter.resolved`)."""
    family: Family = TRAFFIC
    alternatives: tuple[tuple[Condition, ...], ...] = ()
    """Of each of these groups at least one condition holds."""


@dataclass(slots=True)
class Compiled:
    """A WHERE clause and its parameters."""

    clauses: list[str] = field(default_factory=list)
    parameters: dict[str, str | int | list[str] | list[int]] = field(default_factory=dict)

    def add(self, template: str, value: str | int | list[str] | list[int]) -> None:
        """Add a clause whose `{}` is the place of a new parameter."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        self.clauses.append(template.replace("{}", name))

    @property
    def where(self) -> str:
        """The clauses joined."""
        return " AND ".join(self.clauses)


def condition(name: str, operator: str, values: list[str], family: Family = TRAFFIC) -> Condition:
    """A checked condition; `InvalidError` names the field and what is wrong."""
    column = family.columns.get(name)
    if column is None or name == "org_id":
        raise InvalidError(f"There is no field {name!r}.", "See the field list in the API description.")
    try:
        known = Operator(operator)
    except ValueError:
        raise InvalidError(f"There is no comparison {operator!r}.", "Use not, gte, gt, lte, lt, starts or known.") from None
    if len(values) > VALUES_MAX:
        raise InvalidError(f"{name} has {len(values)} values; at most {VALUES_MAX} are allowed.")
    if known in _COMPARISONS and column.kind not in _ORDERED:
        raise InvalidError(f"{name} has no order, so it cannot be compared by {operator}.")
    if known is Operator.starts and column.kind not in _TEXTS:
        raise InvalidError(f"{name} is no text, so it cannot be compared by {operator}.")
    return Condition(column, known, tuple(values))


def compiled(query: Query) -> Compiled:
    """The query as SQL; `InvalidError` for values that a column cannot have."""
    count = len(query.conditions) + sum(len(group) for group in query.alternatives)
    if count > CONDITIONS_MAX:
        raise InvalidError(f"{count} conditions; at most {CONDITIONS_MAX} are allowed.")
    if len(query.search) > SEARCH_CHARACTERS_MAX:
        raise InvalidError(f"The search text is longer than {SEARCH_CHARACTERS_MAX} characters.")
    out = Compiled()
    out.add("org_id = {{}:String}", query.org_id)
    if query.since is not None:
        out.add(f"{query.family.time} >= fromUnixTimestamp64Micro({{{{}}:Int64}}, 'UTC')", query.since)
    if query.until is not None:
        out.add(f"{query.family.time} < fromUnixTimestamp64Micro({{{{}}:Int64}}, 'UTC')", query.until)
    for each in query.conditions:
        _add(out, each)
    for group in query.alternatives:
        _add_alternatives(out, group)
    if query.found is not None:
        _add_alternatives(out, query.found)
    elif query.search:
        _add_search(out, query)
    if query.filter is not None:
        out.clauses += filter_clauses(query.filter, query.family, out.parameters)
    return out


def _add_alternatives(out: Compiled, group: tuple[Condition, ...]) -> None:
    parts = Compiled(parameters=out.parameters)
    for each in group:
        _add(parts, each)
    out.clauses.append("(" + " OR ".join(f"ifNull({clause}, 0)" for clause in parts.clauses) + ")" if parts.clauses else "0")


def _add(out: Compiled, each: Condition) -> None:
    column = each.column
    if each.operator is Operator.known:
        if each.values not in {("true",), ("false",)}:
            raise InvalidError(f"{column.name}.known is true or false.")
        out.clauses.append(f"{column.name} IS {'NOT ' if each.values == ('true',) else ''}NULL")
        return
    if each.operator is Operator.starts:
        part = Compiled(parameters=out.parameters)
        for value in each.values:
            part.add(f"startsWith({column.name}, {{{{}}:String}})", value)
        out.clauses.append("(" + (" OR ".join(part.clauses) or "0") + ")")
        return
    if each.operator in _COMPARISONS:
        for value in each.values:
            number, kind = _number(column, value)
            place = f"fromUnixTimestamp64Micro({{{{}}:{kind}}}, 'UTC')" if column.kind is Kind.time else f"{{{{}}:{kind}}}"
            out.add(f"{column.name} {_COMPARISONS[each.operator]} {place}", number)
        return
    _add_membership(out, each)


def _add_membership(out: Compiled, each: Condition) -> None:
    part = Compiled(parameters=out.parameters)
    if each.column.kind is Kind.address:
        _add_addresses(part, each.column, each.values)
    elif each.column.kind is Kind.names:
        part.add(f"hasAny({each.column.name}, {{{{}}:Array(String)}})", list(each.values))
    elif each.column.kind in _INTEGERS or each.column.kind is Kind.time:
        numbers = [_number(each.column, value)[0] for value in each.values]
        kind = f"Array(UInt{_INTEGERS[each.column.kind]})" if each.column.kind in _INTEGERS else "Array(Int64)"
        name = each.column.name if each.column.kind in _INTEGERS else f"toUnixTimestamp64Micro({each.column.name})"
        part.add(f"{name} IN {{{{}}:{kind}}}", numbers)
    else:
        _add_texts(part, each.column, each.values)
    joined = " OR ".join(part.clauses) or "0"
    if each.operator is Operator.is_not_in:
        out.clauses.append(f"NOT ifNull(({joined}), 0)")
    else:
        out.clauses.append(f"({joined})")


def _add_texts(part: Compiled, column: Column, values: tuple[str, ...]) -> None:
    if column.kind is Kind.uuid:
        part.add(f"{column.name} IN {{{{}}:Array(UUID)}}", [_uuid(column, value) for value in values])
    elif column.choices is not None:
        for value in values:
            if value not in column.choices.__members__:
                raise InvalidError(f"{column.name} cannot be {value!r}.", f"It is one of: {', '.join(column.choices.__members__)}.")
        numbers = [int(column.choices[value]) for value in values]
        part.add(f"CAST({column.name}, 'Nullable(Int8)') IN {{{{}}:Array(Int8)}}", numbers)
    else:
        part.add(f"{column.name} IN {{{{}}:Array(String)}}", list(values))


def _add_addresses(part: Compiled, column: Column, values: tuple[str, ...]) -> None:
    singles = []
    for value in values:
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise InvalidError(f"{column.name}: {value!r} is neither an address nor a network.") from None
        if isinstance(network, ipaddress.IPv4Network):
            low, high = f"::ffff:{network[0]}", f"::ffff:{network[-1]}"
        else:
            low, high = str(network[0]), str(network[-1])
        if low == high:
            singles.append(low)
            continue
        names = []
        for text in (low, high):
            names.append(f"p{len(part.parameters)}")
            part.parameters[names[-1]] = text
        part.clauses.append(f"{column.name} BETWEEN {{{names[0]}:IPv6}} AND {{{names[1]}:IPv6}}")
    if len(singles) == 1:
        part.add(f"{column.name} = {{{{}}:IPv6}}", singles[0])
    elif singles:
        part.add(f"{column.name} IN {{{{}}:Array(IPv6)}}", singles)


def _add_search(out: Compiled, query: Query) -> None:
    name = f"p{len(out.parameters)}"
    out.parameters[name] = query.search
    clauses = []
    for column in query.searched or query.family.searched:
        if query.family.columns[column].kind is Kind.address:
            clauses.append(f"position({address_text(column)}, lower({{{name}:String}})) > 0")
        else:
            clauses.append(f"positionCaseInsensitiveUTF8({column}, {{{name}:String}}) > 0")
    out.clauses.append("(" + " OR ".join(f"ifNull({clause}, 0)" for clause in clauses) + ")")


def _number(column: Column, value: str) -> tuple[int, str]:
    if column.kind is Kind.time:
        try:
            return microseconds(value), "Int64"
        except ValueError:
            raise InvalidError(f"{column.name}: {value!r} is not an RFC 3339 time.") from None
    bits = _INTEGERS[column.kind]
    if not value.isascii() or not value.isdigit() or len(value) > _DIGITS_MAX or int(value) >= 1 << bits:
        raise InvalidError(f"{column.name}: {value[:40]!r} is not a number from 0 to {(1 << bits) - 1}.")
    return int(value), f"UInt{bits}"


def _uuid(column: Column, value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise InvalidError(f"{column.name}: {value!r} is not a UUID.") from None
