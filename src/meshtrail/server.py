"""The server put together by hand: rooms are made, started in order, and stopped in the opposite order."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import uvicorn
from litestar import Litestar, Router

from meshtrail.api.auth import Gate
from meshtrail.api.dashboard import SessionReader, StoredTraffic
from meshtrail.api.inventory_activity import StoredActivity
from meshtrail.api.inventory_views import StoredInventory
from meshtrail.api.overview_views import StoredOverview
from meshtrail.api.service import Capture, Rooms, create_app
from meshtrail.api.settings_views import StoredSettings
from meshtrail.api.views import StoredAudit, StoredCollectors, StoredConnections
from meshtrail.common.clock import Clock, wall_clock
from meshtrail.control.agents import Agents
from meshtrail.control.collectors import CollectorStore
from meshtrail.control.directories import Directories
from meshtrail.control.oidc.settings import OidcSettings
from meshtrail.control.oidc.sign_in import SignInElsewhere
from meshtrail.control.places import Place
from meshtrail.control.service import Control
from meshtrail.control.signing import ServerKey
from meshtrail.control.watch import watch
from meshtrail.enrich.geo import Atlas, FileAtlas, NullAtlas
from meshtrail.enrich.service import Enricher
from meshtrail.ingest.closing import Closing
from meshtrail.ingest.collectors import Collectors
from meshtrail.ingest.duplicates import Duplicates
from meshtrail.ingest.limits import SILENT_AFTER_S
from meshtrail.ingest.pipeline import Pipeline
from meshtrail.ingest.upkeep import Upkeep
from meshtrail.model.columns import TRAFFIC
from meshtrail.store.collectors import CollectorReader
from meshtrail.store.connections import Connections
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.family_reader import last_position
from meshtrail.store.hours import Hours
from meshtrail.store.migrations import migrate
from meshtrail.store.positions import Positions
from meshtrail.store.reader import Reader
from meshtrail.store.roller import Roller
from meshtrail.store.writer import Writer
from meshtrail.trail import Trail
from meshtrail.web.audit_routes import audit_routes
from meshtrail.web.collector_routes import collector_routes
from meshtrail.web.connection_routes import connection_routes
from meshtrail.web.inventory_routes import inventory_routes
from meshtrail.web.live_page_routes import live_page_routes
from meshtrail.web.overview_routes import overview_routes
from meshtrail.web.pages import CaptureStatus
from meshtrail.web.refused import error_page
from meshtrail.web.service import create_router
from meshtrail.web.settings_routes import settings_routes
from meshtrail.web.ui_routes import ui_routes

CONTROL_FILE = "control.sqlite"
STORE_FOLDER = "store"
DRAIN_S = 8
"""Time that open requests get to end when the server stops."""

KEEP_ALIVE_S = 75
"""Agents keep one connection; it should not be closed between two of their batches."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How the server runs."""

    data: Path
    """Folder of everything the server keeps."""
    host: str = "127.0.0.1"
    """Address to listen on; only this machine unless told otherwise."""
    port: int = 8765
    """TCP port; 0 takes a free one."""
    geo_file: Path | None = None
    """MaxMind-format file with places; None: places are unknown."""
    silent_after_s: int = SILENT_AFTER_S
    """Seconds of silence after which a reporter counts as gone and its open connections as lost."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies that are believed when they say who asks (`X-Forwarded-For`, `-Proto`, `-Host`)."""
    control_url: str = field(default="", repr=False)
    """Address of a PostgreSQL database for organisations and what they have; empty: a SQLite file in the data folder. It may hold a
    password, so it is better given by `MESHTRAIL_CONTROL_URL` than as an option."""
    oidc: OidcSettings | None = None
    """Sign-in through an identity provider, `--oidc-…`: see below."""


def control_place(data: Path, url: str) -> Place:
    """Where the control store is: at this address, or in this data folder when there is none."""
    return url or data / CONTROL_FILE


def _nothing() -> None:
    """The server runs alone."""


def _capture_unknown() -> Capture:
    return Capture(False, "This server runs without a local agent.")


