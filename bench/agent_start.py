"""`agent-start`: how long an agent takes to pick up 60,000 connections that exist already; beside it `conntrack -L`."""

import re
import sys
import tempfile
import time
from pathlib import Path

from bench.agents import agent
from bench.capture import total
from bench.line import Figure, at_most
from bench.namespace import TRACK, inside, up

FLOWS = 60_000
AIM_S = 2.0

MAKE = """
import socket, sys
made = 0
for block in range(3):
    for port in range(10_000, 30_000):
        each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        each.bind((f"127.0.1.{1 + block}", port)); each.sendto(b"x", ("127.0.0.1", 9)); each.close(); made += 1
print(made)
"""


def run() -> list[Figure]:
    """Connections are made while nobody listens, then the agent starts."""
    with up(("serve",)) as (server, name), tempfile.TemporaryDirectory(prefix="meshtrail-bench-") as folder:
        inside(name, "nft", TRACK)
        for setting, value in (("udp_timeout", 600), ("acct", 1), ("timestamp", 1)):
            inside(name, "sh", "-c", f"echo {value} > /proc/sys/net/netfilter/nf_conntrack_{setting}")
        inside(name, sys.executable, "-c", MAKE)
        begun = time.monotonic()
        listed = inside(name, "conntrack", "-L")
        peer_s = time.monotonic() - begun
        with agent(server, name, Path(folder)) as running:
            found = running.wait_for(r"capturing: (\d+) connections are open")
            ready_s = time.monotonic() - running.begun_s
            running.wait_for(r"the server answers")
            while total(server, name, "destination_port=9") < FLOWS and time.monotonic() < running.begun_s + 60:
                time.sleep(0.1)
            stored_s = time.monotonic() - running.begun_s
            memory = running.process.memory_info().rss / 1e6
    return [
        at_most("agent-start: 60,000 connections known", ready_s, "s", AIM_S),
        Figure("agent-start: found", int(found[1]), "connections"),
        Figure("agent-start: all of them in the store", stored_s, "s"),
        Figure("agent-start: memory", memory, "MB"),
        Figure("agent-start: conntrack -L", peer_s, "s"),
        Figure("agent-start: conntrack -L found", len(re.findall("^udp", listed, re.MULTILINE)), "connections"),
    ]
