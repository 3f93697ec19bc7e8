"""`meshtrail agent doctor`: whether this machine can capture, who it is to the server, and which rules are in force."""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from meshtrail.agent import identity, probe
from meshtrail.agent.identity import Identity
from meshtrail.agent.probe import Check
from meshtrail.agent.wire import AddressError, Wire
from meshtrail.common.errors import InvalidError


def tell(given: argparse.Namespace) -> int:
    """Print all checks; 1 when something does not hold."""
    checks = look(given.server, given.state_dir, given.ca_file)
    if given.json:
        print(json.dumps([asdict(each) for each in checks], indent=2))
    else:
        for each in checks:
            print(f"{'ok ' if each.ok else 'NO '} {each.name:22} {each.detail}")
            if each.remedy:
                print(f"{'':26} {each.remedy}")
    sys.stdout.flush()
    return int(not all(each.ok for each in checks))


def look(server: str, state_folder: Path, ca_file: Path | None) -> list[Check]:
    """All checks; nothing is changed."""
    known, state = _state(state_folder)
    return [*probe.check(), state, *_peer(known), _server(server, ca_file, known)]


def _state(folder: Path) -> tuple[Identity | None, Check]:
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not os.access(there, os.W_OK):
        return None, Check("state folder", False, f"{folder} cannot be written by this user", "Give another with --state-dir.")
    try:
        return identity.load(folder), Check("state folder", True, str(folder))
    except InvalidError as error:
        return None, Check("state folder", False, error.message, error.remedy)


def _peer(known: Identity | None) -> list[Check]:
    if known is None:
        return [Check("peer", True, "not enrolled: reports with a token, enforces nothing")]
    left_s = known.token_expires_at / 1_000_000 - time.time()
    text = f"{known.peer_id}, its token is valid for {max(0, left_s) / 86_400:.1f} days more"
    return [Check("peer", left_s > 0, text, "" if left_s > 0 else "Start the agent: it gets a new token by its key.")]


def _server(server: str, ca_file: Path | None, known: Identity | None) -> Check:
    try:
        wire = Wire(server, lambda: known.token if known else "", ca_file)
    except (AddressError, OSError) as error:
        return Check("server", False, str(error).splitlines()[0], "Give its address with --server.")
    health = wire.request("GET", "/healthz")
    if health is None:
        return Check("server", False, f"{server} does not answer", "Start it, or look at the firewall between.")
    if known is None:
        wire.close()
        return Check("server", True, f"{server} answers")
    answer = wire.request("GET", "/api/v1/agent/network-map?serial=0&wait_s=0")
    wire.close()
    if answer is not None and answer.status == 403:
        return Check("server", False, f"{server} refuses this peer: it was removed", "Delete the state folder and enrol again.")
    if answer is not None and answer.status == 401:
        return Check("server", False, f"{server} refuses the token", "Start the agent: it gets a new one by its key.")
    return Check("server", answer is not None and answer.status < 300, f"{server} knows this peer")
