"""Completion: what may stand at the cursor, which characters it replaces, the likeliest first."""

import pytest

from meshtrail.filter import complete
from meshtrail.filter.completion import Wanted
from meshtrail.filter.fields import fields_of
from meshtrail.filter.limits import TEXT_CHARACTERS_MAX
from meshtrail.filter.sorts import OPERATORS
from meshtrail.model.columns import AUDIT, TRAFFIC, Family


@pytest.mark.parametrize(
    ("text", "wanted", "replaced", "first"),
    [
        # `|` is the cursor
        ("|", Wanted.term, "", ["user", "source.name", "destination.name"]),
        ("so|", Wanted.term, "so", ["source.name", "source.address", "source.port"]),
        ("dest|", Wanted.term, "dest", ["destination.name", "destination.port"]),
        ("destination_po|", Wanted.term, "destination_po", ["destination.port"]),
        ("SOURCE.NA|", Wanted.term, "SOURCE.NA", ["source.name"]),
        ("source.na| = x", Wanted.term, "source.na", ["source.name"]),
        ("source|.name = x", Wanted.term, "source.name", ["source", "source.name"]),
        ("port|", Wanted.term, "port", ["either.port", "destination.port", "source.port"]),
        ("byt|", Wanted.term, "byt", ["rx.bytes", "tx.bytes"]),
        ("not |", Wanted.term, "", ["user"]),
        ("ana and |", Wanted.term, "", ["user"]),
        ("(|", Wanted.term, "", ["user"]),
        ("source.port |", Wanted.operator, "", ["=", "!=", "in", "not in", "<"]),
        ("source.port i|", Wanted.operator, "i", ["in", "not in"]),
        ("source.port not |", Wanted.operator, "", ["in"]),
        ("source.name not |", Wanted.operator, "", ["in", "contains", "starts_with"]),
        ("verdict = |", Wanted.value, "", ["unknown", "allowed", "denied"]),
        ("verdict=|", Wanted.value, "", ["unknown", "allowed", "denied"]),
        ("verdict:de|", Wanted.value, "de", ["denied"]),
        ("verdict = de|ni and port = 22", Wanted.value, "deni", ["denied"]),
        ('verdict = "de|', Wanted.value, '"de', ["denied"]),
        ("verdict in (|", Wanted.item, "", ["unknown", "allowed", "denied"]),
        ("verdict not in (denied, al|", Wanted.item, "al", ["allowed"]),
        ("verdict in (denied |", Wanted.rest, "", [",", ")"]),
        ("protocol = t|", Wanted.value, "t", ["tcp"]),
        ("started_at > |", Wanted.value, "", ["now-15m", "now-1h"]),
        ("started_at in y|", Wanted.value, "y", ["yesterday"]),
        ("source.name = lap|", Wanted.value, "lap", []),
        ('source.name = "two wo|', Wanted.value, '"two wo', []),
        ('verdict = "de|nied" and x', Wanted.value, '"denied"', ["denied"]),
        ("verdict = 'de|' and x", Wanted.value, "'de'", ["denied"]),
        ('verdict = "de| and source.name = "x"', Wanted.value, '"de', ["denied"]),
        ("nothing = |", Wanted.value, "", []),
        ("ana |", Wanted.more, "", ["and", "or", "user"]),
        ("user exists |", Wanted.more, "", ["and", "or"]),
        ("verdict in (denied) |", Wanted.more, "", ["and", "or"]),
        ("(ana |", Wanted.more, "", ["and", "or", ")"]),
        ("(ana) |", Wanted.more, "", ["and", "or", "user"]),
        ("verdict = denied o|", Wanted.more, "o", ["or"]),
        # what is wrong further left does not matter
        ("sorce = x and verdict = |", Wanted.value, "", ["unknown", "allowed", "denied"]),
        ("port = nonsense and |", Wanted.term, "", ["user"]),
        ("a) and |", Wanted.term, "", ["user"]),
        # nothing can stand in a text, nothing follows what is no filter
        ("\x00 |", Wanted.term, "", []),
        ("a ! |", Wanted.term, "", []),
    ],
)
def test_completion(text: str, wanted: Wanted, replaced: str, first: list[str]) -> None:
    """What is wanted, what is replaced, what is offered first."""
    cursor, plain = text.index("|"), text.replace("|", "", 1)
    found = complete(plain, cursor, TRAFFIC)
    assert (found.wanted, plain[found.start : found.end]) == (wanted, replaced)
    offered = [each.text for each in found.candidates]
    assert offered[: len(first)] == first if first else not offered


def test_candidates_say_what_they_are() -> None:
    """A field has the meaning of its column, a number its name, a time its words."""
    by_text = {each.text: each for each in complete("user", 4, TRAFFIC).candidates}
    assert by_text["user.email"].doc == "Their e-mail address at that moment."
    assert by_text["user"].doc == "Any of `user.id`, `user.name`, `user.email`."
    assert {each.kind for each in by_text.values()} == {"field"}
    (tcp, *_) = complete("protocol = tc", 13, TRAFFIC).candidates
    assert (tcp.text, tcp.kind, tcp.doc) == ("tcp", "value", "6")
    assert complete("started_at > ", 13, TRAFFIC).candidates[1].doc == "an hour ago"


def test_the_field_of_a_value_is_named() -> None:
    """So that values that occur can be added."""
    found = complete("source.user in (ana, b", 22, TRAFFIC)
    assert (found.field, found.typed) == ("user", "b")
    assert complete("source.user ", 12, TRAFFIC).field == ""
    assert complete("x ", 2, TRAFFIC).field == ""


@pytest.mark.parametrize("family", [TRAFFIC, AUDIT], ids=["traffic", "audit"])
def test_every_field_and_operator_is_offered(family: Family) -> None:
    """A field by its own name, and after it exactly its operators."""
    for each in fields_of(family).all:
        found = complete(each.name, len(each.name), family)
        assert found.candidates[0].text == each.name
        behind = complete(f"{each.name} ", len(each.name) + 1, family)
        assert tuple(candidate.text for candidate in behind.candidates) == OPERATORS[each.sort]


def test_the_cursor_is_kept_inside() -> None:
    """A cursor before the begin, behind the end, or in a text that is too long."""
    assert complete("ver", -5, TRAFFIC).start == 0
    assert complete("ver", 99, TRAFFIC).end == 3
    assert complete("x" * (TEXT_CHARACTERS_MAX + 9), 10**9, TRAFFIC).candidates == ()
