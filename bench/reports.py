"""Reports as a busy agent writes them, turn by turn, made from a seed.

A machine that opens connections to a few dozen servers of its private network and to a long tail of public addresses; ports,
sizes and durations with heavy tails. Each connection is reported twice, when it begins and when it ends, by the agent's own
writer, so that the lines are as long and as alike as real ones.
"""

import heapq
import random
from collections.abc import Iterator

from meshtrail.agent.flow import Flow
from meshtrail.agent.flowid import Maker, tuple_bits
from meshtrail.agent.netlink.decode import Record
from meshtrail.agent.processes import Owner
from meshtrail.agent.report import Reporter

OWN = bytes([100, 64, 0, 7])
SERVERS, PUBLIC = 40, 20_000
PORTS, PORT_WEIGHTS = [443, 80, 22, 5432, 8080, 6443, 9092, 445], [46, 8, 5, 16, 11, 6, 4, 4]
OWNERS = [Owner(1000 + n % 3, f"user{n % 3}", 2_000 + n, name) for n, name in enumerate(["chrome", "curl", "python3", "psql"])]
TURN_US = 5_500
"""A busy agent comes round this often: it rests for five milliseconds after each turn."""

_BLANK = Record(
    "new", 1, 6, OWN, OWN, 0, 0, OWN, OWN, 0, 0,
    None, None, None, 0x188, 1, 120, None, None, None, None, None, None, None, None, None,
)  # fmt: skip
Turn = tuple[int, list[bytes]]


def turns(connections: int, rate: int, start_us: int, seed: int = 1) -> Iterator[Turn]:
    """The time and the lines of each put, for so many connections at so many a second, and then for what is still open."""
    chance = random.Random(seed)
    reporter = Reporter("bench", "bench", frozenset({OWN}))
    maker = Maker(b"bench.")
    ending: list[tuple[int, int, Flow]] = []
    made, now_us = 0, start_us
    while made < connections or ending:
        now_us += TURN_US
        lines = []
        for number in range(made, min(connections, (now_us - start_us) * rate // 1_000_000)):
            flow = _opened(maker, chance, number, start_us + number * 1_000_000 // rate)
            lines.append(reporter.line(flow))
            heapq.heappush(ending, (flow.started_us + _duration_us(chance), number, flow))
            made += 1
        while ending and (ending[0][0] <= now_us or made == connections):
            ended_us, _, flow = heapq.heappop(ending)
            lines.append(_closed(reporter, chance, flow, ended_us))
            if made == connections and len(lines) >= rate * TURN_US // 500_000:
                break
        if lines:
            yield now_us, lines


def _duration_us(chance: random.Random) -> int:
    return min(int(chance.lognormvariate(13.0, 2.0)), 60_000_000)


def _opened(maker: Maker, chance: random.Random, number: int, started_us: int) -> Flow:
    if chance.random() < 0.35:
        place = min(int(chance.paretovariate(0.9) * 50), PUBLIC)
        destination = (0x5D000001 + 2711 * place).to_bytes(4, "big")
    else:
        destination = bytes([100, 64, 128, 1 + min(int(chance.paretovariate(1.0) * 4), SERVERS)])
    source_port, port = chance.randrange(32_768, 61_000), chance.choices(PORTS, PORT_WEIGHTS)[0]
    record = _BLANK._replace(
        destination=destination, source_port=source_port, destination_port=port,
        reply_source=destination, reply_source_port=port, reply_destination_port=source_port,
    )  # fmt: skip
    kernel_id = chance.getrandbits(32)
    flow_id = maker.make(kernel_id, started_us, tuple_bits(OWN + destination, source_port << 16 | port))
    flow = Flow(kernel_id, flow_id, started_us, started_us, record)
    flow.owner = OWNERS[chance.randrange(len(OWNERS))] if number % 4 else None
    return flow


def _closed(reporter: Reporter, chance: random.Random, flow: Flow, ended_us: int) -> bytes:
    sent, received = int(chance.lognormvariate(7.5, 1.6)), int(chance.lognormvariate(8.5, 2.0))
    flow.ended_us, flow.state, flow.close_reason, flow.verdict = ended_us, "closed", "fin", "allowed"
    flow.counted = (sent // 700 + 4, sent, received // 900 + 3, received)
    return reporter.line(flow)
