"""`meshtrail doctor`: what this machine has and lacks."""

import importlib.metadata
import json
import os
import shutil
import socket
from dataclasses import asdict
from pathlib import Path

import typer
from sqlalchemy.exc import DBAPIError

from meshtrail.agent.probe import Check, check
from meshtrail.api.native.meta import DISK_FREE_BYTES_MIN
from meshtrail.cli.options import CONTROL_URL, Data, Json
from meshtrail.common.errors import MeshTrailError
from meshtrail.control.migrations import migrated
from meshtrail.control.places import backend_of
from meshtrail.server import control_place

PORT = 8765


def doctor(data: Data, as_json: Json = False) -> None:
    """Explain the machine: capture, disk, control store, port, clock. Exits with 1 when something does not hold.

    Example: meshtrail doctor
    """
    checks = [*check(), _disk(data), _control(data), _port(), _engine()]
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in checks], indent=2))
    else:
        for each in checks:
            mark = typer.style("ok  ", fg="green") if each.ok else typer.style("no  ", fg="red")
            typer.echo(f"{mark} {each.name:24} {each.detail}")
            if each.remedy:
                typer.echo(f"     {'':24} {each.remedy}")
    if not all(each.ok for each in checks):
        raise typer.Exit(1)


def _disk(data: Data) -> Check:
    there = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    writable = os.access(there, os.W_OK)
    good = writable and free > DISK_FREE_BYTES_MIN
    return Check("data folder", good, f"{data}: {free / 1e9:.1f} GB free{'' if writable else ', not writable'}",
                 "" if good else "Choose another folder with --data, or free space.")  # fmt: skip


def _control(data: Path) -> Check:
    place = control_place(data, os.environ.get(CONTROL_URL, ""))
    if isinstance(place, Path) and not place.exists():
        return Check("control store", True, f"none yet: {place} is made by the first start")
    try:
        backend = backend_of(place, {})
        backend.open()
        try:
            with backend.reading() as transaction:
                current = migrated(transaction, backend.shown)
        finally:
            backend.close()
    except DBAPIError as error:
        return Check("control store", False, f"{backend.shown}: {error.orig}", "See that it is there and lets us in.")
    except MeshTrailError as error:
        return Check("control store", False, error.message, error.remedy)
    return Check("control store", True, f"{backend.shown}{'' if current else ': its tables are brought along at the next start'}")


def _port() -> Check:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return Check(f"port {PORT}", True, "in use: a server runs already, or another program has it")
    return Check(f"port {PORT}", True, "free")


def _engine() -> Check:
    return Check("engine", True, f"chDB {importlib.metadata.version('chdb')}")
