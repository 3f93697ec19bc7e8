"""The audit trail of an organisation as its API shows it, for tests."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from tests.api.client import Client

DEADLINE_S = 20
Event = dict[str, Any]


def events(client: Client, **filters: str) -> list[Event]:
    """Events of the native list, oldest first."""
    query = urlencode({"limit": "900", "order": "asc", **filters})
    found: list[Event] = client.done("GET", f"/api/v1/audit?{query}")["data"]
    return found


def until(client: Client, holds: Callable[[list[Event]], object], **filters: str) -> list[Event]:
    """Events as soon as it holds of them."""
    end = time.monotonic() + DEADLINE_S
    while not holds(found := events(client, **filters)):
        assert time.monotonic() < end, f"it did not come true: {[(each['activity_code'], each['outcome']) for each in found]}"
        time.sleep(0.02)
    return found


def one(client: Client, code: str, **filters: str) -> Event:
    """The only event with this code, as soon as it is there."""
    found = until(client, lambda rows: rows, activity_code=code, **filters)
    assert len(found) == 1, found
    return found[0]
