"""A client of a server's JSON routes, for one organisation."""

from typing import Any

import msgspec

from meshtrail.common.clock import wall_clock
from meshtrail.control.service import Control, Scope
from meshtrail.model.network_map import Enrolled, Envelope, NetworkMap
from tests.control.organisation import Machine
from tests.servers import Answer, ServerProcess

JSON = {"Content-Type": "application/json"}


class Client:
    """Requests with the token of one organisation."""

    def __init__(self, server: ServerProcess, token: str | None = None) -> None:
        self.server = server
        self.token = server.new_organisation(*Scope) if token is None else token

    def call(self, method: str, path: str, body: object = None, token: str | None = None) -> Answer:
        """Status and answer."""
        content = None if body is None else msgspec.json.encode(body)
        return self.server.call(method, path, content, self.token if token is None else token, **JSON)

    def done(self, method: str, path: str, body: object = None) -> Any:
        """The answer of a request that has to succeed."""
        status, answer = self.call(method, path, body)
        assert status == 200, answer
        return answer

    def refused(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Status and message of a request that NetBird's shape refuses."""
        status, answer = self.call(method, path, body)
        assert set(answer) == {"message", "code"}
        assert answer["code"] == status
        return status, answer["message"]

    def key(self, *groups: str) -> str:
        """A new reusable enrolment key."""
        wanted = {"name": "key", "type": "reusable", "expires_in": 86_400, "auto_groups": list(groups), "usage_limit": 0}
        return str(self.done("POST", "/api/setup-keys", wanted)["key"])

    def enrol(self, machine: Machine, *groups: str) -> Enrolled:
        """Make the machine a peer."""
        status, answer = self.call("POST", "/api/v1/agent/enrol", machine.asks(self.key(*groups), wall_clock()), "")
        assert status == 200, answer
        return msgspec.convert(answer, Enrolled)

    def network_map(self, token: str, serial: int = 0, wait_s: int = 0) -> NetworkMap | None:
        """The peer's map, None when there are no news."""
        status, answer = self.call("GET", f"/api/v1/agent/network-map?serial={serial}&wait_s={wait_s}", token=token)
        if status == 204:
            return None
        assert status == 200, answer
        return msgspec.json.decode(msgspec.convert(answer, Envelope).payload, type=NetworkMap)


def opened(server: ServerProcess) -> Control:
    """The control store of a server, as a command on its machine opens it."""
    control = Control(server.place)
    control.open()
    return control
