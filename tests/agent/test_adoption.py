"""What the server remembers, joined with what the kernel knows."""

from meshtrail.agent.adoption import adopt
from meshtrail.agent.flow import Flow
from meshtrail.agent.flowid import Maker
from meshtrail.agent.flowtable import FlowTable
from meshtrail.agent.report import time_text
from meshtrail.agent.uplink import OpenFlow
from tests.agent.records import at, entry

INSTANCE = b"abcdef"


def _held(**changes: object) -> list[Flow]:
    flow = FlowTable(INSTANCE).entry(entry(7, **{"started": 10.0, **changes}), at(20))  # type: ignore[arg-type]
    assert flow is not None
    return [flow]


def _known(number: int, seconds: float, instance: bytes = INSTANCE, port: int | None = 40_000) -> OpenFlow:
    return OpenFlow(Maker(instance).make(number, at(seconds)), time_text(at(seconds)), source_port=port)


def test_continued() -> None:
    """An entry takes over name and start of the row, though the two clock readings differ a little."""
    held, known = _held(), _known(7, 10.000_2)
    found = adopt([known], held, INSTANCE)
    assert found.continued == held
    assert (held[0].flow_id, held[0].started_us) == (known.flow_id, at(10.000_2))
    assert found.missing == []


def test_missing() -> None:
    """Another id, another start, another boot or a start that cannot be read is another connection: the row's end was missed."""
    rows = [
        _known(8, 10.0),
        _known(7, 15.0),
        _known(7, 10.0, b"fedcba"),
        OpenFlow(Maker(INSTANCE).make(7, at(10)), "yesterday", source_port=40_000),
    ]
    found = adopt(rows, _held(), INSTANCE)
    assert found.missing == rows
    assert found.continued == []


def test_entry_without_a_start() -> None:
    """An entry made before times were kept is known by its id alone."""
    assert adopt([_known(7, 3.0)], _held(started=None), INSTANCE).missing == []


def test_one_id_twice() -> None:
    """Two entries with one id continue their own rows."""
    held = _held() + _held(source_port=40_001)
    rows = [_known(7, 10.2, port=40_001), _known(7, 10.1)]
    found = adopt(rows, held, INSTANCE)
    assert found.missing == []
    assert [(flow.port, flow.flow_id) for flow in found.continued] == [(40_001, rows[0].flow_id), (40_000, rows[1].flow_id)]