class Server:
    """All rooms of one server process."""

    def __init__(self, config: ServerConfig, clock: Clock = wall_clock) -> None:
        self.config = config
        self._clock = clock
        self.control = Control(control_place(config.data, config.control_url), clock)
        self.engine = EmbeddedEngine(config.data / STORE_FOLDER)
        self.capture: Callable[[], Capture] = _capture_unknown
        self.before_drain: Callable[[], None] = _nothing
        """Called when the server is asked to end, while it still takes events: the local agent sends its last ones."""
        self.reader = Reader(self.engine)

    def open(self) -> None:
        """Open the stores; `EngineUnavailableError` when another process holds them."""
        self.config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.engine.open()
        migrate(self.engine)
        self.reader.hours = Hours(self.engine, self._clock)
        self.reader.hours.open()
        self.control.open()

    def close(self) -> None:
        """Close the stores."""
        self.control.close()
        self.engine.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Litestar]:
        """The application with a running pipe; at the end the pipe is drained. The stores must be open."""
        atlas: Atlas = FileAtlas(self.config.geo_file) if self.config.geo_file else NullAtlas()
        directories = Directories(self.control)
        last = last_position(self.engine)
        if self.reader.hours is not None:  # rows that were deleted may have had later positions; what comes must lie behind them
            last = max(last, self.reader.hours.watermark())
        positions = Positions(self._clock, last=last)
        pipeline = Pipeline(
            TRAFFIC,
            Writer(self.engine, TRAFFIC, positions),
            Duplicates(self.engine, TRAFFIC, self._clock),
            Enricher(atlas),
            directories.get,
            self._clock,
            last,
        )
        await pipeline.start()
        self._pipeline = pipeline
        agents = Agents(self.control, ServerKey.load_or_make(self.config.data), self._clock)
        watching = asyncio.create_task(watch(self.control.database), name="watch")
        collector_reader = CollectorReader(self.engine)
        collectors = Collectors(CollectorStore(self.control.database), collector_reader, self._clock, self.config.silent_after_s)
        collectors.open()
        upkeep = Upkeep(collectors, Closing(collectors, collector_reader, pipeline, self._clock), pipeline)
        await upkeep.start()
        roller = Roller(self.reader.hours) if self.reader.hours is not None else None
        if roller is not None:
            await roller.start()
        trail = Trail(self.control, self.engine, positions, self._clock, last)
        await trail.start(self.config)
        gate = Gate(self.control, self._clock, self.config.trusted_proxies)
        rooms = Rooms(
            self.reader, pipeline, self.control, gate, directories, agents, self.config.data, self._clock, self._capture_now,
            Connections(self.engine, self.reader), collectors, collector_reader, trail.reader, trail.pipeline, trail.witness,
            self._elsewhere(trail),
        )  # fmt: skip
        try:
            yield create_app(rooms, self._pages(rooms), error_page(self._capture_status))
        finally:
            watching.cancel()
            if roller is not None:
                await roller.stop()
            await upkeep.stop()
            await pipeline.stop()
            await trail.stop()

    def _elsewhere(self, trail: Trail) -> SignInElsewhere | None:
        control, settings = self.control, self.config.oidc
        if settings is None:
            return None
        return SignInElsewhere(settings, control.database, control.users, control.sessions, trail.witness.home, self._clock)

    def _begin_stop(self) -> None:
        self._pipeline.begin_stop()
        self.control.changes.stop()

    def _capture_now(self) -> Capture:
        return self.capture()

    def _capture_status(self) -> CaptureStatus:
        state = self._capture_now()
        return CaptureStatus(state.capturing, state.reason)

    def _pages(self, rooms: Rooms) -> list[Router]:
        connections = StoredConnections(rooms)
        more = [connection_routes(connections), audit_routes(StoredAudit(rooms)), collector_routes(StoredCollectors(rooms))]
        more += [inventory_routes(StoredInventory(rooms), StoredActivity(rooms)), settings_routes(StoredSettings(rooms))]
        more += [live_page_routes, ui_routes]
        more.append(overview_routes(StoredOverview(rooms, self.engine, self.config.geo_file is not None)))
        traffic, session = StoredTraffic(rooms.reader), SessionReader(rooms.gate)
        provider = self.config.oidc.shown_name if self.config.oidc is not None else ""
        return [create_router(traffic, session, self._capture_status, more=more, connections=connections.one, provider=provider)]

    async def serve(self, on_ready: Callable[[str], None]) -> None:
        """Listen until SIGTERM or SIGINT; `on_ready` gets the address once requests are answered."""
        listener = _listen(self.config.host, self.config.port)
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        async with self.running() as app:
            config = uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="on", timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=DRAIN_S, server_header=False, date_header=True, proxy_headers=False,
            )  # fmt: skip
            server = _Uvicorn(config, self._begin_stop, self.before_drain)
            serving = asyncio.create_task(server.serve([listener]), name="http")
            while not server.started and not serving.done():
                await asyncio.sleep(0.01)
            if server.started:
                on_ready(f"http://{shown}:{port}")
            await serving
        _LOG.info("stopped; everything taken is stored")


class _Uvicorn(uvicorn.Server):
    """When the process is asked to end: first the local agent's last events come in, then the pipe takes nothing more and
    live tails end by themselves, then the connections are closed."""

    def __init__(self, config: uvicorn.Config, begin_stop: Callable[[], None], before_drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._begin_stop = begin_stop
        self._before_drain = before_drain
        self._ending: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See `uvicorn.Server.handle_exit`, which would raise the signal again at the end and so skip closing the stores. A
        second signal does not wait for open requests."""
        if self._ending is not None:
            self.force_exit = True
            return
        self._ending = asyncio.get_running_loop().create_task(self._end(), name="end")

    async def _end(self) -> None:
        await asyncio.to_thread(self._before_drain)
        self._begin_stop()
        self.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SystemExit(f"Cannot listen on {host}:{port}: {error.strerror}.\nStop the other program, or choose another --port.") from error
    listener.listen(1_024)
    return listener
