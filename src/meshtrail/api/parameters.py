"""Query strings of the native API to queries of the store."""

from collections.abc import Mapping, Sequence

from meshtrail.api.filter_text import understood, zone_of
from meshtrail.common.clock import microseconds, wall_clock
from meshtrail.common.errors import InvalidError
from meshtrail.filter import Moment, Node, resolved
from meshtrail.model.columns import TRAFFIC, Family
from meshtrail.store.query import Condition, Query, condition

PAGE_ROWS = 50
"""Rows of a page when the caller does not say."""


BUCKETS = 60
"""Bars of a histogram when the caller does not say."""

_DIGITS_MAX = 20
"""Digits of the largest number of 64 bits."""

RESERVED = frozenset({"limit", "cursor", "order", "from", "to", "search", "buckets", "after", "filter", "zone"})
Parameters = Mapping[str, Sequence[str]]


def single(parameters: Parameters, name: str) -> str | None:
    """The value of a parameter that may come once."""
    values = parameters.get(name, ())
    if len(values) > 1:
        raise InvalidError(f"{name} comes {len(values)} times; it may come once.")
    return values[0] if values else None


def integer(parameters: Parameters, name: str, default: int, least: int, most: int) -> int:
    """A whole number within bounds."""
    text = single(parameters, name)
    if text is None or text == "":
        return default
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS_MAX or not least <= int(text) <= most:
        raise InvalidError(f"{name} is {text[:40]!r}; it must be a whole number from {least} to {most}.")
    return int(text)


def time(parameters: Parameters, name: str) -> int | None:
    """An RFC 3339 time in microseconds."""
    text = single(parameters, name)
    if not text:
        return None
    try:
        return microseconds(text)
    except ValueError:
        raise InvalidError(f"{name} is {text[:40]!r}; it must be an RFC 3339 time such as 2026-11-21T09:00:00Z.") from None


def conditions(parameters: Parameters, family: Family = TRAFFIC) -> tuple[Condition, ...]:
    """`field=value` (repeat for any of several), `field.not=`, `field.gte=`, `.gt=`, `.lte=`, `.lt=`, `field.known=`."""
    found = []
    for name, values in parameters.items():
        if name in RESERVED:
            continue
        field, _, operator = name.partition(".")
        found.append(condition(field, operator, list(values), family))
    return tuple(found)


def tree(parameters: Parameters, family: Family, now: int) -> Node | None:
    """The parameter `filter`, with instants in place of relative times; None without one."""
    text = single(parameters, "filter")
    moment = Moment(now, zone_of(single(parameters, "zone")))
    return None if text is None else resolved(understood(text, family), moment)


def query(org_id: str, parameters: Parameters, family: Family = TRAFFIC, now: int | None = None) -> Query:
    """The whole query string; `now` (microseconds) is the moment of the request."""
    since, until = time(parameters, "from"), time(parameters, "to")
    if since is not None and until is not None and since >= until:
        raise InvalidError("from is not before to.")
    chosen = tree(parameters, family, wall_clock() if now is None else now)
    return Query(
        org_id, conditions(parameters, family), since, until, single(parameters, "search") or "", filter=chosen, family=family
    )  # fmt: skip


def newest_first(parameters: Parameters) -> bool:
    """The `order` parameter: desc (default) or asc."""
    order = single(parameters, "order") or "desc"
    if order not in {"asc", "desc"}:
        raise InvalidError(f"order is {order[:20]!r}; it must be asc or desc.")
    return order == "desc"
