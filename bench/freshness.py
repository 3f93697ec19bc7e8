"""`freshness`: from a TCP connect to its row in the API, as a person with curl would see it."""

import json
import statistics
import subprocess
import sys

from bench.line import Figure, at_most
from bench.namespace import up

CONNECTIONS = 100

PROBE = """
import http.client, json, socket, sys, time
host, port, token, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
api = http.client.HTTPConnection(host, port)
def rows(path):
    api.request("GET", path, headers={"Authorization": "Token " + token})
    return json.loads(api.getresponse().read())["data"]
deadline = time.time() + 30
while not rows(f"/api/v1/traffic?destination_port={port}&limit=1") and time.time() < deadline:
    time.sleep(0.05)
listener = socket.create_server(("127.0.0.1", 0)); target = listener.getsockname()
times = []
for number in range(count):
    client = socket.socket(); client.bind(("127.0.0.1", 0)); source = client.getsockname()[1]
    begun = time.perf_counter(); client.connect(target); server, _ = listener.accept()
    path = f"/api/v1/traffic?source_port={source}&destination_port={target[1]}&limit=1"
    while not rows(path):
        if time.perf_counter() - begun > 10: sys.exit("a connection did not arrive within 10 s")
        time.sleep(0.005)
    times.append(time.perf_counter() - begun)
    client.close(); server.close(); time.sleep(0.03)
print(json.dumps(times))
"""


def run() -> list[Figure]:
    """p50 and p99 over a hundred connections."""
    with up() as (server, name):
        command = ["ip", "netns", "exec", name, sys.executable, "-c", PROBE, server.host, str(server.port), server.token, str(CONNECTIONS)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=180)
    times = sorted(json.loads(done.stdout))
    return [
        Figure("freshness: connect to API, p50", statistics.median(times), "s"),
        at_most("freshness: connect to API, p99", times[int(len(times) * 0.99) - 1], "s", 1.0),
    ]
