"""What the end of a connection means."""

import pytest

from meshtrail.agent.flowtable import FlowTable
from tests.agent.records import at, destroy, new


@pytest.mark.parametrize(("changes", "said"), [
    ({"tcp_state": 8, "status": 0x388, "counts": (1, 60, 1, 40)}, ("closed", "refused")),
    ({"tcp_state": 8, "status": 0x38E}, ("closed", "reset")),
    ({"tcp_state": 1, "status": 0x388, "counts": (3, 180, 0, 0)}, ("attempted", "no_reply")),
    ({"tcp_state": 8, "status": 0x388, "counts": (3, 180, 0, 0)}, ("attempted", "no_reply")),
    ({"tcp_state": 3}, ("closed", "timeout")),
    ({"tcp_state": 3, "timeout_s": 400_000}, ("closed", "unknown")),
    ({"tcp_state": 6}, ("closed", "fin")),
    ({"protocol": 17, "tcp_state": None}, ("closed", "timeout")),
    ({"protocol": 17, "tcp_state": None, "status": 0x388, "counts": (1, 60, 0, 0)}, ("attempted", "no_reply")),
    ({"protocol": 17, "tcp_state": None, "status": 0x388, "counts": None}, ("attempted", "no_reply")),
])  # fmt: skip
def test_endings(changes: dict[str, object], said: tuple[str, str]) -> None:
    """Why a connection ended follows from its last state, its replies and the time it had left."""
    table = FlowTable(b"abcdef")
    table.start(new(), at(0))
    flow = table.end(destroy(**changes), at(2))  # type: ignore[arg-type]
    assert flow is not None
    assert (flow.state, flow.close_reason) == said
