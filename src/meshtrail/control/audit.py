"""The event of a change, written in the change's own transaction: both become durable, or neither.

`record` puts the event into the *outbox*, a table beside what is changed; the *pump* (`outbox.py`) takes it from there into the
store of events.
"""

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select

from meshtrail.common import redact
from meshtrail.common.clock import Clock, rfc3339, wall_clock
from meshtrail.common.errors import UnavailableError
from meshtrail.control.actor import Actor
from meshtrail.control.limits import OUTBOX_ROWS_MAX
from meshtrail.control.tables import outbox
from meshtrail.ingest.limits import JSON_BYTES_MAX, TEXT_BYTES_MAX
from meshtrail.ingest.validate import packed
from meshtrail.model.activities import Activity, TargetType
from meshtrail.model.enums import Outcome

REPORTER_ID = "control"
"""Who reports the server's own events."""

CLOCK_OPTION = "meshtrail_clock"
"""Execution option of a connection: the clock by which its events happen."""

_LEFT_OUT = "[left out: {} bytes]"
_COUNTER_BITS = 14
_WAITING = select(
    select(func.max(outbox.c.number)).scalar_subquery() - select(func.min(outbox.c.number)).scalar_subquery()
)  # fmt: skip
"""Two subqueries: SQLite finds a lone minimum or maximum by the index, and reads the whole table for both at once."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is acted on, with its name of this moment."""

    id: str
    name: str | None = None
    type: TargetType | None = None
    """None: what the activity's targets are."""


def record(
    transaction: Connection, by: Actor, activity: Activity, target: Target | None = None, *, before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None, meta: Mapping[str, Any] | None = None, outcome: Outcome = Outcome.success,
    status: int | None = None, error: str | None = None,
) -> None:  # fmt: skip
    """Write down what `by` did, or tried to. `before` and `after` hold what differs only (see `difference`); secrets in them and in
    `meta` are replaced. `status` is the HTTP status of the answer where it is known. `UnavailableError` when the events wait for
    the store in such numbers that no further change may be made."""
    _check_room(transaction)
    clock: Clock = transaction.get_execution_options().get(CLOCK_OPTION, wall_clock)
    now = clock()
    event_id = _event_id(now)
    kind = None if target is None else target.type or activity.target
    document: dict[str, Any] = {
        "event_id": event_id, "occurred_at": rfc3339(now), "reporter_id": REPORTER_ID,
        "activity": activity.sentence, "activity_code": activity.value, "outcome": outcome.name, "status": status, "error": error,
        **_initiator(by), "target_id": None if target is None else target.id, "target_type": kind,
        "target_name": None if target is None else target.name,
        "before": _object(before), "after": _object(after), "meta": _object(meta),
    }  # fmt: skip
    kept = {
        name: _text(value) if name not in {"before", "after", "meta"} else value for name, value in document.items() if value is not None
    }
    values = {"org_id": by.org_id, "event_id": event_id, "occurred_at": now, "document": msgspec.json.encode(kept).decode()}
    transaction.execute(insert(outbox).values(**values))


def difference(old: object, new: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was and what became, of two structs or mappings, where they differ; of nothing (None) and a thing, all of the thing.
    Secrets read `[redacted]`."""
    return redact.difference(_fields(old), _fields(new))


def _fields(thing: object) -> Mapping[str, Any]:
    if thing is None:
        return {}
    found = msgspec.to_builtins(thing)
    if not isinstance(found, Mapping):
        raise TypeError(f"a {type(thing).__name__} has no fields that could differ")
    return found


def _initiator(by: Actor) -> dict[str, str | None]:
    return {
        "initiator_id": by.id, "initiator_type": by.type.name, "initiator_name": by.name, "initiator_email": by.email,
        "initiator_ip": _address(by.address), "user_agent": by.user_agent, "session_id": by.session_id, "token_id": by.token_id,
        "request_id": by.request_id,
    }  # fmt: skip


def _address(text: str | None) -> str | None:
    """The address without the interface that a link-local one has; None for what is no address (a socket in the file system)."""
    plain = (text or "").partition("%")[0]
    return plain if packed(plain) is not None else None


def _check_room(transaction: Connection) -> None:
    """Numbers of the waiting rows are close together, so both ends say how many there are, without counting them."""
    waiting = transaction.execute(_WAITING).scalar() or 0
    if waiting >= OUTBOX_ROWS_MAX:
        raise UnavailableError(
            f"{OUTBOX_ROWS_MAX} audit events wait to be stored, so nothing can be changed.",
            "See why the store takes no events: its disk may be full.",
        )


def _text(value: Any) -> Any:
    """What the store takes: no half characters, not too long."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "replace")[:TEXT_BYTES_MAX].decode("utf-8", "ignore")


def _object(value: Mapping[str, Any] | None) -> str | None:
    """The mapping as JSON without secrets. Where it is too large, its largest values are left out, and say how large they were."""
    if not value:
        return None
    fields: dict[str, Any] = redact.redacted(msgspec.to_builtins(value))
    sizes = {name: len(_encoded(inner)) for name, inner in fields.items()}
    encoded = _encoded(fields)
    while len(encoded) > JSON_BYTES_MAX and sizes:
        largest = max(sizes, key=lambda name: sizes[name])
        fields[largest] = _LEFT_OUT.format(sizes.pop(largest))
        encoded = _encoded(fields)
    return encoded.decode() if len(encoded) <= JSON_BYTES_MAX else "{}"


def _encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_whole(value))


def _whole(value: object) -> object:
    """The value without half characters (lone surrogates)."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return {_whole(name): _whole(inner) for name, inner in value.items()} if isinstance(value, dict) else value


class _Counter:
    """Grows with each event of this process, so that events of one microsecond keep their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value = secrets.randbits(_COUNTER_BITS - 1)

    def next(self) -> int:
        with self._lock:
            self._value = (self._value + 1) % (1 << _COUNTER_BITS)
            return self._value


_counter = _Counter()


def _event_id(now_us: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7): milliseconds, the microseconds in them, a counter, and 48 bits of chance."""
    milliseconds, rest = divmod(now_us, 1_000)
    high = (milliseconds & (1 << 48) - 1) << 16 | 0x7000 | rest
    low = 0b10 << 62 | _counter.next() << 48 | secrets.randbits(48)
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
