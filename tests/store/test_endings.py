"""Reads that are told to end: nobody gets another one's answer."""

import random
import threading
from collections import Counter

import msgspec
import pytest

from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.endings import Endings
from meshtrail.store.engine import ReadCancelledError, Share

READS = 200
"""Of each thread; without care for what a killed read returns, a tenth of them got another read's rows."""

THREADS = 4


def test_who_has_ended_is_not_killed() -> None:
    """Before and after its time a name means nothing."""
    endings, killed = Endings(), Counter[str]()
    endings.end("a", lambda: killed.update("a"))
    with endings.running("a") as running:
        assert not running.told_to_end
    endings.end("a", lambda: killed.update("a"))
    assert (killed, running.told_to_end) == (Counter(), False)


def test_the_end_waits_for_the_kill_that_is_on_its_way() -> None:
    """Its connection is nobody else's before."""
    endings, killing, killed = Endings(), threading.Event(), threading.Event()
    order = []

    def kill() -> None:
        killing.set()
        killed.wait(10)
        order.append("killed")

    with endings.running("a") as running:
        killer = threading.Thread(target=endings.end, args=("a", kill))
        killer.start()
        assert killing.wait(10)
        threading.Timer(0.05, killed.set).start()
    order.append("over")
    killer.join(10)
    assert (order, running.told_to_end) == (["killed", "over"], True)


def test_every_answer_is_of_its_own_question(engine: EmbeddedEngine) -> None:
    """Reads that are told to end at any moment give no answer; the others give theirs, whole."""
    engine.execute("CREATE TABLE words (n UInt64, word String) ENGINE = MergeTree ORDER BY n")
    engine.execute("INSERT INTO words SELECT number, toString(number) FROM numbers(300000)")
    seen: Counter[str] = Counter()
    threads = [threading.Thread(target=_read_and_end, args=(engine, random.Random(number), seen)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.execute("DROP TABLE words")
    assert set(seen) == {"own", "ended"}
    assert sum(seen.values()) == READS * THREADS


def _read_and_end(engine: EmbeddedEngine, chance: random.Random, seen: Counter[str]) -> None:
    sql = "SELECT {mine:UInt64} AS mine, word, sum(cityHash64(n)) AS s FROM words WHERE n < {n:UInt64} GROUP BY word ORDER BY s LIMIT 50"
    for _ in range(READS):
        name, mine = f"{chance.getrandbits(64):x}", chance.randrange(10**9)
        end = threading.Timer(chance.random() * 0.02, engine.cancel, (name,))
        end.start()
        try:
            share = Share(name, 20, 2**30, 1_000_000)
            answer = engine.read(sql, {"mine": mine, "n": chance.choice([1_000, 30_000, 300_000])}, share=share)
            rows = [msgspec.json.decode(line) for line in answer.splitlines()]
            seen["own" if [row["mine"] for row in rows] == [mine] * 50 else "of another"] += 1
        except ReadCancelledError:
            seen["ended"] += 1
        end.join()


def test_the_engine_goes_on(engine: EmbeddedEngine) -> None:
    """After a read that was told to end the store answers as before."""
    name = "abc"
    end = threading.Timer(0.05, engine.cancel, (name,))
    end.start()
    with pytest.raises(ReadCancelledError):
        engine.read("SELECT sum(cityHash64(number)) FROM numbers(100000000000)", share=Share(name, 20, 2**30, 1_000))
    end.join()
    assert engine.read("SELECT 1 AS one") == b'{"one":1}\n'
