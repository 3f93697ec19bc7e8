"""`page`, `bulk-page` and `bytes`: reading 10,000,000 rows, and what they take on disk."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet

from bench import data
from bench.line import Figure, apart, at_least, at_most
from meshtrail.api.netbird.network_traffic import COLUMNS
from meshtrail.control.actor import system
from meshtrail.control.permissions import ALL_PERMISSIONS
from meshtrail.control.service import Control, Scope
from meshtrail.server import CONTROL_FILE, STORE_FOLDER
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.reader import KEY, NATIVE_COLUMNS
from tests.servers import ServerProcess

ROWS = 10_000_000
REPEATS = 9
PAGE, BULK = 1_000, 50_000


def median_ms(work: Callable[[], object]) -> float:
    """Median of several runs after a warm one."""
    work()
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1_000)
    return statistics.median(times)


def run() -> list[Figure]:
    """All three lines over one store."""
    with tempfile.TemporaryDirectory(prefix="meshtrail-bench-") as folder:
        base = Path(folder)
        control = Control(base / CONTROL_FILE)
        control.open()
        org_id, _ = control.first_organisation()
        _, token = control.tokens.create(system(org_id), ALL_PERMISSIONS, "bench", {Scope.read})
        control.close()
        apart(data.fill, base / STORE_FOLDER, ROWS, org_id)
        bare = apart(bare_sql, base / STORE_FOLDER, org_id)
        served = _served(base, token)
        return [
            Figure("page: NetBird, 1,000 of 10 M rows, with total", served["page"], "ms"),
            Figure("page: the same as bare SQL, with count", bare["page"], "ms"),
            at_most("page: NetBird against bare SQL", served["page"] / bare["page"], "×", 1.5),
            Figure("page: first call, total not counted yet", served["first"], "ms"),
            Figure("page: native, latest 50", served["latest"], "ms"),
            Figure("page: native, one user's latest 50", served["user"], "ms"),
            Figure("bulk-page: native, 50,000 rows", BULK / served["bulk"] * 1_000, "rows/s"),
            Figure("bulk-page: the engine's own JSON", BULK / bare["bulk"] * 1_000, "rows/s"),
            at_least("bulk-page: against the engine", bare["bulk"] / served["bulk"], "×", 0.8),
            at_most("bytes: on disk, an event", bare["bytes"], "bytes", 45),
            Figure("bytes: Parquet with zstd, an event", bare["parquet"], "bytes"),
            Figure("bytes: against Parquet", bare["bytes"] / bare["parquet"], "×"),
        ]


def bare_sql(folder: Path, org_id: str) -> dict[str, float]:
    """The statements a person would write, straight to the engine: merged rows (FINAL) of the latest hours."""
    engine = EmbeddedEngine(folder)
    engine.open()
    here = {"org": org_id}
    where = "org_id = {org:String}"
    order = ", ".join(f"{name} DESC" for name in KEY.split(", "))
    top = int(engine.read(f"SELECT toUnixTimestamp64Micro(max(started_at)) FROM traffic WHERE {where}", here, "TSV"))

    def read(columns: str, rows: int, minutes: int) -> object:
        since = f"started_at >= fromUnixTimestamp64Micro({top - minutes * 60_000_000}, 'UTC')"
        return engine.read(f"SELECT {columns} FROM traffic FINAL WHERE {where} AND {since} ORDER BY {order} LIMIT {rows}", here)

    def page() -> None:
        read(COLUMNS, PAGE, 1)
        engine.read(f"SELECT count() FROM traffic WHERE {where}", here, "TSV")

    figures = {"page": median_ms(page), "bulk": median_ms(lambda: read(NATIVE_COLUMNS, BULK, 15))}
    size = engine.read("SELECT sum(data_compressed_bytes) / sum(rows) FROM system.parts WHERE active AND table = 'traffic'", None, "TSV")
    figures["bytes"] = float(size)
    figures["parquet"] = _parquet(engine, folder, where, here)
    engine.close()
    return figures


def _parquet(engine: EmbeddedEngine, folder: Path, where: str, here: dict[str, str]) -> float:
    content = engine.read(f"SELECT * FROM traffic WHERE {where} LIMIT 1000000", here, "ArrowStream")
    table = pyarrow.ipc.open_stream(content).read_all()
    path = folder / "rows.parquet"
    pyarrow.parquet.write_table(table, path, compression="zstd")
    size = path.stat().st_size / table.num_rows
    path.unlink()
    return size


def _served(base: Path, token: str) -> dict[str, float]:
    with ServerProcess(base) as server:

        def get(path: str) -> None:
            status, content, _ = server.raw("GET", path, None, token)
            if status != 200:
                raise RuntimeError(content.decode())

        netbird = f"/api/events/network-traffic?page_size={PAGE}"
        begun = time.perf_counter()
        get(netbird)
        first = (time.perf_counter() - begun) * 1_000
        return {
            "first": first,
            "page": median_ms(lambda: get(netbird)),
            "latest": median_ms(lambda: get("/api/v1/traffic?limit=50")),
            "user": median_ms(lambda: get("/api/v1/traffic?limit=50&user_id=user019")),
            "bulk": median_ms(lambda: get(f"/api/v1/traffic?limit={BULK}")),
        }
