"""The filters of a list: parsed from the address bar, written back to it, and handed to the API.

A *condition* is one field with an operator and values; several values mean any of them. A *window* is either the last
hours (`last=1h`, counted from each request) or fixed (`from`, `to`).
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from meshtrail.common.errors import InvalidError
from meshtrail.web.listed import TRAFFIC_LIST, Listed
from meshtrail.web.typed import joined, typed_filter

LAST = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
"""Windows that end now, by the word in the address bar."""

FILTER = "filter"
"""Parameter of the filter in the filter language; here it is a condition like the others."""

PLAIN = frozenset({"search", "last", "from", "to", "cursor", "columns"})
"""Parameters of an address that are no conditions."""

CONDITIONS_MAX = 64
"""As many as the API takes."""

QUERY_FIELDS_MAX = 1_200
"""Parameters of one address; more is an attack, not a filter."""

OPERATORS = {
    "": "is", "not": "is not", "gte": "at least", "gt": "above", "lte": "at most", "lt": "below", "known": "is known",
}  # fmt: skip
_TYPED = {"=": "", ":": "", "!=": "not", ">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}
_TOKEN = re.compile(r'(?<!\S)([a-z_]+)(!=|>=|<=|=|:|>|<)("[^"]*"|\S+)(?!\S)')


@dataclass(frozen=True, slots=True)
class Condition:
    """One field against values."""

    field: str
    operator: str
    values: tuple[str, ...]

    @property
    def parameter(self) -> str:
        """Name in the query string: `source_name` or `source_name.not`."""
        return f"{self.field}.{self.operator}" if self.operator else self.field


@dataclass(frozen=True, slots=True)
class Filters:
    """Everything that chooses rows of a list, and its columns."""

    conditions: tuple[Condition, ...] = ()
    search: str = ""
    last: str = TRAFFIC_LIST.last
    """Empty when the window is fixed."""
    since: str = ""
    until: str = ""
    cursor: str = ""
    columns: str = ""
    """Names of the columns to show with commas between them; empty for those of the browser."""
    listed: Listed = TRAFFIC_LIST

    @property
    def narrowed(self) -> bool:
        """Whether more than the window chooses rows."""
        return bool(self.conditions or self.search)

    def query(self) -> str:
        """The query string of the page, without the list's usual window."""
        pairs = self._chosen()
        if self.last and self.last != self.listed.last:
            pairs.append(("last", self.last))
        pairs += [(name, text) for name, text in (("from", self.since), ("to", self.until)) if text and not self.last]
        pairs += [(name, text) for name, text in (("cursor", self.cursor), ("columns", self.columns)) if text]
        return urlencode(pairs)

    def path(self) -> str:
        """The list's address with these filters."""
        query = self.query()
        return f"{self.listed.path}?{query}" if query else self.listed.path

    def api_query(self) -> str:
        """Query string for the API without a window: what chooses rows at any time."""
        return urlencode(self._chosen())

    def count_query(self) -> str:
        """As `api_query`, without what counts do not know."""
        return urlencode([(name, value) for name, value in self._chosen() if name not in self.listed.own])

    def _chosen(self) -> list[tuple[str, str]]:
        pairs = [(each.parameter, value) for each in self.conditions for value in each.values]
        return [*pairs, ("search", self.search)] if self.search else pairs

    def window(self, now: datetime) -> tuple[str, str]:
        """Start and end as RFC 3339; the end is empty when the window is open."""
        if self.last:
            return (now - LAST[self.last]).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), ""
        return self.since, self.until

    def api_parameters(self, now: datetime) -> dict[str, list[str]]:
        """Parameters of the API's list."""
        found: dict[str, list[str]] = {}
        for name, value in self._chosen():
            found.setdefault(name, []).append(value)
        since, until = self.window(now)
        for name, text in (("from", since), ("to", until), ("cursor", self.cursor)):
            if text:
                found[name] = [text]
        return found

    def including(self, field: str, value: str) -> "Filters":
        """Rows where the field has this value too; a contrary condition goes."""
        return self._without_value(f"{field}.not", value)._adding(Condition(field, "", (value,)))

    def excluding(self, field: str, value: str) -> "Filters":
        """Rows where the field does not have this value; a contrary condition goes."""
        return self._without_value(field, value)._adding(Condition(field, "not", (value,)))

    def without_field(self, field: str) -> "Filters":
        """Everything but the conditions on this field."""
        return replace(self, conditions=tuple(each for each in self.conditions if each.field != field), cursor="")

    def knowing(self, field: str, known: bool) -> "Filters":
        """Rows where the field is known, or is not."""
        rest = tuple(each for each in self.conditions if each.parameter != f"{field}.known")
        return replace(self, conditions=(*rest, Condition(field, "known", ("true" if known else "false",))), cursor="")

    def without(self, condition: Condition) -> "Filters":
        """Everything but this condition."""
        return replace(self, conditions=tuple(each for each in self.conditions if each != condition), cursor="")

    def choosing(self, text: str) -> "Filters":
        """Rows that the filter in the language chooses too, in place of the search."""
        others = tuple(each for each in self.conditions if each.parameter != FILTER)
        given = [value for each in self.conditions if each.parameter == FILTER for value in each.values]
        both = joined(given[0], text, self.listed.events) if given else text
        return replace(self, conditions=(*others, Condition(FILTER, "", (both,))), search="", cursor="")

    def retyped(self) -> "Filters":
        """The filter back in the search box, where it can be mended; the same when something stands there."""
        given = next((each for each in self.conditions if each.parameter == FILTER), None)
        return self if given is None or self.search else replace(self.without(given), search=given.values[0])

    def within(self, last: str) -> "Filters":
        """The same filters over the last hours."""
        return replace(self, last=last, since="", until="", cursor="")

    def between(self, since: str, until: str) -> "Filters":
        """The same filters over a fixed window."""
        return replace(self, last="", since=since, until=until, cursor="")

    def at(self, cursor: str) -> "Filters":
        """The page after a cursor."""
        return replace(self, cursor=cursor)

    def _adding(self, added: Condition) -> "Filters":
        merged: list[Condition] = []
        done = False
        for each in self.conditions:
            if each.parameter == added.parameter:
                values = (*each.values, *(value for value in added.values if value not in each.values))
                merged.append(replace(each, values=values))
                done = True
            else:
                merged.append(each)
        if not done:
            merged.append(added)
        return replace(self, conditions=tuple(merged), cursor="")

    def _without_value(self, parameter: str, value: str) -> "Filters":
        kept = []
        for each in self.conditions:
            values = tuple(one for one in each.values if each.parameter != parameter or one != value)
            if values:
                kept.append(replace(each, values=values))
        return replace(self, conditions=tuple(kept))


