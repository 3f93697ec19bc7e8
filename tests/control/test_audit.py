"""Events are written with their change, whole, bounded, and without secrets."""

import dataclasses
import uuid
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, insert, select

from meshtrail.common.errors import UnavailableError
from meshtrail.control.actor import Actor, system
from meshtrail.control.audit import Target, difference, record
from meshtrail.control.inventory import Router
from meshtrail.control.limits import OUTBOX_ROWS_MAX
from meshtrail.control.service import Control
from meshtrail.control.tables import outbox
from meshtrail.ingest import ndjson
from meshtrail.ingest.limits import JSON_BYTES_MAX, TEXT_BYTES_MAX
from meshtrail.ingest.validate import validate
from meshtrail.model.activities import Activity, TargetType
from meshtrail.model.columns import AUDIT
from meshtrail.model.enums import InitiatorType, Outcome
from tests.control.organisation import Clock, Organisation

ANA = Actor(
    "o1", "u1", InitiatorType.user, "Ana Lima", "ana@example.com", "2001:db8::7", "Firefox", "s1", "t1", "r1"
)  # fmt: skip


def written(transaction: Connection) -> list[dict[str, Any]]:
    """The events that wait, in order."""
    rows = transaction.execute(select(outbox).order_by(outbox.c.number))
    return [{**msgspec.json.decode(row.document), "org_id": row.org_id} for row in rows]


def recorded(control: Control, by: Actor, *given: Any, **more: Any) -> dict[str, Any]:
    """The event that a call of `record` leaves, as the pipe takes it."""
    with control.database.write() as transaction:
        record(transaction, by, *given, **more)
        event = written(transaction)[-1]
    line = msgspec.json.encode({name: value for name, value in event.items() if name != "org_id"})
    batch = ndjson.decode(line, AUDIT)
    validate(batch, AUDIT, Clock.now * 2)
    assert (batch.refusals.count, batch.table.num_rows) == (0, 1), batch.refusals.shown
    return event


def test_everything_that_is_known_is_said(control: Control) -> None:
    """Who, from where, what of what, how it ended, and what it changed."""
    event = recorded(
        control, ANA, Activity.policy_update, Target("p1", "Staff"), before={"name": "Stuff"}, after={"name": "Staff"}, meta={"n": 1},
        outcome=Outcome.failure, status=409, error="no",
    )  # fmt: skip
    uuid.UUID(event.pop("event_id"))
    assert event.pop("occurred_at").endswith("Z")
    assert event == {
        "org_id": "o1", "reporter_id": "control", "activity": "Policy updated", "activity_code": "policy.update", "outcome": "failure",
        "status": 409, "error": "no", "initiator_id": "u1", "initiator_type": "user", "initiator_name": "Ana Lima",
        "initiator_email": "ana@example.com", "initiator_ip": "2001:db8::7", "user_agent": "Firefox", "session_id": "s1",
        "token_id": "t1", "request_id": "r1", "target_id": "p1", "target_type": "policy", "target_name": "Staff",
        "before": '{"name":"Stuff"}', "after": '{"name":"Staff"}', "meta": '{"n":1}',
    }  # fmt: skip


def test_what_is_unknown_is_left_out(control: Control) -> None:
    """The server itself has no address, and a thing may have another type than the code says."""
    event = recorded(control, system("o1"), Activity.request_refuse, Target("x", type=TargetType.policy))
    assert {"initiator_ip", "target_name", "before", "after", "meta", "status"}.isdisjoint(event)
    assert (event["initiator_id"], event["initiator_type"], event["target_type"]) == ("sys", "system", "policy")
    assert "target_id" not in recorded(control, ANA, Activity.server_stop)


@pytest.mark.parametrize(("given", "told"), [("fe80::1%eth0", "fe80::1"), ("192.0.2.7", "192.0.2.7"), ("", None), ("/run/x", None)])
def test_what_is_no_address_stops_no_event(control: Control, given: str, told: str | None) -> None:
    """A link-local address has an interface, a socket in the file system has no address."""
    event = recorded(control, dataclasses.replace(ANA, address=given), Activity.policy_add)
    assert event.get("initiator_ip") == told


