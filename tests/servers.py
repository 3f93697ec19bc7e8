"""Real server processes for tests."""

import http.client
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import msgspec

from meshtrail.cli.options import CONTROL_URL
from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS
from meshtrail.control.places import Place
from meshtrail.control.service import Control, Scope
from meshtrail.server import control_place

START_S = 60
Answer = tuple[int, Any]


class ServerProcess:
    """`meshtrail serve` (or another command) on a free port."""

    def __init__(self, data: Path, command: tuple[str, ...] = ("serve",), prefix: tuple[str, ...] = (), control_url: str = "") -> None:
        self.data = data
        self.control_url = control_url
        self._arguments = [*prefix, sys.executable, "-m", "meshtrail", *command, "--data", str(data), "--port", "0"]
        self._welcomes = command[0] == "up"
        self.said: list[str] = []
        """What it printed until it was ready."""
        self.process: subprocess.Popen[str] | None = None
        self.url = ""
        self.token = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it answers."""
        self.url = ""
        self.process = subprocess.Popen(self._arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self._environment)
        assert self.process.stdout is not None
        self.said = []
        for line in self.process.stdout:
            self.said.append(line)
            found = re.search(r"http://[^\s/]+:\d+", line)
            if found and "level" not in line and not self.url:
                self.url = found.group()
            if self.url and (not self._welcomes or "Stop" in line):
                break
        assert self.url, "".join(self.said)
        self.token = (self.data / "local.token").read_text().strip()

    @property
    def _environment(self) -> dict[str, str]:
        found = {**os.environ, "NO_COLOR": "1"}
        return {**found, CONTROL_URL: self.control_url} if self.control_url else found

    @property
    def place(self) -> Place:
        """Where its control store is."""
        return control_place(self.data, self.control_url)

    def stop(self) -> int:
        """SIGTERM and wait; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(START_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(START_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def port(self) -> int:
        """TCP port it listens on."""
        return int(self.url.rsplit(":", 1)[1])

    @property
    def host(self) -> str:
        """Address it listens on."""
        return self.url.removeprefix("http://").rsplit(":", 1)[0].strip("[]")

    def new_organisation(self, *scopes: Scope) -> str:
        """A token of a new organisation."""
        control = Control(self.place)
        control.open()
        try:
            return control.tokens.create(system(control.add_organisation("test")), ALL_PERMISSIONS, "test", set(scopes or Scope))[1]
        finally:
            control.close()

    def call(self, method: str, path: str, body: bytes | None = None, token: str | None = None, **headers: str) -> Answer:
        """Status and decoded JSON of a request; `token` "" sends none."""
        status, content, _ = self.raw(method, path, body, token, **headers)
        return status, msgspec.json.decode(content) if content else None

    def raw(
        self, method: str, path: str, body: bytes | None = None, token: str | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers (lower case) of a request."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        secret = self.token if token is None else token
        sent = {"Authorization": f"Token {secret}"} if secret else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def ingest(self, rows: list[dict[str, Any]], token: str | None = None, **headers: str) -> Answer:
        """Send rows as NDJSON."""
        body = b"\n".join(msgspec.json.encode(row) for row in rows)
        return self.call("POST", "/api/v1/ingest/traffic", body, token, **{"Content-Type": "application/x-ndjson", **headers})
