"""`agent-rate`: 20,000 new connections a second, the agent on one core and the load on the other, the server stopped
meanwhile. Everything is in the store afterwards, or in a gap. Beside it `conntrack -E` on the same load."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.agents import agent
from bench.capture import LOAD, settled
from bench.line import Figure, at_least, at_most
from bench.namespace import TRACK, inside, up

RATE = 20_000
STEP_S = 10
AGENT_CORE, LOAD_CORE = 0, 1
RECEIVE_BYTES = 32 * 1024**2
"""What the agent asks for, too."""


def run() -> list[Figure]:
    """Both, one after the other in one namespace."""
    with up(("serve",)) as (server, name), tempfile.TemporaryDirectory(prefix="meshtrail-bench-") as folder:
        assert server.process is not None
        with agent(server, name, Path(folder), core=AGENT_CORE) as running:
            running.wait_for("the server answers")
            server.process.send_signal(signal.SIGSTOP)
            before_s, begun = running.cpu_s(), time.monotonic()
            made = _load(name, 21_001)
            busy = (running.cpu_s() - before_s) / (time.monotonic() - begun)
            time.sleep(2)
            memory = running.process.memory_info().rss / 1e6
            server.process.send_signal(signal.SIGCONT)
            found, lost = settled(server, name, 21_001, int(made["made"]))
        heard, peer_busy = _peer(name)
    rate = made["made"] / made["seconds"]
    return [
        at_least("agent-rate: new connections", rate, "a second", RATE * 0.95),
        at_most("agent-rate: missing and not counted in a gap", max(0, made["made"] - found - lost), "connections", 0),
        Figure("agent-rate: counted in gaps", lost, "connections"),
        Figure("agent-rate: agent's processor", busy * 100, "% of a core"),
        Figure("agent-rate: agent's memory", memory, "MB"),
        Figure("agent-rate: conntrack -E missed", heard["made"] - heard["heard"], "connections"),
        Figure("agent-rate: conntrack -E, processor", peer_busy * 100, "% of a core"),
    ]


def _load(name: str, port: int) -> dict[str, float]:
    done = inside(name, "taskset", "-c", str(LOAD_CORE), sys.executable, "-c", LOAD, str(RATE), str(STEP_S), str(port))
    made: dict[str, float] = json.loads(done)
    return made


def _peer(name: str) -> tuple[dict[str, float], float]:
    """The same load while conntrack-tools writes new connections and ends to a file."""
    inside(name, "nft", TRACK)
    with tempfile.NamedTemporaryFile() as written, tempfile.TemporaryFile() as errors:
        peer = subprocess.Popen(
            ["ip", "netns", "exec", name, "taskset", "-c", str(AGENT_CORE), "conntrack", "-E", "-e", "NEW,DESTROY", "-o", "id,timestamp",
             "-b", str(RECEIVE_BYTES)], stdout=written, stderr=errors,
        )  # fmt: skip
        try:
            time.sleep(1)
            begun = time.monotonic()
            made = _load(name, 21_002)
            busy_s = sum(psutil.Process(peer.pid).cpu_times()[:2])
            wall_s = time.monotonic() - begun
            time.sleep(3)
        finally:
            peer.send_signal(signal.SIGINT)
            peer.wait(30)
        with Path(written.name).open("rb") as lines:
            made["heard"] = sum(b"[NEW]" in line and b"dport=21002" in line for line in lines)
    return made, busy_s / wall_s
