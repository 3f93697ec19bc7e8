"""What the reports of one connection say of each other, in words, and what may be the reason when they do not agree."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from meshtrail.web import formats
from meshtrail.web.rows import end_of

AGREEMENTS = {
    "both": ("agree", "Everyone who can report it does, and says the same."),
    "one_side": ("one side", "Only some report it: the others say nothing, or do not have to."),
    "bytes_differ": ("bytes differ", "The reports count different amounts: more than 1 % and 1 KiB apart."),
    "denied_by_other": ("tried, denied", "The source tried, and the destination or a router denied it: both reports are there."),
}
"""The badge of each agreement, and what it means."""

FINDING = "Somebody should look at these: a machine that reports says nothing of them, or the amounts differ."

NAME_CHARACTERS_MAX = 60
"""Of a name within a sentence."""

Row = Mapping[str, Any]


def sentence(row: Row) -> str:
    """What the reports say of each other."""
    speakers = _names(row["reports"])
    match row["agreement"]:
        case "denied_by_other":
            tried = [each for each in row["reports"] if each["state"] != "denied"]
            return f"{_listed(_names(tried))} tried; {_denial(row)}"
        case "bytes_differ":
            return f"{_listed(speakers)} count different amounts."
        case "one_side" if row["state"] == "denied":
            return f"{_denial(row)} Only {_listed(speakers)} {_verb(speakers)} it: {_silence(row)}"
        case "one_side":
            return f"Only {_listed(speakers)} {_verb(speakers)} it: {_silence(row)}"
        case _:
            return _concord(row["reports"], speakers)


def _denial(row: Row) -> str:
    """Who denied it, by what."""
    deniers = _listed(_names([each for each in row["reports"] if each["state"] == "denied"]))
    rule = short(known(row["policy_name"] or row["policy_id"]))
    why = f": policy {rule}" if rule else ": no policy allows it" if row["attribution"] == "default_deny" else ""
    return f"{deniers} denied it{why}."


def _silence(row: Row) -> str:
    """Who says nothing of it."""
    silent = [short(missing_name(row, each)) for each in row["missing"]]
    if not silent:
        return "nobody else has to."
    return f"{_listed(silent)} {'has' if len(silent) == 1 else 'have'} a reporter that says nothing."


def _concord(reports: Sequence[Row], speakers: Sequence[str]) -> str:
    """What reports say that do not contradict each other."""
    if len(speakers) == 1:
        return f"{speakers[0]} reports it, and nobody else could."
    for state, words in (("lost", "fell silent before the end"), ("open", "not told the end yet")):
        some = _names([each for each in reports if each["state"] == state])
        if some and len(some) < len(speakers):
            has = "" if state == "lost" else f"{'has' if len(some) == 1 else 'have'} "
            return f"{_listed(speakers)} report it; {_listed(some)} {has}{words}."
    apart = max(_apart(reports, "bytes_to_destination"), _apart(reports, "bytes_to_source"))
    return f"{_listed(speakers)} say the same" + (f", but for {formats.byte_size(apart)}." if apart else ".")


def _apart(reports: Sequence[Row], name: str) -> int:
    numbers = [each[name] for each in reports if each[name] is not None]
    return max(numbers) - min(numbers) if numbers else 0


def explained(row: Row) -> tuple[str, ...]:
    """What may be the reason when reports are missing or differ."""
    if row["agreement"] == "bytes_differ":
        return (
            *lost_packets(row["reports"]),
            "A reporter lost its counters: it was started again, or the connection left its table early.",
            "Something between them resends, cuts or adds packets, such as a tunnel or a proxy.",
        )
    if row["agreement"] != "one_side" or not row["missing"]:
        return ()
    if row["state"] == "attempted":
        return ("Nothing answered: the packets may never have reached the other side, which then has nothing to report.",)
    if not row["finding"]:
        return ("The other report may still be under way, or the start was not seen and cannot be matched.",)
    router = ("It took another way, past the router.",) if any(each["side"] == "router" for each in row["missing"]) else ()
    return (
        "The silent one's agent does not collect this: look at its settings, and whether it sees this interface.",
        "Its reports are late or lost: look at the collectors.",
        *router,
        "Something in between answered in its place.",
        "Its clock is more than five seconds off: then its report stands alone.",
    )


def lost_packets(reports: Sequence[Row]) -> tuple[str, ...]:
    """How many packets went missing each way, between two reporters that follow each other on it. Reports stand in the order in
    which they are given, the source's first."""
    found = []
    along = [each for each in reports if each["role"] != "observer"]
    for end, path in (("destination", along), ("source", along[::-1])):
        name = f"packets_to_{end}"
        way = [each for each in path if each[name] is not None]
        for before, after in pairwise(way):
            if (lost := before[name] - after[name]) > 0:
                said = f"{formats.count(lost)} of {formats.count(before[name])} packets to the {end}"
                found.append(f"{said} passed {_name(before)} and did not arrive at {_name(after)}: they were lost on the way.")
    return tuple(found)


def missing_name(row: Row, each: Row) -> str:
    """Name of someone who should have reported."""
    if each["side"] == "router":
        return formats.visible(str(each["reporter_name"] or each["reporter_id"]))
    return end_of(row, each["side"]).name


def reporter(each: Row) -> str:
    """Name of who says so."""
    return formats.visible(str(each["reporter_name"] or each["reporter_id"]))


def known(value: object) -> str:
    """A value as text; empty when it is unknown."""
    return "" if value is None else formats.visible(str(value))


def short(text: str) -> str:
    """A name that leaves room for the rest of the sentence."""
    return text if len(text) <= NAME_CHARACTERS_MAX else text[: NAME_CHARACTERS_MAX - 1] + "…"


def _name(each: Row) -> str:
    return short(reporter(each))


def _names(reports: Sequence[Row]) -> list[str]:
    return [_name(each) for each in reports]


def _verb(names: Sequence[str]) -> str:
    return "reports" if len(names) == 1 else "report"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nobody"
