"""`meshtrail agent doctor`: whether this machine can capture, who it is to the server, and which rules are in force."""

import argparse
import fcntl
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from meshtrail.agent import identity, probe
from meshtrail.agent.firewall.envelope import EnvelopeFile
from meshtrail.agent.firewall.verify import RefusedError, Trust, Verifier
from meshtrail.agent.identity import Identity
from meshtrail.agent.probe import Check
from meshtrail.agent.sources.group_owner import holds, owner_of
from meshtrail.agent.sources.nflog import GroupTakenError, Nflog
from meshtrail.agent.wire import AddressError, Wire
from meshtrail.common.errors import InvalidError


def tell(given: argparse.Namespace) -> int:
    """Print all checks; 1 when something does not hold."""
    checks = look(given.server, given.state_dir, given.ca_file, given.nflog_group)
    if given.json:
        print(json.dumps([asdict(each) for each in checks], indent=2))
    else:
        for each in checks:
            print(f"{'ok ' if each.ok else 'NO '} {each.name:22} {each.detail}")
            if each.remedy:
                print(f"{'':26} {each.remedy}")
    sys.stdout.flush()
    return int(not all(each.ok for each in checks))


def look(server: str, state_folder: Path, ca_file: Path | None, nflog_group: int) -> list[Check]:
    """All checks; nothing is changed."""
    known, state = _state(state_folder)
    running = _runs(state_folder)
    denials = _denials(nflog_group, state_folder, running=running)
    return [
        *probe.check(),
        state,
        _agent(running),
        *_peer(known),
        _server(server, ca_file, known),
        _network_map(state_folder, known),
        denials,
    ]


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


def _runs(folder: Path) -> bool:
    """Whether an agent has the spool of this state folder."""
    try:
        with (folder / "spool" / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _agent(running: bool) -> Check:
    return Check("agent", True, "runs with this state folder" if running else "does not run with this state folder")


def _network_map(folder: Path, known: Identity | None) -> Check:
    if known is None:
        return Check("network map", True, "none: only peers have one")
    try:
        body = EnvelopeFile(folder).load()
        if body is None:
            return Check("network map", True, "none came yet")
        found, _ = Verifier(Trust(known.org_id, known.peer_id, known.server_key_id, known.server_key)).check(body)
    except (OSError, ValueError, RefusedError) as error:
        return Check("network map", False, f"the one on disk is not used: {error}", "Start the agent: it asks for another.")
    issued = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(found.issued_at / 1_000_000))
    return Check("network map", True, f"{len(found.rules)} rules to {found.mode.value}, of {issued}, serial {found.serial}")


def _denials(group: int, folder: Path, *, running: bool) -> Check:
    if not group:
        return Check("denials", True, "are not read: --nflog-group is 0")
    try:
        Nflog(group).close()
    except OSError as error:
        owner = owner_of(group) if isinstance(error, GroupTakenError) else None
        if owner is not None and holds(owner.pid, str((folder / "spool" / "lock").resolve())):
            return Check("denials", True, f"the agent reads NFLOG group {group}")
        if isinstance(error, GroupTakenError) and running and (owner is None or not owner.certain):
            return Check("denials", True, f"NFLOG group {group} is read, presumably by the agent: this user may not see by whom")
        text, _, remedy = str(error.strerror or error).partition("\n")
        return Check("denials", False, text, remedy)
    return Check("denials", True, f"NFLOG group {group} is free")