def test_secrets_are_replaced(control: Control) -> None:
    """Wherever they stand."""
    event = recorded(control, ANA, Activity.settings_update, before={"a": {"token": "t0p"}}, after={"password": "t0p"}, meta={"key": "t0p"})
    assert "t0p" not in str(event)
    assert event["after"] == '{"password":"[redacted]"}'


def test_what_is_too_large_says_so(control: Control) -> None:
    """The largest values go first; texts end at their limit; half characters do not stop an event."""
    event = recorded(
        control,
        ANA,
        Activity.policy_update,
        Target("p" * 5_000, "ü" * 5_000),
        error="\ud800x",
        after={"big": "\0" * JSON_BYTES_MAX, "small": "\ud800"},
    )
    assert event["after"] == f'{{"big":"[left out: {JSON_BYTES_MAX * 6 + 2} bytes]","small":"?"}}'
    assert (len(event["target_id"]), len(event["target_name"].encode())) == (TEXT_BYTES_MAX, TEXT_BYTES_MAX)
    assert event["error"] == "?x"
    many = {f"{n:0100}": n for n in range(2_000)}
    assert recorded(control, ANA, Activity.policy_update, after=many)["after"] == "{}"


def test_an_undone_change_leaves_no_event(control: Control) -> None:
    """They are of one transaction."""

    def fail() -> None:
        with control.database.write() as transaction:
            record(transaction, ANA, Activity.policy_add)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fail()
    with control.database.read() as transaction:
        assert written(transaction) == []


def test_ids_stand_in_the_order_of_events(control: Control) -> None:
    """Also those of one microsecond."""
    with control.database.write() as transaction:
        for _ in range(50):
            record(transaction, ANA, Activity.policy_add)
        ids = [event["event_id"] for event in written(transaction)]
    assert len(set(ids)) == 50
    assert all(uuid.UUID(each).version == 7 for each in ids)


def test_no_change_without_room_for_its_event(control: Control) -> None:
    """Too many wait for the store: the change is refused, and the remedy said."""
    row = {"org_id": "o1", "occurred_at": 1, "document": "{}"}
    with control.database.write() as transaction:
        transaction.execute(insert(outbox).values(number=1, event_id="a", **row))
        transaction.execute(insert(outbox).values(number=1 + OUTBOX_ROWS_MAX, event_id="b", **row))
        with pytest.raises(UnavailableError, match="nothing can be changed"):
            record(transaction, ANA, Activity.policy_add)


def test_a_difference_holds_what_differs() -> None:
    """Of structs, of mappings, of something new, of something gone."""
    old = Router(id="r", network_id="n", peer="p")
    new = Router(id="r", network_id="n", peer_groups=("g",), enabled=False)
    assert difference(old, new) == (
        {"peer": "p", "peer_groups": [], "enabled": True},
        {"peer": None, "peer_groups": ["g"], "enabled": False},
    )
    assert difference(old, old) == ({}, {})
    assert difference(None, {"a": 1, "secret": "x"}) == ({}, {"a": 1, "secret": "[redacted]"})
    assert difference({"a": 1}, None) == ({"a": 1}, {})
    with pytest.raises(TypeError, match="no fields"):
        difference([1], [2])


def test_numbers_are_not_given_again(organisation: Organisation) -> None:
    """The order of events is that of their numbers, also after those before were stored."""
    with organisation.control.database.write() as transaction:
        record(transaction, ANA, Activity.policy_add)
        first = transaction.execute(select(outbox.c.number)).scalars().all()[-1]
        transaction.execute(outbox.delete())
        record(transaction, ANA, Activity.policy_add)
        assert transaction.execute(select(outbox.c.number)).scalars().all() == [first + 1]
