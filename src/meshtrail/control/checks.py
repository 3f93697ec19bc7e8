"""Checks that several stores share. What does not hold is an `UnusableError` that begins with the field's name."""

import ipaddress
import re
from collections.abc import Iterable
from typing import TypeVar

from sqlalchemy import Connection, Table, func, select

from meshtrail.common.errors import NotFoundError, UnusableError
from meshtrail.control.limits import DESCRIPTION_CHARACTERS_MAX, NAME_CHARACTERS_MAX
from meshtrail.model.network_map import ResourceType

T = TypeVar("T")

_IDS_PER_QUERY = 500
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})+")
_DOMAIN_CHARACTERS_MAX = 253


def name(value: str, field: str = "name", characters_max: int = NAME_CHARACTERS_MAX) -> str:
    """A name for people: not empty, not too long, of one line, without control characters."""
    text = value.strip()
    if not text:
        raise UnusableError(f"{field}: it must not be empty.")
    return _readable(text, field, characters_max, "")


def description(value: str | None, field: str = "description") -> str:
    """A description; empty when there is none."""
    return _readable(value or "", field, DESCRIPTION_CHARACTERS_MAX)


def _readable(text: str, field: str, characters_max: int, besides: str = "\n\t") -> str:
    if len(text) > characters_max:
        raise UnusableError(f"{field}: it has {len(text)} characters, at most {characters_max} are possible.")
    if any(not (character.isprintable() or character in besides) for character in text):
        raise UnusableError(f"{field}: it holds a control character.")
    return text


def few(values: Iterable[str], most: int, field: str) -> tuple[str, ...]:
    """The values once each, in order, if there are not too many."""
    found = tuple(dict.fromkeys(values))
    if len(found) > most:
        raise UnusableError(f"{field}: it has {len(found)} entries, at most {most} are possible.")
    return found


def number(value: int, least: int, most: int, field: str) -> int:
    """A number within bounds."""
    if not least <= value <= most:
        raise UnusableError(f"{field}: it is {value}; it must be from {least} to {most}.")
    return value


def known(transaction: Connection, table: Table, org_id: str, ids: Iterable[str], field: str) -> None:
    """All of these ids are of rows of the organisation."""
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), _IDS_PER_QUERY):
        part = wanted[start : start + _IDS_PER_QUERY]
        query = select(table.c.id).where(table.c.org_id == org_id, table.c.id.in_(part))
        if table.name == "peers":
            query = query.where(table.c.public_key.is_not(None), table.c.removed_at.is_(None))
        missing = set(part) - set(transaction.execute(query).scalars())
        if missing:
            raise UnusableError(f"{field}: there is no {_SINGULAR[table.name]} {min(missing)[:60]!r}.")


_SINGULAR = {"groups": "group", "peers": "peer", "resources": "resource", "networks": "network"}


def room(transaction: Connection, table: Table, org_id: str, most: int, what: str) -> None:
    """One more of these fits."""
    count = transaction.execute(select(func.count()).select_from(table).where(table.c.org_id == org_id)).scalar() or 0
    if count >= most:
        raise UnusableError(f"{what}: there are {count}, more are not possible.", "Delete some.")


def there(found: T | None, what: str, identifier: str) -> T:
    """What was found; `NotFoundError` when it is nothing."""
    if not found:
        raise NotFoundError(f"There is no {what} {identifier[:60]!r}.")
    return found


def network(text: str, version: int, field: str) -> str:
    """A network in CIDR notation without host bits, or empty."""
    if not text:
        return ""
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        raise UnusableError(f"{field}: {error}.", "Write it as 100.64.0.0/10 or fd00:1234::/64.") from None
    if found.version != version:
        raise UnusableError(f"{field}: {text} is not an IPv{version} network.")
    return str(found)


def resource_address(text: str) -> tuple[ResourceType, str]:
    """What a resource's address is, and how it is kept: `10.0.0.5` is the host 10.0.0.5/32."""
    given = text.strip().lower()
    try:
        found = ipaddress.ip_network(given)
    except ValueError as error:
        if _DOMAIN.fullmatch(given) and len(given) <= _DOMAIN_CHARACTERS_MAX and not given.replace(".", "").isdigit():
            return ResourceType.domain, given
        raise UnusableError(
            f"address: {text[:60]!r} is no address, network or domain ({error}).",
            "Write 10.0.0.5, 10.0.0.0/24, db.example.org or *.example.org.",
        ) from None
    return (ResourceType.host if found.prefixlen == found.max_prefixlen else ResourceType.subnet), str(found)
