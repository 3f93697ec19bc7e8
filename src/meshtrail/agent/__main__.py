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

from meshtrail.agent import doctor, facts, limits
from meshtrail.agent.arrival import known_or_enrolled
from meshtrail.agent.config import AgentConfig
from meshtrail.agent.enrolment import RefusedError
from meshtrail.agent.identity import Identity
from meshtrail.agent.service import Agent
from meshtrail.agent.sources.conntrack import NotPermittedError
from meshtrail.agent.spool import SpoolLockedError
from meshtrail.agent.wire import AddressError
from meshtrail.common.errors import InvalidError

COLLECTOR_THRESHOLDS = 50_000, 20, 100
"""Flows live long and have no cycles: looking through them as often as Python does by itself costs a tenth of the time."""

EXIT_USAGE = 2
EXIT_NOT_PERMITTED = 3
EXIT_REFUSED = 4

NOBODY = (
    "The agent has neither an enrolment key nor a token.\n"
    "Give it one with --enrolment-key-file (made by: meshtrail enrolment-key create), or with --token-file to observe only."
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="meshtrail agent", description="Capture this machine's connections.")
    add = made.add_argument
    add("command", nargs="?", choices=["run", "doctor"], default="run", help="run (as usual), or doctor: say what holds and what does not")
    add("--json", action="store_true", help="doctor: as JSON")
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
    add("--state-dir", type=Path, default=Path("/var/lib/meshtrail-agent"), help="where identity, network map and spool are kept")
    add("--spool-bytes-max", type=int, default=limits.SPOOL_BYTES_MAX, metavar="BYTES", help="disk space for reports that wait")
    add("--spool-age-max", type=float, default=limits.SPOOL_AGE_S_MAX, metavar="SECONDS", help="how long reports wait")
    add("--enrolment-key-file", type=Path, help="file with an enrolment key, used when this machine is no peer yet")
    add("--nflog-group", type=int, default=limits.NFLOG_GROUP, metavar="GROUP", help="packet log group of denials; 0: no denials")
    add("--mark-mask", type=lambda text: int(text, 0), default=limits.MARK_MASK, metavar="MASK", help="mark bits for rule numbers")
    add("--run-dir", type=Path, default=Path("/run/meshtrail"), help="where the settings found at start are noted")
    add("--receive-bytes-new", type=int, default=limits.RECEIVE_BYTES_NEW, metavar="BYTES", help="socket buffer for starts")
    add("--receive-bytes-destroy", type=int, default=limits.RECEIVE_BYTES_DESTROY, metavar="BYTES", help="the same for ends")
    return made


def configuration(given: argparse.Namespace, token: str, identity: Identity | None = None) -> AgentConfig:
    """The settings of a command line."""
    return AgentConfig(
        server=given.server,
        token=identity.token if identity else token,
        reporter_id=identity.peer_id if identity else given.reporter_id or facts.reporter_id(),
        reporter_name=given.name or socket.gethostname(),
        ca_file=given.ca_file,
        ignore_loopback=given.ignore_loopback,
        ignore=tuple(given.ignore),
        change_sysctls=not given.keep_sysctls,
        add_tracking=not given.no_tracking_rule,
        prompt_ends=not given.late_ends,
        state_folder=given.state_dir,
        spool_bytes_max=given.spool_bytes_max,
        spool_age_s_max=given.spool_age_max,
        identity=identity,
        nflog_group=given.nflog_group,
        mark_mask=given.mark_mask,
        run_folder=given.run_dir,
        receive_bytes_new=given.receive_bytes_new,
        receive_bytes_destroy=given.receive_bytes_destroy,
    )


class CannotStartError(Exception):
    """Two lines for people, what and what to do; and the exit status."""

    def __init__(self, message: object, status: int = EXIT_USAGE) -> None:
        super().__init__(str(message))
        self.status = status


def _secret(path: Path | None, what: str) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStartError(f"The {what} file cannot be read: {error}.\nGive the path of a readable file with --{what}-file.") from error


def _prepared(given: argparse.Namespace) -> Agent:
    """The agent, knowing who it is."""
    token = _secret(given.token_file, "token") or os.environ.get("MESHTRAIL_TOKEN", "")
    key = _secret(given.enrolment_key_file, "enrolment-key")
    try:
        identity = known_or_enrolled(given.state_dir, key, given.server, given.ca_file, given.name)
        if identity is None and not token:
            raise CannotStartError(NOBODY)
        return Agent(configuration(given, token, identity))
    except AddressError as error:
        raise CannotStartError(error) from error
    except InvalidError as error:
        raise CannotStartError(f"{error.message}\n{error.remedy}") from error
    except RefusedError as error:
        text = f"This machine cannot be enrolled: {error}.\nMake a new key with: meshtrail enrolment-key create"
        raise CannotStartError(text, EXIT_REFUSED) from error
    except OSError as error:
        text = f"The state folder cannot be used: {error}.\nGive a folder that this user may write with --state-dir."
        raise CannotStartError(text) from error


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT."""
    given = parser().parse_args(arguments)
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(level=logging.INFO, format="%(asctime)sZ %(levelname)s agent: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    if given.command == "doctor":
        return doctor.tell(given)
    try:
        agent = _prepared(given)
    except CannotStartError as error:
        print(error, file=sys.stderr)
        return error.status
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.request_stop())
    try:
        gc.set_threshold(*COLLECTOR_THRESHOLDS)
        agent.start()
        agent.run()
    except NotPermittedError as error:
        print(error, file=sys.stderr)
        return EXIT_NOT_PERMITTED
    except SpoolLockedError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    finally:
        agent.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
