"""What tcpdump sees on a node's link while the lab runs."""

import re
import signal
from pathlib import Path

from lab.children import Child
from lab.limits import CAPTURE_BUFFER_KIB, CAPTURE_SNAP_BYTES
from lab.namespace import LabError, program
from lab.pcap import Connection, connections
from lab.topology import OVERLAY, Node


class Capture:
    """A running tcpdump on a node's overlay link."""

    def __init__(self, node: Node, folder: Path) -> None:
        self.node = node
        self._file = folder / f"{node.name}.pcap"
        command = [
            program("tcpdump", "tcpdump"), "-i", OVERLAY, "-w", str(self._file), "-s", str(CAPTURE_SNAP_BYTES),
            "-B", str(CAPTURE_BUFFER_KIB), "-Z", "root", "--immediate-mode", "-U", "ip or ip6",
        ]  # fmt: skip
        self._child = Child(f"tcpdump at {node.name}", node.space.command(*command), folder / f"tcpdump-{node.name}.log")

    def ready(self) -> None:
        """Wait until it captures."""
        self._child.ready("listening on")

    def ask_to_end(self) -> None:
        """Let it write what it has."""
        self._child.ask_to_end(signal.SIGINT)

    def stop(self) -> list[Connection]:
        """End it; the connections that it saw. `LabError` when it lost packets, because then it proves nothing."""
        self.ask_to_end()
        self._child.stop()
        said = self._child.text()
        dropped = re.search(r"(\d+) packets? dropped by kernel", said)
        if dropped is None or int(dropped[1]):
            raise LabError(f"{self._child.name} does not know all packets: {said[-300:]}")
        return connections(self._file.read_bytes())
