"""The real server inside the near namespace, filled as people would: over its API."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from meshtrail.common.clock import wall_clock
from tests.agent.fake_server import Row
from tests.agent.netns import Pair, until
from tests.api.client import JSON
from tests.control.organisation import Machine
from tests.e2e.faults.witness import FAR
from tests.servers import ServerProcess

SETTINGS: dict[str, Any] = {
    "mode": "enforce", "overlay_default": "drop", "network_range": "10.77.0.0/24", "network_range_v6": "fd77::/64",
    "progress_interval_s": 0, "collect_dns": True, "network_traffic_logs_groups": [], "network_traffic_packet_counter_enabled": True,
}  # fmt: skip
_LIMIT = 20_000


class RealServer:
    """A server process, which answers on the loopback of the near namespace only."""

    def __init__(self, pair: Pair, data: Path) -> None:
        self._pair = pair
        self.server = ServerProcess(data, prefix=("ip", "netns", "exec", pair.near.name))
        self.server.start()

    @property
    def url(self) -> str:
        """Its address in the near namespace."""
        return self.server.url

    def answer(self, method: str, path: str, body: object = None, token: str | None = None) -> tuple[int, Any]:
        """Status and decoded answer."""
        content = None if body is None else msgspec.json.encode(body)
        return self._pair.near.inside(lambda: self.server.call(method, path, content, token, **JSON))

    def done(self, method: str, path: str, body: object = None) -> Any:
        """The answer of a request that has to succeed."""
        status, answer = self.answer(method, path, body)
        assert 200 <= status < 300, answer
        return answer

    def enforce(self, port: int, **settings: object) -> None:
        """From now on peers enforce: each of the group All may reach this TCP port of the others, and nothing else."""
        self.done("PUT", "/api/v1/settings", SETTINGS | settings)
        machine = Machine("far", FAR)
        status, answer = self.answer("POST", "/api/v1/agent/enrol", machine.asks(self.key(), wall_clock()), "")
        assert status == 200, answer
        (everybody,) = (group["id"] for group in self.done("GET", "/api/groups") if group["name"] == "All")
        rule = {
            "name": "port", "enabled": True, "action": "accept", "bidirectional": True, "protocol": "tcp", "ports": [str(port)],
            "sources": [everybody], "destinations": [everybody],
        }  # fmt: skip
        self.done("POST", "/api/policies", {"name": "Port", "enabled": True, "rules": [rule]})

    def key(self) -> str:
        """A new enrolment key, for one machine."""
        wanted = {"name": "key", "type": "one-off", "expires_in": 3_600, "auto_groups": [], "usage_limit": 1}
        return str(self.done("POST", "/api/setup-keys", wanted)["key"])

    def peers(self) -> dict[str, str]:
        """Ids of the peers, by name."""
        return {peer["name"]: peer["id"] for peer in self.done("GET", "/api/peers")}

    def rows(self, **wanted: object) -> list[Row]:
        """All rows of traffic with these values."""
        found: list[Row] = []
        asked = urlencode({"limit": _LIMIT} | wanted)
        cursor = ""
        while True:
            page = self.done("GET", f"/api/v1/traffic?{asked}{cursor}")
            found += page["data"]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def wait_for(self, count: int = 1, timeout_s: float = 20.0, **wanted: object) -> list[Row]:
        """Wait for rows with these values."""

        def there() -> list[Row]:
            found = self.rows(**wanted)
            return found if len(found) >= count else []

        return until(there, f"{count} rows with {wanted}", timeout_s)
