"""The Overview's totals beside those of the window before."""

from dataclasses import dataclass

from meshtrail.web import formats
from meshtrail.web.outlook import Outlook
from meshtrail.web.overview_source import BYTES, Asker, bytes_of, number

WORDS_BEFORE = {"1h": "hour before", "24h": "day before", "7d": "week before", "30d": "30 days before"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One total."""

    name: str
    value: str
    change: str
    """Against the window before: `+12 %`, `×3.4`; empty when there is nothing to compare."""
    before: str
    """The value before."""
    href: str


@dataclass(frozen=True, slots=True)
class Totals:
    """The row of totals."""

    figures: tuple[Figure, ...]
    before: str
    """What the window before is called."""
    stored: int | None
    """Rows stored at all, looked up when the window is empty."""
    wider: str
    """Address of a wider window; empty when this is the widest."""


def name_before(outlook: Outlook) -> str:
    """What the window before is called."""
    return WORDS_BEFORE.get(outlook.last, "same time before")


async def totals(ask: Asker) -> Totals:
    """The totals of both windows."""
    outlook = ask.outlook
    now, before = await _totals(ask, outlook), await _totals(ask, outlook.before)
    links = (
        outlook.traffic(),
        outlook.traffic(verdict="denied"),
        outlook.traffic(),
        outlook.traffic(user_name__known="true"),
        outlook.path("reached"),
    )
    names = ("Connections", "Denied", "Bytes", "People", "Pairs")
    shown = (formats.count, formats.count, formats.byte_size, formats.count, formats.count)
    figures = tuple(
        Figure(name, form(value), growth(value, old), form(old), href)
        for name, form, value, old, href in zip(names, shown, now, before, links, strict=True)
    )
    stored = None if now[0] else await ask.source.stored(ask.org_id)
    wider = "" if outlook.last == "30d" else outlook.within("30d" if outlook.last == "7d" or not outlook.last else "7d").path()
    return Totals(figures, name_before(outlook), stored, wider)


async def _totals(ask: Asker, outlook: Outlook) -> tuple[int, int, int, int, int]:
    whole = await ask.aggregate(["verdict"], ["count", *BYTES, "distinct(user_id)"], outlook)
    pairs = await ask.aggregate(["source_name", "destination_name"], ["count"], outlook, top="1")
    denied = sum(number(each["measures"]["count"]) for each in whole["data"] if each["group"]["verdict"] == "denied")
    measures = whole["totals"]
    return number(measures["count"]), denied, bytes_of(measures), number(measures["distinct(user_id)"]), int(pairs["groups"])


def growth(now: int, before: int) -> str:
    """In percent, or how many times as much; empty when there was nothing before or nothing changed."""
    if not before or now == before:
        return ""
    if now >= 3 * before:
        return f"×{now / before:.1f}" if now < 100 * before else f"×{formats.count(now // before)}"
    percent = round((now - before) * 100 / before)
    return f"{'+' if percent > 0 else '−'}{abs(percent)} %" if percent else ""
