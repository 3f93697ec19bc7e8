"""`python -m meshtrail.agent`: the agent's process."""

import argparse
import gc
import ipaddress
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path

from meshtrail.agent import facts, limits
from meshtrail.agent.config import AgentConfig
from meshtrail.agent.service import Agent
from meshtrail.agent.sources.conntrack import NotPermittedError
from meshtrail.agent.wire import AddressError

COLLECTOR_THRESHOLDS = 50_000, 20, 100
"""Flows live long and have no cycles: looking through them as often as Python does by itself costs a tenth of the time."""

EXIT_USAGE = 2
EXIT_NOT_PERMITTED = 3


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="meshtrail agent", description="Capture this machine's connections.")
    add = made.add_argument
    add("--server", default=os.environ.get("MESHTRAIL_URL", "http://127.0.0.1:8765"), help="address of the server")
    add("--token-file", type=Path, help="file with the API token; else $MESHTRAIL_TOKEN")
    add("--ca-file", type=Path, help="certificates that vouch for the server, besides the system's")
    add("--reporter-id", default="", help="name of this machine in events; else from its machine id")
    add("--name", default="", help="name for people; else the host name")
    add("--ignore-loopback", action="store_true", help="leave out this machine's connections to itself")
    add("--ignore", action="append", default=[], type=ipaddress.ip_network, metavar="CIDR", help="leave out a network")
    add("--keep-sysctls", action="store_true", help="do not change the kernel's conntrack settings")
    add("--no-tracking-rule", action="store_true", help="do not add a table when nothing tracks")
    add("--late-ends", action="store_true", help="take ends from DESTROY only: cheaper, two minutes later for TCP")
    add("--run-dir", type=Path, default=Path("/run/meshtrail"), help="where the settings found at start are noted")
    add("--receive-bytes-new", type=int, default=limits.RECEIVE_BYTES_NEW, metavar="BYTES", help="socket buffer for starts")
    add("--receive-bytes-destroy", type=int, default=limits.RECEIVE_BYTES_DESTROY, metavar="BYTES", help="the same for ends")
    return made


def configuration(given: argparse.Namespace, token: str) -> AgentConfig:
    """The settings of a command line."""
    return AgentConfig(
        server=given.server,
        token=token,
        reporter_id=given.reporter_id or facts.reporter_id(),
        reporter_name=given.name or socket.gethostname(),
        ca_file=given.ca_file,
        ignore_loopback=given.ignore_loopback,
        ignore=tuple(given.ignore),
        change_sysctls=not given.keep_sysctls,
        add_tracking=not given.no_tracking_rule,
        prompt_ends=not given.late_ends,
        run_folder=given.run_dir,
        receive_bytes_new=given.receive_bytes_new,
        receive_bytes_destroy=given.receive_bytes_destroy,
    )


def _fail(message: object, status: int) -> int:
    print(message, file=sys.stderr)
    return status


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT."""
    given = parser().parse_args(arguments)
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(level=logging.INFO, format="%(asctime)sZ %(levelname)s agent: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    try:
        token = given.token_file.read_text().strip() if given.token_file else os.environ.get("MESHTRAIL_TOKEN", "")
    except OSError as error:
        return _fail(f"The token file cannot be read: {error}.\nGive the path of a readable file with --token-file.", EXIT_USAGE)
    if not token:
        return _fail(
            "The agent has no token.\nGive it one with --token-file (made by: meshtrail token create NAME --scope ingest).", EXIT_USAGE
        )
    try:
        agent = Agent(configuration(given, token))
    except AddressError as error:
        return _fail(error, EXIT_USAGE)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.request_stop())
    try:
        gc.set_threshold(*COLLECTOR_THRESHOLDS)
        agent.start()
        agent.run()
    except NotPermittedError as error:
        return _fail(error, EXIT_NOT_PERMITTED)
    finally:
        agent.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
