"""The resolver over the lab: what the agents say of rules, it would have said without them, for connections before and after edits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from lab.organisation import CONSOLE
from meshtrail.common.clock import microseconds, wall_clock
from meshtrail.control.directories import Directories
from meshtrail.control.service import Control
from meshtrail.enrich.resolver.books import Books
from meshtrail.enrich.resolver.resolve import resolve
from meshtrail.ingest import ndjson
from meshtrail.ingest.validate import validate
from meshtrail.model.columns import TRAFFIC
from meshtrail.model.enums import Attribution
from meshtrail.server import CONTROL_FILE
from tests.e2e.conftest import Evening

pytestmark = pytest.mark.netns
DECIDED = ("attribution", "policy_id", "policy_name", "rule_id", "policy_version")
TOLD = (
    "reporter_id", "flow_id", "state", "started_at", "occurred_at", "verdict", "protocol", "source_address", "source_port",
    "destination_address", "destination_port", "icmp_type", "connection_type", "direction", "destination_resource_id",
)  # fmt: skip
"""What a reporter without rules of its own says."""


@pytest.fixture(scope="module")
def rows(evening: Evening) -> list[dict[str, Any]]:
    """Rows in which an agent said what decided."""
    return [row for row in evening.lab.checker.rows() if row["attribution"] == "reported" or row["state"] == "denied"]


@pytest.fixture(scope="module")
def books(evening: Evening) -> Iterator[Books]:
    """The books of the lab's server."""
    control = Control(Path(evening.lab.folder / "server" / CONTROL_FILE))
    control.open()
    yield Directories(control).get(control.first_organisation()[0]).books
    control.close()


def hidden(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows without what the agents said of rules."""
    told = [{name: row[name] for name in TOLD if row[name] is not None} for row in rows]
    batch = ndjson.decode(b"\n".join(msgspec.json.encode(row) for row in told), TRAFFIC)
    validate(batch, TRAFFIC, wall_clock())
    assert batch.table.num_rows == len(rows), batch.refusals
    return batch.table


def test_the_resolver_says_what_the_agents_said(rows: list[dict[str, Any]], books: Books) -> None:
    """Policy, version and rule, allowed and denied, near and behind the router, whatever the organisation was at that moment."""
    found = resolve(hidden(rows), books).select(list(DECIDED)).to_pylist()
    same = {"reported": "resolved", "default_deny": "default_deny"}
    for row, answer in zip(rows, found, strict=True):
        expected = {name: row[name] for name in DECIDED} | {"attribution": Attribution[same[row["attribution"]]]}
        assert answer == expected, row
    assert {row["attribution"] for row in rows} == set(same)
    assert len({(row["policy_id"], row["policy_version"]) for row in rows}) > 12


def test_an_edited_policy_is_told_as_it_was(evening: Evening) -> None:
    """Connections of before and after each edit: the version they carry, and its text of then."""
    scene = [finding for finding in evening.findings if finding.scene == "edited" and finding.reporter == "gateway"]
    ids = {finding.talk: finding.found["id"] for finding in scene}
    found = {row["id"]: row for row in evening.lab.checker.rows()}
    told = {}
    for talk, identifier in ids.items():
        row = found[identifier]
        asked = {"source": row["source_address"], "destination": row["destination_address"], "protocol": row["protocol"]}
        answer = evening.lab.api.post("/api/v1/policy/check", asked | {"port": row["destination_port"], "at": row["started_at"]})
        rule = answer["rule"] or {}
        told[talk] = (answer["verdict"], rule.get("policy_version"), rule.get("policy_name"), rule.get("text"))
        assert (rule.get("policy_version"), rule.get("policy_name"), rule.get("rule_id")) == (
            row["policy_version"], row["policy_name"], row["rule_id"],
        )  # fmt: skip
        if rule:
            assert microseconds(rule["valid_from"]) < microseconds(row["started_at"])
    text = "Laptops may reach Gateways by TCP on port"
    assert told == {
        "before": ("allowed", 1, CONSOLE.name, f"{text} 7000"), "closed now": ("denied", None, None, None),
        "elsewhere": ("allowed", 2, "Console at night", f"{text} 7001"), "open again": ("allowed", 3, "Console by day", f"{text} 7000"),
    }  # fmt: skip
