"""A spool that is used, killed and damaged, and a server that remembers what it was sent: what the properties are checked on."""

import itertools
import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import msgspec

from meshtrail.agent.spool import Batch, Gap, Spool
from meshtrail.agent.spool.reader import Reader
from meshtrail.agent.spool.state import SLOT_BYTES

Damage = Callable[[Path], None]


def gap_line(gap: Gap) -> bytes:
    """A gap as a line that tells everything."""
    return msgspec.json.encode({"gap": gap})


def numbers(batch: Batch) -> list[int]:
    """The numbers of a batch's lines, without its gaps."""
    rows = [json.loads(line) for line in batch.lines()]
    return [row["n"] for row in rows if "n" in row]


def line(number: int, padding: int = 0) -> bytes:
    """A line with a number."""
    return b'{"n":%d,"x":"%s"}' % (number, b"%x" % (number * 0x9E3779B97F4A7C15) * (padding // 10))


def _lose(path: Path, synced: int, end: int, chance: random.Random) -> None:
    """A file as a power cut may leave it."""
    kept = chance.randint(min(synced, end), end)  # what was torn has been cut off since
    content = path.read_bytes()
    match chance.choice(["whole", "cut", "zeros", "gone"]):
        case "cut":
            path.write_bytes(content[:kept])
        case "zeros":
            path.write_bytes(content[:kept] + bytes(end - kept))
        case "gone" if not synced:
            path.unlink()
        case _:
            pass


class Life:
    """The lives of one agent's spool."""

    def __init__(self, base: Path, bytes_max: int) -> None:
        self.folder, self._bytes_max = base / "spool", bytes_max
        self._next = itertools.count()
        self.now_us = 1_000_000
        self.put_at: dict[int, int] = {}
        self.sent: set[int] = set()
        self.acknowledged: set[int] = set()
        self.again: set[int] = set()
        """Numbers that were sent again after they had been acknowledged."""
        self.out_of_order = False
        self._durable: dict[int, int] = {}
        """Bytes of segments that outlived a power cut."""
        self.gaps: dict[str, Gap] = {}
        self.unseen: list[tuple[int, int]] = []
        """What the restart gaps cover."""
        self.spool = self._start()

    def _start(self) -> Spool:
        spool = Spool(self.folder, gap_line, bytes_max=self._bytes_max)
        spool.open(self.now_us)
        self._last_sent = -1
        if spool.last_alive_us is not None:
            self.unseen.append((spool.last_alive_us, self.now_us))
        return spool

    def tick(self) -> None:
        """Time goes by."""
        self.now_us += 1_000

    def put(self, rows: int, padding: int) -> None:
        """Put some lines."""
        new = [next(self._next) for _ in range(rows)]
        self.put_at |= dict.fromkeys(new, self.now_us)
        self.spool.put([line(number, padding) for number in new], self.now_us)

    def send(self, *, answered: bool) -> bool:
        """Send a batch; the answer may get lost."""
        batch = self.spool.take()
        if batch is None:
            return False
        found = numbers(batch)
        self.out_of_order |= found != sorted(found) or bool(found and found[0] < self._last_sent and answered)
        self.again |= self.acknowledged & set(found)
        self.sent |= set(found)
        for told in map(json.loads, batch.lines()):
            if "gap" in told:
                gap = msgspec.convert(told["gap"], Gap)
                self.gaps[gap.id] = gap
        if answered:
            self._last_sent = max([self._last_sent, *found])
            self.acknowledged |= set(found)
            self.spool.ack(batch)
        return True

    def crash(self, damage: Damage | None = None) -> None:
        """`kill -9`: what had been written to files is there, and then it may be damaged."""
        self.abandon()
        if damage is not None:
            damage(self.folder)
        self.tick()
        self.spool = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()

    def power_cut(self, chance: random.Random) -> None:
        """The machine ends: of what was not synced, files keep a part, or zeros, or are not there at all."""
        store = self.spool._intake.store
        assert store is not None, "the disk is in order"
        segments = [(segment.path, max(segment.synced, self._durable.get(segment.number, 0)), segment.end) for segment in store.segments]
        slot = 1 - store.folder.state._synced_slot
        self.abandon()
        for path, synced, end in segments:
            _lose(path, synced, end, chance)
            if path.exists():
                at_us = chance.randint(self.now_us - 50, self.now_us)
                os.utime(path, ns=(at_us * 1_000, at_us * 1_000))
        self._durable = {segment.number: segment.path.stat().st_size for segment in store.segments if segment.path.exists()}
        if chance.random() < 0.5:
            state = bytearray((self.folder / "state").read_bytes())
            state[slot * SLOT_BYTES : (slot + 1) * SLOT_BYTES] = bytes(SLOT_BYTES)
            (self.folder / "state").write_bytes(state)
        self.tick()
        self.spool = self._start()

    def abandon(self) -> None:
        """Close the files without a word, as the kernel does for a process that is killed."""
        self.spool._keeper.stop()
        store = self.spool._intake.store
        if store is not None:
            if store.active is not None:
                store.active.close()
            store.folder.close()

    def stop(self) -> None:
        """End in order, and begin again."""
        self.spool.close(self.now_us)
        self.tick()
        self.spool = self._start()

    def drain(self) -> None:
        """Send everything."""
        while self.send(answered=True):
            self.tick()

    @property
    def safe(self) -> set[int]:
        """Numbers of a synced record."""
        store = self.spool._intake.store
        assert store is not None, "the disk is in order"
        found: set[int] = set()
        for segment in store.segments:
            whole = replace(segment, end=segment.synced, torn=False)
            place = segment.start
            if segment.synced:
                piece = Reader(gap_line).read(whole, place, 10**6)
                rows = [json.loads(line) for text in piece.texts for line in text.split(b"\n")]
                found |= {row["n"] for row in rows if "n" in row}
        return found

    @property
    def missing(self) -> set[int]:
        """Numbers that never reached the server."""
        return set(self.put_at) - self.sent

    @property
    def told(self) -> int:
        """How many lines the gaps say are lost, where they know."""
        return sum(gap.lost or 0 for gap in self.gaps.values())

    @property
    def uncertain(self) -> bool:
        """Whether a gap does not know how many."""
        return any(gap.lost is None for gap in self.gaps.values())

    def is_told(self, number: int) -> bool:
        """Whether a gap, or the gap of a restart, covers the time of a line."""
        at = self.put_at[number]
        spans = [(gap.since_us, gap.until_us) for gap in self.gaps.values()]
        return any(since <= at <= until for since, until in [*spans, *self.unseen])
