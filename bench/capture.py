"""`capture`: the agent at rising connection rates until the first counted loss."""

import json
import subprocess
import sys
import time

from bench.line import Figure
from bench.namespace import up
from tests.servers import ServerProcess

RATES = (1_000, 2_500, 5_000, 10_000, 20_000, 40_000)
STEP_S = 5

LOAD = """
import json, socket, sys, time
rate, seconds, base = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); sink.bind(("127.0.0.1", base))
begun = time.perf_counter(); made = 0; total = int(rate * seconds); pause = 0.005
target = ("127.0.0.1", base)
while made < total and time.perf_counter() - begun < seconds * 2:
    due = min(total, int((time.perf_counter() - begun) * rate) + 1)
    while made < due:
        each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        each.bind((f"127.{1 + made // 50_000 % 200}.{base % 250}.{1 + made // 25_000 % 2}", 10_000 + made % 25_000))
        each.sendto(b"x", target); each.close(); made += 1
    time.sleep(pause)
print(json.dumps({"made": made, "seconds": time.perf_counter() - begun}))
"""


def run() -> list[Figure]:
    """New connections (UDP, one packet each) for some seconds a step; every one is to be in the store or in a gap."""
    figures = []
    clean = 0.0
    with up() as (server, name):
        time.sleep(1)
        for step, rate in enumerate(RATES):
            port = 20_001 + step
            done = subprocess.run(
                ["ip", "netns", "exec", name, sys.executable, "-c", LOAD, str(rate), str(STEP_S), str(port)],
                check=True, capture_output=True, text=True, timeout=120,
            )  # fmt: skip
            made = json.loads(done.stdout)
            reached = made["made"] / made["seconds"]
            found, lost = settled(server, name, port, made["made"])
            if found < made["made"]:
                figures.append(Figure(f"capture: at {reached:,.0f}/s missing, counted in gaps", made["made"] - found, "connections"))
                figures.append(Figure("capture: gaps say", lost, "connections"))
                break
            clean = reached
            if reached < rate * 0.8:
                break
    return [Figure("capture: highest rate without loss", clean, "connections/s"), *figures]


def settled(server: ServerProcess, name: str, port: int, wanted: int) -> tuple[int, int]:
    """Connections in the store once their number stands still, and what gaps say is missing."""
    before, still = -1, 0
    for _ in range(60):
        found = total(server, name, f"destination_port={port}")
        if found >= wanted:
            break
        still = still + 1 if found == before else 0
        if still > 4:
            break
        before = found
        time.sleep(1)
    rows = get(server, name, "/api/v1/traffic?state=gap&limit=1000")["data"]
    return found, sum(row["gap_lost"] or 0 for row in rows)


def total(server: ServerProcess, name: str, query: str) -> int:
    """Connections in the store."""
    bars = get(server, name, f"/api/v1/traffic/histogram?{query}")["data"]
    return sum(bar["allowed"] + bar["denied"] + bar["unknown"] for bar in bars)


def get(server: ServerProcess, name: str, path: str) -> dict[str, list[dict[str, int]]]:
    """The server's answer, asked from inside the namespace."""
    program = (
        "import sys, urllib.request; r = urllib.request.Request(sys.argv[1], headers={'Authorization': 'Token ' + sys.argv[2]});"
        "print(urllib.request.urlopen(r, timeout=60).read().decode())"
    )
    command = ["ip", "netns", "exec", name, sys.executable, "-c", program, server.url + path, server.token]
    answer: dict[str, list[dict[str, int]]] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer
