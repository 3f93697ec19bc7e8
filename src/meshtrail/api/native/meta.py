"""Health, metrics and what is captured."""

import asyncio
import shutil

import msgspec
from litestar import Response, get
from litestar.datastructures import State
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import meshtrail
from meshtrail.api.auth import PUBLIC
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.common.errors import UnavailableError
from meshtrail.control.service import Permission

DISK_FREE_BYTES_MIN = 64 * 1024**2
"""Below this the store cannot merge, and the server says that it is not ready."""


class Health(msgspec.Struct):
    """The process answers."""

    status: str


class Status(msgspec.Struct):
    """What the server is and has."""

    version: str
    rows: int
    position: str
    capturing: bool
    capture: str
    data: str


@get("/healthz", opt={"permission": PUBLIC}, sync_to_thread=False, summary="Whether the process lives", operation_id="health")
def healthz() -> Health:
    """200 as long as the process answers."""
    return Health("ok")


@get("/readyz", opt={"permission": PUBLIC}, summary="Whether events can be stored and read", operation_id="ready")
async def readyz(state: State) -> Health:
    """200 when both stores answer and there is room; 503 else."""
    if state.pipeline.stopping:
        raise UnavailableError("The server is stopping.")
    await asyncio.to_thread(state.reader.last_position)
    await asyncio.to_thread(state.control.database.check)
    if shutil.disk_usage(state.data_path).free < DISK_FREE_BYTES_MIN:
        raise UnavailableError("The disk of the store is almost full.", "Free space.")
    return Health("ready")


@get("/metrics", opt={"permission": PUBLIC}, sync_to_thread=False, include_in_schema=False)
def metrics() -> Response[bytes]:
    """Counters in Prometheus' text format; they name no organisation, person or address."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@get("/status", opt={"permission": Permission.collectors_read}, summary="What the server is and has", operation_id="status")
async def status(request: AnyRequest, state: State) -> Status:
    """Version, rows of the organisation, and what this machine's agent captures."""
    rows = await asyncio.to_thread(state.reader.stored_rows, request.state.identity.org_id)
    capture = state.capture()
    return Status(meshtrail.__version__, rows, str(state.pipeline.position), capture.capturing, capture.reason, str(state.data_path))
