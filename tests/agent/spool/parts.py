"""Small parts of a spool for its unit tests."""

import random
from collections.abc import Iterable
from pathlib import Path

import zstandard

from meshtrail.agent.spool.bounds import Bounds, Counters
from meshtrail.agent.spool.files import ActiveSegment, Folder, Segment
from meshtrail.agent.spool.losses import Losses
from meshtrail.agent.spool.memory import Chunk
from meshtrail.agent.spool.state import Place, State
from meshtrail.agent.spool.store import Store

AGE_S_MAX = 7 * 86_400.0


def chunk(*numbers: int, at_us: int = 1_000, padding: int = 0) -> Chunk:
    """A line a number; padding does not compress, is the same for the same numbers, and makes the lines longer."""
    tail = random.Random(repr(numbers)).randbytes(padding // 2).hex()
    text = b"\n".join(b'{"n":%d,"x":"%s"}' % (number, tail.encode()) for number in numbers)
    return Chunk(zstandard.ZstdCompressor(1).compress(text), len(numbers), len(text), at_us)


def found(texts: Iterable[bytes]) -> list[int]:
    """The numbers of lines, gaps as -1 times the lost."""
    lines = b"\n".join(texts).split(b"\n")
    return [int(line.split(b":")[1].split(b",")[0].rstrip(b"}")) for line in lines if line]


def write(folder: Path, number: int, chunks: Iterable[Chunk], *, seal: bool = True) -> Segment:
    """A segment's file."""
    active = ActiveSegment(folder, number, 500)
    for each in chunks:
        active.append(each.payload, each.rows, each.raw, each.at_us)
    if seal:
        active.seal()
    active.close()
    return active.segment


class Stores:
    """Opens the disk's side of a spool again and again, as a process that is killed and started would."""

    def __init__(self, path: Path, bytes_max: int = 10**9, age_s_max: float = AGE_S_MAX) -> None:
        self._path, self._bounds = path, Bounds(bytes_max, age_s_max)
        self.losses = Losses()
        self.counters = Counters()
        self.store: Store

    def open(self, now_us: int = 1_000, now_s: float = 0.0) -> Store:
        """Open it."""
        folder = Folder(self._path)
        self.store = Store(folder, self._bounds, self.losses, self.counters, now_us, now_s)
        return self.store

    def save(self) -> None:
        """Write the state."""
        store = self.store
        store.folder.state.save(State(store.place, store.written, 1, self.losses.gaps, store.dropped))

    def kill(self) -> None:
        """Leave it as `kill -9` does; what the process knew is forgotten."""
        self.losses, self.counters = Losses(), Counters()
        if self.store.active is not None:
            self.store.active.close()
        self.store.folder.close()

    def restart(self, now_us: int = 1_000, now_s: float = 0.0) -> Store:
        """Save, kill, open."""
        self.save()
        self.kill()
        return self.open(now_us, now_s)

    def read(self) -> tuple[Segment, Place]:
        """What is to be read next."""
        following = self.store.next_unread()
        assert following is not None, "there is something to read"
        return following
