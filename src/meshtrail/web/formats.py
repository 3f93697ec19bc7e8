"""Values as people read them. `static/js/formats.js` is the counterpart for live rows; a test holds them together."""

import math
import re
from datetime import UTC, datetime

UNKNOWN = "\u2013"
"""Stands where a value is not known, so that nothing looks like a fact."""

_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_PROTOCOLS = {
    1: "ICMP", 2: "IGMP", 4: "IPIP", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6",
    89: "OSPF", 112: "VRRP", 132: "SCTP",
}  # fmt: skip
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DECEIVING = re.compile("[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""Characters that are invisible or turn the direction of text: a name could pretend to be another one with them."""


def visible(text: str) -> str:
    """The text with deceiving characters written out as escapes."""
    return _DECEIVING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def count(number: int) -> str:
    """Digits in groups of three: `12,842`."""
    return f"{number:,}"


def _rounded(value: float) -> str:
    """Two digits that count: one decimal below ten, none above."""
    if value < 9.95:
        return f"{math.floor(value * 10 + 0.5) / 10:.1f}"
    return str(math.floor(value + 0.5))


def byte_size(number: int | None) -> str:
    """`2.1 MB`, in powers of a thousand; a dash when not counted."""
    if number is None:
        return UNKNOWN
    if number < 1_000:
        return f"{number} B"
    value, unit = float(number), 0
    while value >= 999.5 and unit < len(_BYTE_UNITS) - 1:
        value, unit = value / 1_000, unit + 1
    return f"{_rounded(value)} {_BYTE_UNITS[unit]}"


def duration(milliseconds: int | None) -> str:
    """`340 ms`, `14 s`, `3 m 12 s`, `2 h 05 m`, `3 d 4 h`; a dash when not known."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    seconds = milliseconds // 1_000
    if seconds < 60:
        return f"{_rounded(milliseconds / 1_000)} s" if milliseconds < 59_500 else f"{seconds} s"
    if seconds < 3_600:
        return f"{seconds // 60} m {seconds % 60:02} s"
    if seconds < 86_400:
        return f"{seconds // 3_600} h {seconds // 60 % 60:02} m"
    return f"{seconds // 86_400} d {seconds // 3_600 % 24} h"


def protocol(number: int | None) -> str:
    """Name of an IANA protocol number."""
    if number is None:
        return UNKNOWN
    return _PROTOCOLS.get(number, f"IP {number}")


def address_port(address: str | None, port: int | None) -> str:
    """`10.0.0.5:443`, `[2001:db8::1]:443`, or empty."""
    if address is None:
        return "" if port is None else f":{port}"
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def clock_time(text: str, now: datetime) -> str:
    """Time of day in UTC with milliseconds; with the day, and to the second, when that is not today."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    if moment.date() == now.astimezone(UTC).date():
        return f"{moment:%H:%M:%S}.{moment.microsecond // 1_000:03}"
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment:%H:%M:%S}"


def full_time(text: str) -> str:
    """Day and time in UTC with microseconds, as the panel shows it."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year} {moment:%H:%M:%S}.{moment.microsecond:06}"


def minute_time(text: str) -> str:
    """Day and time in UTC to the minute, for what happens seldom."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year} {moment:%H:%M}"


def words(name: str) -> str:
    """A column's name or a choice as words: `buffer_overrun` reads `buffer overrun`."""
    return name.replace("_", " ")


def visible_lines(text: str) -> str:
    """As `visible`, for text of several lines."""
    return "\n".join(visible(one) for one in text.split("\n"))
