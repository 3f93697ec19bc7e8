"""Which rows a transaction writes to, as its statements say it."""

from typing import Any

import pytest
from sqlalchemy import delete, insert, literal, select, update

from meshtrail.control import touched as module
from meshtrail.control.history_tables import PAST
from meshtrail.control.tables import group_peers, groups, organisations, peers
from meshtrail.control.touched import Touched, touched
from tests.control.organisation import Organisation

GROUP = {"name": "x", "built_in": False, "created_at": 1}


def conditions(found: Touched, table: Any) -> str | None:
    """The condition on the table of the past, with its values."""
    condition = found.within(PAST[table.name], table)
    return None if condition is None else str(condition.compile(compile_kwargs={"literal_binds": True}))


def done(organisation: Organisation, *statements: Any) -> Touched:
    """What was written to by statements that are undone again."""
    with organisation.control.database.write() as transaction, touched(transaction) as found:
        undone = transaction.begin_nested()
        for statement in statements:
            transaction.execute(*statement) if isinstance(statement, tuple) else transaction.execute(statement)
        undone.rollback()
    return found


def test_keys_that_are_named(organisation: Organisation) -> None:
    """Of inserted rows, one or many; of equal conditions, with others beside them."""
    org_id = organisation.id
    found = done(
        organisation,
        insert(groups).values(org_id=org_id, id="a", **GROUP),
        (insert(group_peers), [{"org_id": org_id, "group_id": "a", "peer_id": each} for each in "xy"]),
        update(peers).where((peers.c.org_id == org_id) & (peers.c.id == "p"), peers.c.removed_at.is_(None)).values(name="n"),
        delete(group_peers).where(group_peers.c.org_id == org_id, group_peers.c.group_id == "b", group_peers.c.peer_id.in_(["x"])),
    )
    assert groups in found
    assert organisations not in found
    assert conditions(found, groups) == "past_groups.id = 'a'"
    assert conditions(found, peers) == "past_peers.id = 'p'"
    told = conditions(found, group_peers)
    assert told is not None
    for part in ("group_id = 'a' AND past_group_peers.peer_id = 'x'", "peer_id = 'y'", "OR past_group_peers.group_id = 'b'"):
        assert part in told


@pytest.mark.parametrize("way", ["organisation", "or", "other", "select", "subquery"])
def test_whatever_else_is_the_whole_table(organisation: Organisation, way: str) -> None:
    """No condition on the key, one of several, one that is computed, rows that come from elsewhere."""
    org_id = organisation.id
    mine = groups.c.org_id == org_id
    elsewhere = {name: literal(value) for name, value in {**GROUP, "org_id": org_id, "id": "q", "name": "q"}.items()}
    statement = {
        "organisation": delete(groups).where(mine),
        "or": update(groups).where(mine, (groups.c.id == "a") | (groups.c.id == "b")).values(name="z"),
        "other": update(groups).where(mine, groups.c.id != "a").values(name="z"),
        "select": insert(groups).from_select(list(elsewhere), select(*elsewhere.values())),
        "subquery": delete(groups).where(mine, groups.c.id == select(peers.c.id).limit(1).scalar_subquery()),
    }[way]  # fmt: skip
    assert conditions(done(organisation, statement, insert(groups).values(org_id=org_id, id="a", **GROUP)), groups) is None


def test_places_are_bounded(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past some the whole table is looked at; the same one again does not count."""
    monkeypatch.setattr(module, "PLACES_MAX", 3)
    one = update(groups).where(groups.c.id == "a").values(name="z")
    assert conditions(done(organisation, *[one] * 8), groups) is not None
    many = [update(groups).where(groups.c.id == each).values(name="z") for each in "abcd"]
    assert conditions(done(organisation, *many), groups) is None
    assert conditions(done(organisation, *many[:3]), groups) is not None
