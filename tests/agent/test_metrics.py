"""The counters, all in one place."""

import msgspec

from meshtrail.agent.config import AgentConfig
from meshtrail.agent.metrics import CaptureCounters
from meshtrail.agent.service import Agent


def test_snapshot() -> None:
    """All counters are numbers with names of their own, also before anything has started."""
    found = Agent(AgentConfig("http://127.0.0.1:1", "t", "r1", "host1")).metrics()
    assert set(CaptureCounters.__slots__) < found.keys()
    assert all(isinstance(value, int | float) for value in found.values())
    assert msgspec.json.decode(msgspec.json.encode(found)) == found
    assert {"flows", "reports_dropped", "reports_refused", "events_dropped", "decode_malformed", "capture_reliable"} <= found.keys()
