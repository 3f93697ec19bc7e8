"""`python -m meshtrail.agent`: the agent's process."""

import argparse
import ipaddress
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from meshtrail.agent import facts
from meshtrail.agent.config import AgentConfig
from meshtrail.agent.service import Agent
from meshtrail.agent.sources.conntrack import NotPermittedError

EXIT_NOT_PERMITTED = 3


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="meshtrail agent", description="Capture this machine's connections.")
    parser.add_argument(
        "--server", default=os.environ.get("MESHTRAIL_URL", "http://127.0.0.1:8765"), help="address of the server"
    )
    parser.add_argument("--token-file", type=Path, help="file with the API token; else $MESHTRAIL_TOKEN")
    parser.add_argument("--reporter-id", default="", help="name of this machine in events; else from its machine id")
    parser.add_argument("--name", default="", help="name for people; else the host name")
    parser.add_argument("--ignore-loopback", action="store_true", help="leave out this machine's connections to itself")
    parser.add_argument(
        "--ignore", action="append", default=[], type=ipaddress.ip_network, metavar="CIDR", help="leave out a network"
    )
    parser.add_argument("--keep-sysctls", action="store_true", help="do not change the kernel's conntrack settings")
    parser.add_argument("--no-tracking-rule", action="store_true", help="do not add a table when nothing tracks")
    return parser.parse_args()


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    given = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s agent: %(message)s")
    token = given.token_file.read_text().strip() if given.token_file else os.environ.get("MESHTRAIL_TOKEN", "")
    if not token:
        print(
            "The agent has no token.\nGive it one with --token-file (made by: meshtrail token create NAME --scope ingest).",
            file=sys.stderr,
        )
        return 2
    agent = Agent(
        AgentConfig(
            given.server, token, given.reporter_id or facts.reporter_id(), given.name or socket.gethostname(),
            given.ignore_loopback, tuple(given.ignore), not given.keep_sysctls, not given.no_tracking_rule,
        )
    )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: agent.request_stop())
    signal.signal(signal.SIGINT, lambda *_: agent.request_stop())
    try:
        agent.start()
    except NotPermittedError as error:
        print(error, file=sys.stderr)
        return EXIT_NOT_PERMITTED
    try:
        agent.run()
    finally:
        agent.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