def _fields(query_string: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query_string, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise InvalidError(f"The address has more than {QUERY_FIELDS_MAX} fields.", "Ask for less at once.") from None


def parse(query_string: str, listed: Listed = TRAFFIC_LIST) -> Filters:
    """Filters of a list's query string. Names that are no filter are kept: the API says what is wrong with them."""
    plain: dict[str, str] = {}
    filters = Filters(listed=listed)
    for name, value in _fields(query_string):
        if name in PLAIN:
            plain[name] = value
        elif len(filters.conditions) < CONDITIONS_MAX:
            field, _, operator = name.partition(".")
            filters = filters._adding(Condition(field, operator, (value,)))
    fixed = "last" not in plain and ("from" in plain or "to" in plain)
    last = plain.get("last", listed.last)
    return replace(
        filters,
        search=plain.get("search", "").strip(),
        last="" if fixed else last if last in LAST else listed.last,
        since=plain.get("from", "") if fixed else "",
        until=plain.get("to", "") if fixed else "",
        cursor=plain.get("cursor", ""),
        columns=plain.get("columns", ""),
    )


def lifted(filters: Filters) -> Filters:
    """Conditions typed into the search box (`destination_port=443`, `user_email!=…`) become conditions, and a filter of the
    language the filter, beside the one that was there."""
    out = filters

    def lift(found: re.Match[str]) -> str:
        nonlocal out
        field, operator, value = found[1], _TYPED[found[2]], found[3].strip('"')
        if field not in filters.listed.events.columns or not value:
            return found[0]
        out = out._adding(Condition(field, operator, (value,)))
        return ""

    rest = " ".join(_TOKEN.sub(lift, filters.search).split())
    text = typed_filter(filters.search, rest, filters.listed.events)
    if text is not None:
        return filters.choosing(text)
    return replace(out, search=rest, cursor="") if out != filters else filters
