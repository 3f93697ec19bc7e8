"""The page of the language: every example is a filter, every mistake gets its answer, every text of the grammar parses."""

import random
import re
from pathlib import Path

import pytest

from meshtrail.filter import FilterError, Moment, parse, printed, resolved
from meshtrail.filter.fields import fields_of
from meshtrail.filter.lexer import KEYWORDS
from meshtrail.filter.sorts import Sort
from meshtrail.model.columns import AUDIT, TRAFFIC, Family
from meshtrail.store.filter_sql import filter_clauses
from tests.filter.ebnf import Writer, names_in, rules_of
from tests.rows import NOON_US

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (FOLDER / "filter-language.md").read_text(encoding="utf-8")


def table(heading: str) -> list[tuple[str, str]]:
    """The two columns of a table; the first one without its backticks."""
    found = re.search(rf"^\| {heading} \|.*\n\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert found is not None
    cells = [re.split(r"(?<!\\)\|", line)[1:3] for line in found[1].splitlines()]
    return [(first.strip().strip("`").replace("\\|", "|"), second.strip()) for first, second in cells]


@pytest.mark.parametrize(
    ("family", "text"),
    [(family, text) for family, heading in ((TRAFFIC, "filter"), (AUDIT, "audit filter")) for text, _ in table(heading)],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_examples(family: Family, text: str) -> None:
    """Parsed, printed, parsed again, compiled."""
    tree = parse(text, family)
    assert parse(printed(tree, family), family) == tree
    assert filter_clauses(resolved(tree, Moment(NOON_US)), family, {})


@pytest.mark.parametrize(("written", "understood"), table("written"))
def test_understood(written: str, understood: str) -> None:
    """The printed form."""
    assert printed(parse(written, TRAFFIC), TRAFFIC) == understood.strip("`")


@pytest.mark.parametrize(("text", "answer"), table("mistake"))
def test_mistakes(text: str, answer: str) -> None:
    """Message and remedy, word by word."""
    with pytest.raises(FilterError) as caught:
        parse(text, TRAFFIC)
    assert f"{caught.value.message} {caught.value.remedy}".strip() == answer


def test_keywords_are_listed() -> None:
    """All of them."""
    assert f"`{' '.join(KEYWORDS)}`" in PAGE


def test_fields_are_listed() -> None:
    """Every field with its sort."""
    page = (FOLDER / "filter-fields.md").read_text(encoding="utf-8")
    for family in (TRAFFIC, AUDIT):
        section = page.partition(f"## {family.name}\n")[2].partition("\n## ")[0]
        for field in fields_of(family).all:
            assert re.search(rf"^\| `{re.escape(field.name)}` \|[^|]*\| {field.sort}", section, re.MULTILINE), field.name


NAMES = {sort: [field.name for field in fields_of(TRAFFIC).all if field.sort is sort] for sort in Sort}
SPECIAL = {
    "any field": [field.name for field in fields_of(TRAFFIC).all],
    "field of text or list of names": NAMES[Sort.text] + NAMES[Sort.names],
    "field of choice": ["verdict", "source.type", "either.type"],
    "field of UUID": NAMES[Sort.identifier],
    "field of address": NAMES[Sort.address],
    "field of number": NAMES[Sort.number],
    "field of size": NAMES[Sort.size],
    "field of duration": NAMES[Sort.duration],
    "field of time": NAMES[Sort.time],
    "bare text": ["ana", "db-1.example.org", "50%", "o'brien", "a/b", "größe", "10.0.0.1", "a+b@c"],
    "quoted text": ['"two words"', "'it is \"so\"'", r'"a\"b"', '"and"', r'"\u{202e}"'],
    "text with stars": ["*.org", "a*b", '"a *"', "*"],
    "expression between slashes": ["/^a+$/", r"/a\/b/", "/[^a-z ]|x{2,3}?/"],
    "the flag i": ["i"],
    "word of the field's vocabulary": ["unknown", "UNKNOWN"],
    "UUID": ["01a1fc3c-810d-734e-8d50-82c9beed915d"],
    "IPv4 or IPv6 address": ["10.0.0.1", "::1", "2001:db8::1", "::ffff:10.0.0.1"],
    "network, such as 10.0.0.0/8": ["10.0.0.0/8", "2001:db8::/32"],
    "range of addresses, such as 10.0.0.1..10.0.0.9": ["10.0.0.1..10.0.0.9", "::1..::9"],
    "digits, perhaps with a fraction and k, M, G or T": ["0", "22", "0.1k"],
    "range of numbers, such as 22..80": ["22..80"],
    "digits, perhaps with a unit of size": ["0", "10MB", "1.5KiB"],
    "range of sizes, such as 1kB..1MB": ["1kB..1MB"],
    "numbers with units of time": ["90m", "1h30m", "500", "1.5s"],
    "range of durations, such as 1s..1m": ["1s..1m"],
    "RFC 3339 time": ["2026-09-21T09:00:00Z", "2026-09-21t09:00:00.123456+02:00"],
    "day": ["2026-09-21"],
    "now with an offset": ["now-2h", "NOW+1d12h"],
    "today with an offset": ["today+9h", "today-7d"],
    "range of times, such as now-2h..now-1h": ["now-2h..now-1h", "yesterday..today", "2026-09-21..now"],
}


def test_texts_of_the_grammar_are_filters() -> None:
    """A thousand random texts; the only errors are the limits."""
    found = re.search(r"```ebnf\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    rules = rules_of(found[1])
    used = set[str]().union(*(names_in(part, "name") for part in rules.values()))
    assert used | {"filter"} == set(rules)
    assert set[str]().union(*(names_in(part, "special") for part in rules.values())) == set(SPECIAL)
    chance = random.Random(9)
    writer = Writer(rules, lambda name: chance.choice(SPECIAL[name]), chance)
    sizes = []
    for _ in range(1_000):
        parts = writer.text("filter")
        text = " ".join(parts).replace("/ i", "/i").replace(" : ", ":")
        sizes.append(len(parts))
        try:
            tree = parse(text, TRAFFIC)
        except FilterError as error:
            if "ore than" not in error.message:
                pytest.fail(f"{error.message}\n{error.pointed(text)}")
        else:
            assert parse(printed(tree, TRAFFIC), TRAFFIC) == tree
    assert sum(size > 8 for size in sizes) > 300
