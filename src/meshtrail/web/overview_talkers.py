"""The Overview's top talkers: which ends move most bytes."""

from dataclasses import dataclass

from meshtrail.web import formats
from meshtrail.web.outlook import Outlook, end_condition
from meshtrail.web.overview_ends import EndWord, end_word
from meshtrail.web.overview_source import BYTES, GROUPS_MAX, Asker, Row, bytes_of, end_group, number

LINES = 8
"""Of each side, on the Overview itself."""


@dataclass(frozen=True, slots=True)
class TalkerLine:
    """An end and how much it moved."""

    end: EndWord
    bytes: str
    count: str
    share: float
    narrow: str
    """Address of the Overview of this end alone."""
    href: str
    """Address of its rows."""


@dataclass(frozen=True, slots=True)
class Talkers:
    """Who moves most."""

    sides: tuple[tuple[str, str, tuple[TalkerLine, ...]], ...]
    """Side, heading, lines."""
    more: bool
    whole: str


async def talkers(ask: Asker) -> Talkers:
    """Sources and destinations by bytes both ways."""
    detailed, sides, more = await ask.detailed(), [], False
    for side, heading in (("source", "From"), ("destination", "To")):
        group = end_group(side, detailed)
        found = await ask.aggregate([group], ["count", *BYTES], order="sum(rx_bytes)", top=str(GROUPS_MAX))
        moved = [each for each in found["data"] if bytes_of(each["measures"])]
        shown = sorted(moved, key=lambda each: -bytes_of(each["measures"]))[: ask.rows(LINES)]
        most = max((bytes_of(each["measures"]) for each in shown), default=1)
        sides.append((side, heading, tuple(_talker(ask.outlook, side, each["group"][group], each["measures"], most) for each in shown)))
        more = more or len(moved) > len(shown)
    return Talkers(tuple(sides), more, ask.outlook.part_path("talkers"))


def _talker(outlook: Outlook, side: str, value: str | None, measures: Row, most: int) -> TalkerLine:
    condition, moved = end_condition(side, value), bytes_of(measures)
    (field, chosen), *_ = condition.items()
    narrow = outlook.narrowed(field.replace("__", "."), chosen).path()
    count = formats.count(number(measures["count"]))
    return TalkerLine(end_word(value), formats.byte_size(moved), count, moved * 100 / most, narrow, outlook.traffic(**condition))
