"""Stores with many rows for benchmarks: made for one run, or kept in the folder that `MESHTRAIL_BENCH_STORE` names, so that 50,000,000
rows are written once."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench import data
from bench.line import apart
from meshtrail.common.clock import wall_clock
from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS
from meshtrail.control.service import Control, Scope
from meshtrail.server import CONTROL_FILE, STORE_FOLDER
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.hours import Hours

STORE_NAME = "MESHTRAIL_BENCH_STORE"
ROWS_NAME = "MESHTRAIL_BENCH_ROWS"
ROWS = 10_000_000
FACTS_FILE = "bench.json"


class Facts(msgspec.Struct):
    """What a kept store holds."""

    rows: int
    org_id: str
    newest: int
    """Start of its newest rows at the latest, microseconds."""
    rolled_ms: float
    """What it took to count its hours beforehand."""
    rolled_bytes: float
    """What these take on disk."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A server's data folder with rows of an organisation, and a token that reads them."""

    base: Path
    facts: Facts
    token: str

    @property
    def events(self) -> Path:
        """The event store."""
        return self.base / STORE_FOLDER


def rows_wanted() -> int:
    """Rows of this run, whole millions."""
    return max(1, int(os.environ.get(ROWS_NAME, ROWS)) // 1_000_000) * 1_000_000


@contextmanager
def filled() -> Iterator[Filled]:
    """The kept store, filled when it is new, or one that ends with the run."""
    kept = os.environ.get(STORE_NAME)
    if kept:
        yield _opened(Path(kept))
        return
    with tempfile.TemporaryDirectory(prefix="meshtrail-bench-") as folder:
        yield _opened(Path(folder))


def _opened(base: Path) -> Filled:
    base.mkdir(parents=True, exist_ok=True)
    control = Control(base / CONTROL_FILE)
    control.open()
    org_id, _ = control.first_organisation()
    _, token = control.tokens.create(system(org_id), ALL_PERMISSIONS, f"bench {wall_clock()}", {Scope.read})
    control.close()
    path, rows = base / FACTS_FILE, rows_wanted()
    if not path.exists():
        newest = wall_clock() - data.HOUR_US
        apart(data.fill, base / STORE_FOLDER, rows, org_id)
        path.write_bytes(msgspec.json.encode(Facts(rows, org_id, newest, *apart(_rolled, base / STORE_FOLDER))))
    facts = msgspec.json.decode(path.read_bytes(), type=Facts)
    if (facts.rows, facts.org_id) != (rows, org_id):
        raise RuntimeError(f"{base} holds {facts.rows} rows: say --rows {facts.rows}, or name another folder in {STORE_NAME}")
    return Filled(base, facts, token)


def _rolled(folder: Path) -> tuple[float, float]:
    """Milliseconds and bytes of counting all hours that are over."""
    engine = EmbeddedEngine(folder)
    engine.open()
    hours = Hours(engine, wall_clock)
    hours.open()
    begun = time.perf_counter()
    while hours.roll():
        pass
    took = (time.perf_counter() - begun) * 1_000
    size = engine.read("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table LIKE 'traffic_hours_%'", None, "TSV")
    engine.close()
    return took, float(size)


@contextmanager
def linked(store: Filled) -> Iterator[Filled]:
    """A copy that may be written to: parts of the engine's tables never change, so the copy shares their files."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=store.base.parent) as folder:
        base = Path(folder)
        for path in store.base.iterdir():
            if path.name == STORE_FOLDER:
                shutil.copytree(path, base / path.name, symlinks=True, copy_function=_link)
            elif path.is_file():
                shutil.copy2(path, base / path.name)
        yield Filled(base, store.facts, store.token)


def _link(source: str, target: str) -> None:
    """Only files of parts, below the folder of a table; what the engine writes anew is copied."""
    if Path(source).suffix in {".bin", ".cmrk2", ".mrk2", ".cmrk3", ".cmrk4", ".cidx", ".idx"}:
        os.link(source, target)
    else:
        shutil.copy2(source, target)
