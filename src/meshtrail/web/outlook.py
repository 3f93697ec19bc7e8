"""What the Overview looks at: a window of time, the window before it, and what rows are chosen; parsed from the address bar."""

import ipaddress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from meshtrail.filter import printed
from meshtrail.filter.fields import fields_of
from meshtrail.filter.tree import Match
from meshtrail.filter.values import Text
from meshtrail.model.columns import TRAFFIC
from meshtrail.web import filters as filtering
from meshtrail.web.filters import Filters

LAST = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
"""Windows that end now, by the word in the address bar."""

LAST_DEFAULT = "24h"
WORDS = {"1h": "1 h", "24h": "24 h", "7d": "7 d", "30d": "30 d"}
HOUR = timedelta(hours=1)
Parameters = dict[str, list[str]]
_OWN = frozenset({"last", "from", "to", "at", "zone", "cursor"})
_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is looked at. Windows are half-open."""

    filters: Filters
    """Conditions and search; their own window is not used."""
    last: str
    """A word of `LAST`; empty when the window is fixed."""
    since: datetime
    until: datetime
    zone: str
    """Name of the time zone in which days are shown; empty for UTC. The API checks it."""
    fixed: tuple[str, str] = ("", "")
    """The fixed window as the address says it."""

    @property
    def span(self) -> timedelta:
        """How far the window before lies back: the whole of a moving window, so that the same hours of the day are compared."""
        return LAST[self.last] if self.last else self.until - self.since

    @property
    def before(self) -> "Outlook":
        """The same a window earlier."""
        return replace(self, since=self.since - self.span, until=self.until - self.span)

    def week(self) -> "Outlook":
        """The same over the seven days that end with the window."""
        return replace(self, since=_whole_hour(self.until - timedelta(days=7)) + HOUR)

    def parameters(self, **more: str | list[str]) -> Parameters:
        """Parameters for the API: what is chosen, the window, and more conditions."""
        found: Parameters = {}
        for name, value in self._chosen():
            found.setdefault(name, []).append(value)
        for name, given in more.items():
            values = [given] if isinstance(given, str) else given
            found.setdefault(name.replace("__", "."), []).extend(values)
        return {**found, "from": [text_of(self.since)], "to": [text_of(self.until)]}

    def traffic(self, text: str = "", **more: str) -> str:
        """Address of the list of exactly these rows; further conditions, with `__` for a dot, take the place of those on the same
        field."""
        shown = replace(self.filters.choosing(text), search=self.filters.search) if text else self.filters
        added = {name.replace("__", "."): value for name, value in more.items()}
        pairs = [*((name, value) for name, value in parse_qsl(shown.api_query()) if name not in added), *added.items()]
        return "/traffic?" + urlencode([*pairs, ("from", text_of(self.since)), ("to", text_of(self.until))])

    def between(self, since: datetime, until: datetime) -> "Outlook":
        """The same rows in another window."""
        return replace(self, last="", since=since, until=until, fixed=(text_of(since), text_of(until)))

    def path(self, part: str = "", **more: str) -> str:
        """Address of the Overview, or of one of its parts."""
        pairs = [*self._chosen(), *self._window(), *more.items()]
        return f"/overview{f'/{part}' if part else ''}" + (f"?{urlencode(pairs)}" if pairs else "")

    def part_path(self, part: str) -> str:
        """Address of a part as it is at the page's moment: all parts look at the same window."""
        return self.path(part, at=text_of(self.until)) if self.last else self.path(part)

    def within(self, last: str) -> "Outlook":
        """The same rows over the last hours; only good for addresses."""
        return replace(self, last=last)

    def narrowed(self, field: str, value: str) -> "Outlook":
        """The rows whose field has this value and no other."""
        others = tuple(each for each in self.filters.conditions if each.parameter != field)
        return replace(self, filters=replace(self.filters, conditions=others).including(field, value))

    def with_filters(self, filters: Filters) -> "Outlook":
        """Other rows of the same window."""
        return replace(self, filters=filters)

    def _chosen(self) -> list[tuple[str, str]]:
        return parse_qsl(self.filters.api_query())

    def _window(self) -> list[tuple[str, str]]:
        if self.last:
            return [("last", self.last)] if self.last != LAST_DEFAULT else []
        return [(name, text) for name, text in zip(("from", "to"), self.fixed, strict=True) if text]


def parse(query_string: str, now: datetime) -> Outlook:
    """What the query string asks for. Names that are no filter are kept: the API says what is wrong with them."""
    plain = {name: value for name, value in parse_qsl(query_string) if name in _OWN}
    chosen = [(name, value) for name, value in parse_qsl(query_string) if name not in _OWN]
    filters = filtering.parse(urlencode(chosen))
    fixed = (plain.get("from", ""), plain.get("to", ""))
    moment = min(_moment(plain.get("at", "")) or now, now)
    if "last" not in plain and (_moment(fixed[0]) or _moment(fixed[1])):
        until = _moment(fixed[1]) or now
        since = _moment(fixed[0]) or until - LAST[LAST_DEFAULT]
        return Outlook(filters, "", min(since, until - timedelta(seconds=1)), until, plain.get("zone", ""), fixed)
    last = plain.get("last", "")
    last = last if last in LAST else LAST_DEFAULT
    return Outlook(filters, last, _begin(last, moment), moment, plain.get("zone", ""))


def _begin(last: str, moment: datetime) -> datetime:
    """Windows of a day and more begin with a whole hour: whole hours are counted beforehand."""
    length = LAST[last]
    return moment - length if length <= HOUR else _whole_hour(moment - length) + HOUR


def _whole_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def text_of(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.astimezone(UTC).strftime(_FORM)


def end_condition(side: str, value: str | None) -> dict[str, str]:
    """Condition of the rows whose side, `source` or `destination`, is called so: by name, by address, or without a name."""
    if value is None:
        return {f"{side}_name__known": "false"}
    return {f"{side}_{'address' if is_address(value) else 'name'}": value}


def is_address(value: str) -> bool:
    """Whether the text is an IP address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def filter_text(name: str, value: str) -> str:
    """Filter of the rows whose field, which may stand for several (`user`, `country_code` of either end), has the value."""
    field = fields_of(TRAFFIC).find(name)
    assert field is not None
    return printed(Match(field, (Text(value),)), TRAFFIC)
