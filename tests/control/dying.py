"""Processes that change an organisation and are killed at any moment; run by `test_kill.py` in a process of its own, which has no
threads and so may fork.

`python -m tests.control.dying PLACE ORGANISATION ROUNDS SEED` prints one JSON object: how many rounds there were, in how many the
process died between a change and its end, and what did not fit together afterwards.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, event, select

from meshtrail.control.actor import Actor
from meshtrail.control.inventory import Policy, PolicyRule
from meshtrail.control.places import Place
from meshtrail.control.service import Control
from meshtrail.control.settings import read_settings
from meshtrail.control.tables import group_peers, groups, outbox, policies
from meshtrail.model.enums import InitiatorType

LIFE_S_MAX = 0.06
"""A process is killed at any moment until then, counted from its first change."""

SLOW_S = 0.004
"""Time that every second process waits before it commits, so that more of them die there."""


def change(control: Control, by: Actor, chance: random.Random) -> None:
    """One of the things that people do."""
    snapshot = control.snapshot(by.org_id)
    own = [group.id for group in snapshot.groups.values() if not group.built_in]
    what = chance.choice(["group", "rename", "members", "policy", "version", "delete", "settings"])
    if what == "group" or not own:
        control.groups.create(by, f"group {chance.random()}", chance.sample(sorted(snapshot.peers), 2))
    elif what == "rename":
        control.groups.update(by, chance.choice(own), f"renamed {chance.random()}")
    elif what == "members":
        group = snapshot.groups[chance.choice(own)]
        control.groups.update(by, group.id, group.name, chance.sample(sorted(snapshot.peers), chance.randint(0, 3)))
    elif what == "settings":
        control.settings.update(by, {"progress_interval_s": chance.randint(0, 1000), "collect_dns": chance.random() < 0.5})
    elif what == "policy" or not snapshot.policies:
        source = chance.choice(own)
        rule = PolicyRule(id="", name="rule", sources=(source,), destinations=(source,))
        control.policies.create(by, Policy(id="", name=f"policy {chance.random()}", rules=(rule,)))
    elif what == "version":
        policy = chance.choice(list(snapshot.policies.values()))
        control.policies.update(by, policy.id, msgspec.structs.replace(policy, name=f"version {chance.random()}"))
    else:
        control.policies.delete(by, chance.choice(list(snapshot.policies)))


def live(place: Place, org_id: str, seed: int, told: int) -> None:
    """Change without end; say `b` before each transaction, `e` when it has written an event, `c` when it is over."""
    by, chance = Actor(org_id, "u1", InitiatorType.user), random.Random(seed)
    control = Control(place)
    control.open()

    def wrote(_connection: Connection, statement: Any, *_: Any) -> None:
        if getattr(statement, "table", None) is outbox:
            os.write(told, b"e")

    def slowly(_connection: Connection) -> None:
        if seed % 2:
            time.sleep(SLOW_S)

    for name in ("_durable", "_writer"):
        engine = getattr(control.database.backend, name, None)
        if engine is not None:
            event.listen(engine, "after_execute", wrote)
            event.listen(engine, "commit", slowly)
    change(control, by, chance)
    while True:
        os.write(told, b"b")
        change(control, by, chance)
        os.write(told, b"c")


def die(place: Place, org_id: str, seed: int) -> bool:
    """Let a process live for a moment; whether it died between a change and its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            live(place, org_id, seed, writing)
        finally:
            os._exit(1)
    os.close(writing)
    said = os.read(reading, 1)
    time.sleep(random.Random(seed).uniform(0, LIFE_S_MAX))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it ended by itself"
    while part := os.read(reading, 4_096):
        said += part
    os.close(reading)
    return said.endswith(b"e")


State = dict[str, Any]


def actual(transaction: Connection, org_id: str) -> State:
    """What the organisation has."""
    found: State = {"groups": {}, "policies": {}, "members": set()}
    for row in transaction.execute(select(groups).where(groups.c.org_id == org_id, groups.c.built_in.is_(False))):
        found["groups"][row.id] = row.name
    for row in transaction.execute(select(policies).where(policies.c.org_id == org_id)):
        found["policies"][row.id] = (row.version, msgspec.json.decode(row.document)["name"])
    for row in transaction.execute(select(group_peers).where(group_peers.c.org_id == org_id)):
        found["members"].add((row.group_id, row.peer_id))
    settings = read_settings(transaction, org_id)
    return {**found, "progress_interval_s": settings.progress_interval_s, "collect_dns": settings.collect_dns}


def replayed(transaction: Connection, org_id: str) -> State:
    """What it has according to its audit events."""
    found: State = {"groups": {}, "policies": {}, "members": set(), "progress_interval_s": 60, "collect_dns": True}
    rows = transaction.execute(select(outbox.c.document).where(outbox.c.org_id == org_id).order_by(outbox.c.number))
    for document in rows.scalars():
        said = msgspec.json.decode(document)
        after, meta = (msgspec.json.decode(said.get(name) or "{}") for name in ("after", "meta"))
        target = said.get("target_id")
        match said["activity_code"]:
            case "group.add" | "group.update":
                found["groups"][target] = after["name"]
            case "policy.add" | "policy.update":
                name = found["policies"].get(target, (0, ""))[1]
                found["policies"][target] = (after["version"], after.get("name", name))
            case "policy.delete":
                del found["policies"][target]
            case "peer.group.add":
                found["members"].add((meta["group_id"], target))
            case "peer.group.delete":
                found["members"].remove((meta["group_id"], target))
            case "settings.traffic_log.update":
                found |= after
    return found


def check(place: Place, org_id: str) -> tuple[State, State]:
    """What is, and what was told."""
    control = Control(place)
    control.open()
    try:
        with control.database.read() as transaction:
            return actual(transaction, org_id), replayed(transaction, org_id)
    finally:
        control.close()


def main() -> None:
    """See the module."""
    given, org_id, rounds, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    place: Place = given if "://" in given else Path(given)
    check(place, org_id)  # what is imported on the way need not be imported by each process again
    inside, wrong = 0, []
    for number in range(rounds):
        inside += die(place, org_id, seed + number)
        if number % 20 == 19:
            is_now, was_told = check(place, org_id)
            differing = [name for name in is_now if is_now[name] != was_told[name]]
            wrong += [f"round {number}: {name}: {is_now[name]} but told {was_told[name]}" for name in differing]
    changes = {name: len(is_now[name]) for name in ("groups", "policies", "members")}
    print(json.dumps({"rounds": rounds, "inside": inside, "wrong": wrong, **changes}))


if __name__ == "__main__":
    main()
