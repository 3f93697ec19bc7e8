"""Numbers with and without units: counts, sizes, durations; read and printed."""

import re
from fractions import Fraction

from meshtrail.filter.limits import NUMBER_CHARACTERS_MAX
from meshtrail.filter.sorts import Sort

COUNTS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000}
"""Suffixes of plain numbers."""

SIZES = {
    "": 1, "B": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}  # fmt: skip
"""Units of sizes, in bytes: powers of a thousand, and of 1024 with an i."""

DURATIONS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
"""Units of durations, in microseconds; a day has 24 hours."""

NAMED: dict[str, dict[str, int]] = {
    "protocol": {
        "icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "udp": 17, "ipv6": 41, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58,
        "ospf": 89, "vrrp": 112, "sctp": 132,
    }
}  # fmt: skip
"""Words for numbers of certain columns (IANA protocol numbers)."""

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)")
_MILLISECOND_US = 1_000
_LOWERED = {sort: {name.lower(): size for name, size in units.items()} for sort, units in
            ((Sort.number, COUNTS), (Sort.size, SIZES), (Sort.duration, DURATIONS))}  # fmt: skip


def amount(text: str, sort: Sort) -> int:
    """The number in the unit of its sort (bytes, milliseconds, or just a count); ValueError says why not."""
    if sort is Sort.duration:
        if text.isascii() and text.isdigit() and len(text) <= NUMBER_CHARACTERS_MAX:
            return int(text)
        microseconds = duration(text)
        if microseconds % _MILLISECOND_US:
            raise ValueError("is no whole number of milliseconds")
        return microseconds // _MILLISECOND_US
    found = _PART.fullmatch(text) if len(text) <= NUMBER_CHARACTERS_MAX else None
    if found is None:
        raise ValueError("is no number" if sort is Sort.number else "is no size such as 10MB or 1GiB")
    return _scaled(found[1], found[2], sort)


def duration(text: str) -> int:
    """Microseconds of `90m` or `1h30m`; ValueError says why not."""
    if not text or len(text) > NUMBER_CHARACTERS_MAX:
        raise ValueError("is no duration such as 30m or 2h")
    total, at = 0, 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None or not found[2]:
            raise ValueError("is no duration such as 30m or 2h")
        total += _scaled(found[1], found[2], Sort.duration)
        at = found.end()
    return total


def _scaled(digits: str, unit: str, sort: Sort) -> int:
    size = _LOWERED[sort].get(unit.lower())
    if size is None:
        known = [name for name in {Sort.number: COUNTS, Sort.size: SIZES, Sort.duration: DURATIONS}[sort] if name]
        raise ValueError(f"has the unknown unit {unit}; units are {', '.join(known)}")
    exact = Fraction(digits) * size
    if exact.denominator != 1:
        raise ValueError("is no whole number")
    return int(exact)


def printed_amount(value: int, sort: Sort) -> str:
    """The shortest exact spelling: the largest unit that leaves a whole number."""
    if sort is Sort.duration:
        return printed_duration(value * _MILLISECOND_US) if value else "0ms"
    if sort is Sort.number or value == 0:
        return str(value)
    return min((f"{value // size}{unit}" for unit, size in SIZES.items() if value % size == 0 and unit != "B"), key=len)


def printed_duration(microseconds: int) -> str:
    """A duration above zero in the largest unit up to days that leaves a whole number."""
    unit = next(unit for unit in ("d", "h", "m", "s", "ms", "us") if microseconds % DURATIONS[unit] == 0)
    return f"{microseconds // DURATIONS[unit]}{unit}"
