"""The side panel's content."""

import random
from datetime import UTC, datetime

import pytest

from meshtrail.model.columns import TRAFFIC
from meshtrail.web.details import GROUP_ORDER, details, sentence, shell_word
from meshtrail.web.filters import parse
from tests.web.fake_api import Row, blank_row, make_row

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def row(**given: object) -> Row:
    known: Row = {
        "user_name": "Ana Lima", "source_name": "ana-laptop", "destination_name": "crm", "destination_port": 443,
        "policy_name": "Sales to CRM", "verdict": "allowed", "rx_bytes": 2_000_000, "tx_bytes": 100_000, "duration_ms": 14_000,
    }  # fmt: skip
    return make_row(NOW, random.Random(1), 1, **{**known, **given})


def said(given: Row) -> str:
    return "".join(part.text for part in sentence(given, NOW))


def test_sentences() -> None:
    """A row reads as a sentence, whatever is known of it."""
    assert said(row()) == "Ana Lima on ana-laptop reached crm:443, allowed by Sales to CRM, 2.1 MB in 14 s."
    assert said(row(state="denied", verdict="denied", policy_name=None, policy_id=None, attribution="default_deny")) == (
        "Ana Lima on ana-laptop tried to reach crm:443, denied because no policy allows it."
    )
    unknown = blank_row() | {"id": "0", "state": "attempted", "started_at": "2026-11-21T11:00:00.000000Z", "reporter_id": "p"}
    assert said(unknown) == "unknown tried to reach unknown, nothing answered."
    assert len(said(row(source_name="x" * 4_000))) < 200
    gap = unknown | {"state": "gap", "reporter_name": "gw-1", "gap_lost": 1, "gap_cause": "spool_full"}
    assert said(gap) == "Reports of gw-1 are missing: 1 report lost, cause: spool full."


def test_every_column_is_shown_or_named_as_unknown() -> None:
    """Nothing the API gives is left out, and what is unknown says so."""
    shown = details(row(), parse(""), "http://host", NOW)
    names = {field.name for group in shown.groups for field in group.fields} | set(shown.unknown)
    assert names == {column.name for column in TRAFFIC} - {"org_id"}
    assert set(GROUP_ORDER) == set(TRAFFIC.groups)


def test_values_include_and_exclude() -> None:
    """A value leads to the list with one more condition."""
    shown = details(row(), parse("last=24h&search=x"), "http://host", NOW)
    value = next(field for group in shown.groups for field in group.fields if field.name == "destination_name").values[0]
    assert (value.include, value.exclude) == (
        "/traffic?destination_name=crm&search=x&last=24h", "/traffic?destination_name.not=crm&search=x&last=24h",
    )  # fmt: skip


@pytest.mark.parametrize(("text", "word"), [("a b", "'a b'"), ("it's; rm", "'it'\\''s; rm'")])
def test_shell_words_are_quoted(text: str, word: str) -> None:
    """The curl line can be pasted whatever stands in it."""
    assert shell_word(text) == word
