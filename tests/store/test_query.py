"""The compiler refuses what a column cannot mean and never puts a value into the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtrail.common.errors import InvalidError
from meshtrail.model.columns import TRAFFIC
from meshtrail.store.limits import CONDITIONS_MAX, SEARCH_CHARACTERS_MAX, VALUES_MAX
from meshtrail.store.query import Condition, Query, compiled, condition


@pytest.mark.parametrize(
    ("name", "operator", "value"),
    [
        ("nonsense", "", "1"), ("org_id", "", "x"), ("protocol", "like", "6"), ("source_name", "gte", "a"),
        ("protocol", "", "six"), ("protocol", "", "256"), ("protocol", "", "-1"), ("protocol", "", "٣"),
        ("destination_port", "", "65536"), ("source_address", "", "10.0.0.0/33"), ("source_address", "", "example.com"),
        ("state", "", "opened"), ("flow_id", "", "x"), ("started_at", "gte", "yesterday"), ("user_id", "known", "maybe"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(name: str, operator: str, value: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidError):
        compiled(Query("o", (condition(name, operator, [value]),)))


def test_limits_hold() -> None:
    """Too many values, conditions or characters are refused."""
    with pytest.raises(InvalidError, match="values"):
        condition("user_id", "", ["x"] * (VALUES_MAX + 1))
    each = condition("user_id", "", ["x"])
    with pytest.raises(InvalidError, match="conditions"):
        compiled(Query("o", (each,) * (CONDITIONS_MAX + 1)))
    with pytest.raises(InvalidError, match="search"):
        compiled(Query("o", search="x" * (SEARCH_CHARACTERS_MAX + 1)))


TEXT_COLUMNS = [column for column in TRAFFIC if column.kind in {"name", "text", "names"} and column.name != "org_id"]


@given(st.sampled_from(TEXT_COLUMNS), st.lists(st.text(max_size=20), min_size=1, max_size=5), st.sampled_from(["", "not"]))
def test_values_never_reach_the_text(column: object, values: list[str], operator: str) -> None:
    """The SQL of a filter is the same for all values of the same number."""
    name = column.name  # type: ignore[attr-defined]
    one = compiled(Query("o", (condition(name, operator, values),)))
    other = compiled(Query("p", (condition(name, operator, ["x"] * len(values)),)))
    assert one.where == other.where


def test_every_query_leads_with_the_organisation() -> None:
    """The first clause is always the organisation."""
    part = compiled(Query("tenant", (Condition(TRAFFIC.columns["protocol"], condition("protocol", "", []).operator, ("6",)),)))
    assert part.clauses[0] == "org_id = {p0:String}"
    assert part.parameters["p0"] == "tenant"
