"""Values and names as people write them."""

import pytest

from meshtrail.filter import parse, printed
from meshtrail.filter.fields import fields_of
from meshtrail.filter.sorts import OPERATORS, Sort
from meshtrail.filter.tree import Match, Word
from meshtrail.filter.values import Text
from meshtrail.model.columns import AUDIT, TRAFFIC


def canonical(text: str) -> str:
    """The filter as it is understood."""
    return printed(parse(text, TRAFFIC), TRAFFIC)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0", 0), ("1500", 1500), ("1k", 1000), ("1kB", 1000), ("1KB", 1000), ("1.5kB", 1500), ("1KiB", 1024), ("0.5KiB", 512),
        ("2MiB", 2 << 20), ("1gb", 10**9), ("1TiB", 1 << 40), ("18446744073709551615", (1 << 64) - 1),
    ],
)  # fmt: skip
def test_sizes(written: str, number: int) -> None:
    """Units of a thousand, and of 1024 with an i; case does not matter."""
    if written == "1k":
        assert canonical("starts = 1k") == "starts = 1000"
    else:
        assert parse(f"rx.bytes = {written}", TRAFFIC) == parse(f"rx.bytes = {number}", TRAFFIC)


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [("500", 500), ("500ms", 500), ("1s", 1000), ("1.5s", 1500), ("1h30m", 5_400_000), ("2d", 172_800_000), ("1w", 604_800_000),
     ("2000us", 2)],
)  # fmt: skip
def test_durations(written: str, milliseconds: int) -> None:
    """Units, several joined; without a unit milliseconds, the unit of the field."""
    assert parse(f"duration = {written}", TRAFFIC) == parse(f"duration_ms = {milliseconds}", TRAFFIC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10.1.2.3/8", "in 10.0.0.0/8"),
        ("10.0.0.0..10.255.255.255", "in 10.0.0.0/8"),
        ("10.0.0.1/32", "= 10.0.0.1"),
        ("::ffff:10.0.0.1", "= 10.0.0.1"),
        ("2001:DB8::/32", "in 2001:db8::/32"),
        ("0.0.0.0/0", "in 0.0.0.0/0"),
        ("::/0", "in ::/0"),
        ("10.0.0.1..10.0.0.2", "in 10.0.0.1..10.0.0.2"),
        ('"10.0.0.1"', "= 10.0.0.1"),
    ],
)
def test_addresses(written: str, meant: str) -> None:
    """Addresses, networks and ranges; IPv4 inside IPv6 is IPv4."""
    assert canonical(f"source.address = {written}") == f"source.address {meant}"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"a b"', "a b"), ("'a \"b\"'", 'a "b"'), (r'"a\"b"', 'a"b'), (r'"a\*b"', "a*b"), (r"a\*b", "a*b"), (r'"a\\b"', "a\\b"),
        (r'"\n\t\r"', "\n\t\r"), (r'"\u{1f600}"', "😀"), ("größe", "größe"), ("10.0.0.1:22", "10.0.0.1:22"), ("a/b", "a/b"),
        ('"and"', "and"),
        ("50%", "50%"), ("o'brien", "o'brien"), ("x:source", "x:source"),
    ],
)  # fmt: skip
def test_texts(written: str, text: str) -> None:
    """Quotes of both kinds and escapes."""
    field = fields_of(TRAFFIC).find("source.name")
    assert parse(f"source.name = {written}", TRAFFIC) == Match(field, (Text(text),))  # type: ignore[arg-type]
    assert parse(written, TRAFFIC) == Word(Text(text))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("source_country_code", "source.country_code"), ("source.country.code", "source.country_code"), ("Source.Name", "source.name"),
        ("duration", "duration_ms"), ("source.user", "user"), ("source_user_email", "user.email"), ("address", "either.address"),
        ("port", "either.port"), ("group", None), ("org_id", None), ("", None), ("policy", "policy"), ("id", "id"), ("seq", "seq"),
        ("source", "source"), ("either.id", "either.id"),
    ],
)  # fmt: skip
def test_names_of_fields(written: str, name: str | None) -> None:
    """Dots and underscores are the same, and so is case."""
    found = fields_of(TRAFFIC).find(written)
    assert (found.name if found is not None else None) == name


def test_every_column_is_a_field() -> None:
    """Of every family, all but the organisation; every name is its own way back, and has operators."""
    for family in (TRAFFIC, AUDIT):
        fields = fields_of(family)
        assert {column.name for each in fields.all for column in each.columns} == {name for name in family.columns if name != "org_id"}
        assert len({each.name for each in fields.all}) == len(fields.all)
        for each in fields.all:
            assert fields.find(each.name) is each
            assert each.doc
            assert OPERATORS[each.sort]
            if len(each.columns) == 1:
                assert fields.find(each.columns[0].name) is each


def test_combined_fields_are_of_one_sort() -> None:
    """Any of their columns may hold the value, so all are written alike."""
    for each in (*fields_of(TRAFFIC).all, *fields_of(AUDIT).all):
        assert len({column.kind for column in each.columns}) == 1
        if each.sort is Sort.choice:
            assert len({column.choices for column in each.columns}) == 1


@pytest.mark.parametrize(
    "text",
    ["user:ana", "USER:ana", "user: ana", "user=ana", "user = ana", "user == 'ana'", 'source_user="ana"',
     "(user=ana)", "user in (ana)"],
)  # fmt: skip
def test_spellings_of_a_condition(text: str) -> None:
    """A colon, one or two equals signs, space or none."""
    assert canonical(text) == 'user = "ana"'


@pytest.mark.parametrize("text", ["fe80::1", "a:b", "http://x", "10:30", ":", "x:source"])
def test_a_colon_is_an_operator_behind_fields_only(text: str) -> None:
    """Addresses, times and links are words."""
    assert parse(text, TRAFFIC) == Word(Text(text))
