"""Audit events for tests, and the pipe that they go through."""

import asyncio
import uuid
from typing import Any

import msgspec

from meshtrail.common.clock import Clock, rfc3339, wall_clock
from meshtrail.enrich.directory import EMPTY
from meshtrail.enrich.service import NullEnricher
from meshtrail.ingest import ndjson
from meshtrail.ingest.duplicates import Duplicates
from meshtrail.ingest.pipeline import Answer, Pipeline
from meshtrail.ingest.seen import SLOTS
from meshtrail.model.activities import Activity
from meshtrail.model.columns import AUDIT
from meshtrail.store.engine import Engine
from meshtrail.store.family_reader import last_position
from meshtrail.store.positions import Positions
from meshtrail.store.writer import Writer


def audited(occurred_us: int | None = None, kind: Activity = Activity.policy_update, **fields: Any) -> dict[str, Any]:
    """A complete event as it stands in the outbox; fields replace or, when None, remove. `before`, `after`, `meta` are objects."""
    row: dict[str, Any] = {
        "event_id": uuid.uuid4().hex, "occurred_at": rfc3339(wall_clock() if occurred_us is None else occurred_us),
        "reporter_id": "control", "activity": kind.sentence, "activity_code": kind.value, "outcome": "success",
        "initiator_id": "u1", "initiator_type": "user", "initiator_name": "Ana Lima", "initiator_email": "ana@example.com",
        "initiator_ip": "192.0.2.7", "user_agent": "Firefox", "target_id": "p1", "target_type": "policy", "target_name": "Staff to DB",
        "meta": {"name": "Staff to DB"},
    }  # fmt: skip
    row = {name: value for name, value in {**row, **fields}.items() if value is not None}
    for name in ("before", "after", "meta"):
        if isinstance(row.get(name), dict):
            row[name] = msgspec.json.encode(row[name]).decode()
    return row


def audit_pipe(engine: Engine, clock: Clock = wall_clock, slots: int = SLOTS, positions: Positions | None = None) -> Pipeline:
    """A pipe of audit events that is not started."""
    last = last_position(engine)
    writer = Writer(engine, AUDIT, positions or Positions(clock, last=last))
    return Pipeline(AUDIT, writer, Duplicates(engine, AUDIT, clock, slots), NullEnricher(), lambda _: EMPTY, clock, last)


def body(rows: list[dict[str, Any]]) -> bytes:
    """Rows as NDJSON."""
    return b"\n".join(msgspec.json.encode(row) for row in rows)


def store_audit(engine: Engine, org_id: str, *batches: list[dict[str, Any]], **settings: Any) -> list[Answer]:
    """Send batches one after another through a new pipe."""

    async def run() -> list[Answer]:
        running = audit_pipe(engine, **settings)
        await running.start()
        try:
            return [await running.submit(org_id, "control", body(rows), ndjson.decode) for rows in batches]
        finally:
            await running.stop()

    return asyncio.run(run())
