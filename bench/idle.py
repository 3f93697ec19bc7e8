"""`idle` and `agent-idle`: memory and processor of server and agent when nothing happens."""

import time

import psutil

from bench.line import Figure, at_most
from bench.namespace import up

SETTLE_S = 10
MEASURE_S = 30


def run() -> list[Figure]:
    """Resident memory and share of a core over half a minute."""
    with up() as (server, _):
        assert server.process is not None
        processes = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
        agent = next(each for each in processes if "meshtrail.agent" in each.cmdline())
        main = next(each for each in processes if "meshtrail" in each.cmdline() and each != agent)
        time.sleep(SETTLE_S)
        before = {each.pid: sum(each.cpu_times()[:2]) for each in (main, agent)}
        time.sleep(MEASURE_S)
        shares = {each.pid: (sum(each.cpu_times()[:2]) - before[each.pid]) / MEASURE_S * 100 for each in (main, agent)}
        return [
            at_most("idle: server memory", main.memory_info().rss / 1e6, "MB", 450),
            Figure("idle: server processor", shares[main.pid], "% of a core"),
            at_most("agent-idle: memory", agent.memory_info().rss / 1e6, "MB", 60),
            at_most("agent-idle: processor", shares[agent.pid], "% of a core", 1.0),
        ]
