"""The lab put together: network, server, agents, captures; stopped in the opposite order."""

import os
import re
import shutil
import sys
from typing import Self

from lab.capture import Capture
from lab.check import Checker
from lab.children import Child, stop_all
from lab.claims import Claim, clean, data_folder
from lab.client import Api
from lab.expire import Expirer
from lab.namespace import LabError
from lab.pcap import Connection
from lab.topology import Network, Node
from meshtrail.cli.local import LOCAL_TOKEN_FILE
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
        self._agents: list[Child] = []
        self._captures: list[Capture] = []
        self._expirer: Expirer | None = None
        self._network: Network | None = None
        self._api: Api | None = None

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
        self._agents = [self._start_agent(node) for node in self._network.peers()]
        for agent in self._agents:
            agent.ready("capturing:")
        self._expirer = Expirer(self._network.peers())
        self._expirer.start()

    def _start_server(self) -> Api:
        data = self.folder / "server"
        where = ["--data", str(data), "--host", self.network.server_address, "--port", str(self._port)]
        command = [sys.executable, "-m", "meshtrail", "serve", *where]
        server = Child("server", command, self.folder / "server.log")
        self._servers.append(server)
        url = re.findall(r"answers at (http://\S+)", server.ready("answers at "))[0]
        return Api(url, (data / LOCAL_TOKEN_FILE).read_text(encoding="ascii").strip())

    def _start_agent(self, node: Node) -> Child:
        folder = self.folder / node.name
        folder.mkdir()
        token = folder / "token"
        token.write_text((self.folder / "server" / LOCAL_TOKEN_FILE).read_text(encoding="ascii"), encoding="ascii")
        command = [
            sys.executable, "-m", "meshtrail.agent", "--server", self.api.url, "--name", node.name, "--run-dir", str(folder / "run"),
            "--ignore", str(self.network.management), "--token-file", str(token), "--reporter-id", node.name,
        ]  # fmt: skip
        return Child(f"agent of {node.name}", node.space.command(*command), self.folder / f"agent-{node.name}.log")

    def sign_in_link(self) -> str:
        """A link that signs a browser in, once."""
        control = Control(self.folder / "server" / CONTROL_FILE)
        control.open()
        try:
            return f"{self.api.url}/sign-in/{control.add_sign_in_link(control.first_organisation()[0])}"
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
        stop_all(self._agents)
        stop_all(self._servers)
        if self._network is not None:
            self._network.close()
            self._network = None
            shutil.rmtree(self.folder, ignore_errors=True)
        self._claim.release()
