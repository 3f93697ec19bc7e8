"""The benchmark's events in the forms of the wire and of the store."""

import time
import uuid
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from bench.events import make
from meshtrail.common.clock import wall_clock
from meshtrail.enrich.directory import Directory, Peer
from meshtrail.enrich.geo import NullAtlas
from meshtrail.enrich.service import Enricher
from meshtrail.ingest import arrow_ipc
from meshtrail.ingest.validate import validate
from meshtrail.model.columns import TRAFFIC
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.migrations import migrate
from meshtrail.store.positions import Positions
from meshtrail.store.writer import Writer

BATCH_ROWS = 50_000
"""Rows of a request: what a busy agent sends in some seconds."""

HOUR_US = 3_600_000_000
PEERS = [
    Peer(f"peer{n:04d}", f"laptop-{n:04d}", "Debian GNU/Linux 12", f"laptop-{n:04d}.mesh", (f"100.64.{(n + 1) >> 8}.{(n + 1) & 255}",))
    for n in range(400)
] + [Peer(f"server{n:02d}", f"server-{n:02d}", "Ubuntu 24.04", f"server-{n:02d}.mesh", (f"100.64.128.{n + 1}",)) for n in range(40)]


def tables(rows: int, seed: int = 1, start_us: int | None = None, span_us: int = HOUR_US) -> list[pa.Table]:
    """Wire columns in batches, in time order, ending now unless a start is given."""
    whole = make(rows, seed, wall_clock() - 2 * HOUR_US if start_us is None else start_us, span_us).table
    return [whole.slice(at, BATCH_ROWS).combine_chunks() for at in range(0, rows, BATCH_ROWS)]


def arrow_bodies(batches: list[pa.Table]) -> list[bytes]:
    """Arrow IPC streams."""
    bodies = []
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_table(batch.unify_dictionaries())
        bodies.append(sink.getvalue().to_pybytes())
    return bodies


def ndjson_bodies(batches: list[pa.Table]) -> list[bytes]:
    """NDJSON, as an agent writes it: unknown values left out."""
    encode = msgspec.json.Encoder().encode
    bodies = []
    for batch in batches:
        rows = batch.to_pylist()
        for row in rows:
            row["flow_id"] = str(uuid.UUID(bytes=row["flow_id"]))
            for name in ("occurred_at", "started_at", "ended_at"):
                row[name] = row[name].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        bodies.append(b"\n".join(encode({name: value for name, value in row.items() if value is not None}) for row in rows))
    return bodies


def stored(batch: pa.Table, org_id: str) -> pa.Table:
    """A batch as the pipe hands it to the writer."""
    decoded = arrow_ipc.decode(arrow_bodies([batch])[0], TRAFFIC)
    now = wall_clock()
    validate(decoded, TRAFFIC, now)
    table = Enricher(NullAtlas()).enrich(decoded.table, Directory.of(PEERS))
    rows = table.num_rows
    for name, value in (("org_id", org_id), ("source", "arrow")):
        column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), pa.array([value]))
        table = table.append_column(name, column)
    return table.append_column("received_at", pa.array(np.full(rows, now), pa.timestamp("us", "UTC")))


def bare_insert(folder: Path, rows: int) -> float:
    """Rows a second of the engine alone: the same stored rows, the same batches, durable."""
    engine = EmbeddedEngine(folder)
    engine.open()
    migrate(engine)
    writer = Writer(engine, TRAFFIC, Positions(wall_clock))
    ready = [stored(batch, "bench") for batch in tables(rows)]
    begun = time.perf_counter()
    for batch in ready:
        writer.write(batch)
    rate = rows / (time.perf_counter() - begun)
    engine.close()
    return rate


def fill(folder: Path, rows: int, org_id: str) -> None:
    """Write rows that spread over a day and end now."""
    engine = EmbeddedEngine(folder)
    engine.open()
    migrate(engine)
    writer = Writer(engine, TRAFFIC, Positions(wall_clock))
    million = 1_000_000
    step = 24 * HOUR_US * million // rows
    start = wall_clock() - 25 * HOUR_US
    for part in range(rows // million):
        for batch in tables(million, part + 1, start + part * step, step):
            writer.write(stored(batch, org_id))
    engine.close()
