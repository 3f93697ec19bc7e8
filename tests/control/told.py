"""What the control store wrote down, as it waits in the outbox."""

from typing import Any

import msgspec
from sqlalchemy import select

from meshtrail.control.service import Control
from meshtrail.control.tables import outbox
from meshtrail.model.activities import Activity


def told(control: Control, org_id: str) -> list[dict[str, Any]]:
    """Events of the organisation in their order, without that of its making; before, after and meta as objects."""
    with control.database.read() as transaction:
        rows = transaction.execute(select(outbox.c.document).where(outbox.c.org_id == org_id).order_by(outbox.c.number)).scalars().all()
    events = [event for event in map(msgspec.json.decode, rows) if event["activity_code"] != Activity.account_create]
    for event in events:
        for name in ("before", "after", "meta"):
            event[name] = msgspec.json.decode(event[name]) if event.get(name) else {}
    return events


def codes(control: Control, org_id: str) -> list[str]:
    """The codes of those events."""
    return [event["activity_code"] for event in told(control, org_id)]
