"""The parameter `filter`: from its text to a tree that chooses rows."""

import re
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from meshtrail.common.errors import InvalidError
from meshtrail.filter import FilterError, Node, parse
from meshtrail.model.columns import FAMILIES, Family

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")
"""Names of the IANA time zone database; what is no name never becomes a path."""


def understood(text: str, family: Family, parameter: str = "filter") -> Node:
    """The tree. The error names the parameter and the character, counted from 1."""
    try:
        return parse(text, family)
    except FilterError as error:
        error.message = f"{parameter}, character {error.start + 1}: {error.message}"
        error.details = [{**detail, "parameter": parameter} for detail in error.details]
        raise


def zone_of(name: str | None) -> tzinfo:
    """The time zone in which days begin; UTC without a name."""
    if not name:
        return UTC
    if _ZONE.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            pass
    raise InvalidError(f"zone is {name[:40]!r}; it must be a name of the IANA time zone database.", "Write one such as Europe/Berlin.")


def family_of(name: str) -> Family:
    """The event family of this name."""
    if name not in FAMILIES:
        raise InvalidError(f"There is no family {name[:40]!r}.", f"It is one of: {', '.join(FAMILIES)}.")
    return FAMILIES[name]
