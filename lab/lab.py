"""The lab put together: network, server, agents, captures; stopped in the opposite order."""

import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from typing import Self

from lab.capture import Capture
from lab.check import Checker
from lab.children import Child, stop_all
from lab.claims import Claim, clean, data_folder
from lab.client import Api
from lab.expire import Expirer
from lab.limits import ENFORCED_S_MAX, POLL_S, SAID_CHARACTERS_MAX
from lab.namespace import LabError, program
from lab.organisation import Organisation
from lab.pcap import Connection
from lab.topology import LAN_V4, Network, Node
from meshtrail.cli.local import LOCAL_TOKEN_FILE
from meshtrail.control.actor import system
from meshtrail.control.service import Control
from meshtrail.server import CONTROL_FILE


class Lab:
    """A running lab. Construction changes nothing."""

    def __init__(self, port: int = 0, *, capture: bool = False) -> None:
        self.tag = str(os.getpid())
        self.folder = data_folder(self.tag)
        self._port = port
        self._wants_capture = capture
        self._claim = Claim(self.tag)
        self._servers: list[Child] = []
        self._agents: dict[str, Child] = {}
        self._captures: list[Capture] = []
        self._expirer: Expirer | None = None
        self._network: Network | None = None
        self._api: Api | None = None
        self._organisation: Organisation | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def network(self) -> Network:
        """The nodes; there while it runs."""
        if self._network is None:
            raise LabError("The lab has not been started.")
        return self._network

    @property
    def api(self) -> Api:
        """The server's API; there while it runs."""
        if self._api is None:
            raise LabError("The lab has not been started.")
        return self._api

    @property
    def organisation(self) -> Organisation:
        """What the server was told; there while it runs."""
        if self._organisation is None:
            raise LabError("The lab has not been started.")
        return self._organisation

    @property
    def checker(self) -> Checker:
        """Compares the API's rows with what is expected."""
        return Checker(self.api)

    def start(self) -> None:
        """Build, and wait until every agent captures."""
        clean()
        if not self._claim.take():
            raise LabError("This process runs a lab already.")
        self.folder.mkdir(mode=0o700)
        self._network = Network(self.tag)
        self._api = self._start_server()
        if self._wants_capture:
            self._captures = [Capture(node, self.folder) for node in self._network.peers()]
            for capture in self._captures:
                capture.ready()
        self._start_agents()
        self._expirer = Expirer(self._network.peers())
        self._expirer.start()

    def _start_agents(self) -> None:
        """Enrol every peer; then the policies, which all of them enforce before this returns."""
        self._organisation = Organisation(self.api)
        keys = self._organisation.prepare()
        for node in self.network.peers():
            self._agents[node.name] = self._start_agent(node, keys[node.name])
        for agent in self._agents.values():
            agent.ready("capturing:")
        last = self._organisation.complete()
        for name in self._agents:
            self.enforced(name, last)
        self.enforced("router", re.escape(str(LAN_V4[20])))

    def _start_server(self) -> Api:
        data = self.folder / "server"
        where = ["--data", str(data), "--host", self.network.server_address, "--port", str(self._port)]
        command = [sys.executable, "-m", "meshtrail", "serve", *where]
        server = Child("server", command, self.folder / "server.log")
        self._servers.append(server)
        url = re.findall(r"answers at (http://\S+)", server.ready("answers at "))[0]
        return Api(url, (data / LOCAL_TOKEN_FILE).read_text(encoding="ascii").strip())

    def _start_agent(self, node: Node, key: str) -> Child:
        folder = self.folder / node.name
        folder.mkdir()
        key_file = folder / "enrolment-key"
        key_file.write_text(key, encoding="ascii")
        command = [
            sys.executable, "-m", "meshtrail.agent", "--server", self.api.url, "--name", node.name,
            "--enrolment-key-file", str(key_file), "--state-dir", str(folder / "state"), "--run-dir", str(folder / "run"),
            "--ignore", str(self.network.management),
        ]  # fmt: skip
        return Child(f"agent of {node.name}", node.space.command(*command), self.folder / f"agent-{node.name}.log")

    def enforced(self, peer: str, pattern: str, *, gone: bool = False) -> None:
        """Wait until a peer's rules in the kernel have this text, or have it no more."""
        space, nft = self.network[peer].space, program("nft", "nftables")
        self._wait(peer, lambda: bool(re.search(pattern, space.run(nft, "list", "ruleset"))) is not gone, f"the rules {pattern}")

    def said(self, peer: str) -> int:
        """How much a peer's agent has said so far."""
        return len(self._agents[peer].text())

    def hears(self, peer: str, text: str, since: int) -> None:
        """Wait until a peer's agent says this."""
        self._wait(peer, lambda: text in self._agents[peer].text()[since:], text)

    def _wait(self, peer: str, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + ENFORCED_S_MAX
        pause = threading.Event()
        while not condition():
            if time.monotonic() > deadline:
                said = self._agents[peer].text()[-SAID_CHARACTERS_MAX:]
                raise LabError(f"{peer} does not come to {what} within {ENFORCED_S_MAX} s:\n{said}")
            pause.wait(POLL_S)

    def sign_in_link(self) -> str:
        """A link that signs a browser in, once."""
        control = Control(self.folder / "server" / CONTROL_FILE)
        control.open()
        try:
            return f"{self.api.url}/sign-in/{control.sessions.add_link(system(control.first_organisation()[0]))}"
        finally:
            control.close()

    def stop_captures(self) -> dict[str, list[Connection]]:
        """End the captures; the connections that each node's link saw, by name."""
        captures, self._captures = self._captures, []
        for capture in captures:
            capture.ask_to_end()
        return {capture.node.name: capture.stop() for capture in captures}

    def stop(self) -> None:
        """Stop all and remove all. May be called at any stage."""
        if self._expirer is not None:
            self._expirer.stop()
            self._expirer = None
        self.stop_captures()
        stop_all([*self._agents.values()])
        stop_all(self._servers)
        if self._network is not None:
            self._network.close()
            self._network = None
            shutil.rmtree(self.folder, ignore_errors=True)
        self._claim.release()
