"""A data folder of an older release opens, and nothing in it is lost."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from meshtrail.common.errors import UnavailableError
from meshtrail.control.collectors import CollectorStore
from meshtrail.control.directories import Directories
from meshtrail.control.migrations import HEAD
from meshtrail.control.migrations.legacy import VERSION
from meshtrail.control.migrations.upgrade import scripts
from meshtrail.control.permissions import BUNDLES
from meshtrail.control.service import Control, Scope
from meshtrail.control.tables import metadata
from tests.control.old_stores import OLD, VERSION_1, VERSION_2, build
from tests.control.organisation import Clock


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Names, types and constraints of the columns of each table."""
    with sqlite3.connect(path) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        found = {name: sorted(row[1:4] + row[5:] for row in connection.execute(f"PRAGMA table_info({name})")) for name in names}
    connection.close()
    return found


def reopened(path: Path, clock: Clock) -> None:
    """Open and close the store."""
    control = Control(path, clock)
    try:
        control.open()
    finally:
        control.close()


@pytest.mark.parametrize("old", OLD)
def test_older_stores_open(old: str, tmp_path: Path, clock: Clock) -> None:
    """With all they had, the first time and the next; their tables are those of a new store."""
    path, new = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    build(path, OLD[old])
    for _ in range(2):
        control = Control(path, clock)
        control.open()
        assert control.first_organisation() == ("o1", False)
        assert control.token_identity("secret").permissions >= BUNDLES[Scope.admin] | BUNDLES[Scope.read]
        assert Directories(control).get("o1").peers["p1"].name == "laptop"
        assert [group.name for group in control.snapshot("o1").groups.values()] == ["All"]
        assert not control.snapshot("o1").peers
        assert CollectorStore(control.database).load()[1] == (42 if "collectors" in old else 0)
        control.close()
    reopened(new, clock)
    assert columns(path) == columns(new)


def test_revisions_make_the_tables(control: Control) -> None:
    """What the revisions make is what the code expects, in tables, columns, keys, indexes and constraints."""
    with control.database.read() as transaction:
        context = MigrationContext.configure(transaction, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_revisions_are_one_line() -> None:
    """From the first to the newest, each number once, so that everybody who makes one knows what comes before."""
    found = [script.revision for script in scripts().walk_revisions()]
    assert scripts().get_heads() == [HEAD]
    assert found == [f"{number:04}" for number in range(len(found), 0, -1)]


@pytest.mark.parametrize(
    "sentence", ["UPDATE alembic_version SET version_num = '9999'", f"UPDATE schema_version SET version = {VERSION}"]
)  # fmt: skip
def test_a_newer_store_is_refused(sentence: str, tmp_path: Path, clock: Clock) -> None:
    """With a sentence that says what to do, and it stays as it is: newer than the revisions, or than the numbers before them."""
    path = tmp_path / "control.sqlite"
    if "alembic" in sentence:
        reopened(path, clock)
    else:
        build(path, VERSION_2)
    with sqlite3.connect(path) as connection:
        connection.execute(sentence)
    connection.close()
    before = columns(path)
    with pytest.raises(UnavailableError, match="newer release"):
        reopened(path, clock)
    assert columns(path) == before


def test_releases_without_revisions_refuse_a_store_that_has_them(tmp_path: Path, clock: Clock) -> None:
    """They look at the old number, and know two."""
    reopened(tmp_path / "control.sqlite", clock)
    with sqlite3.connect(tmp_path / "control.sqlite") as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(3,)]
    connection.close()


def test_a_step_that_fails_leaves_the_old_store(tmp_path: Path, clock: Clock) -> None:
    """All or nothing: a store that is half of the new version would open never again."""
    path = tmp_path / "old.sqlite"
    build(path, VERSION_1 + "ALTER TABLE peers ADD COLUMN claims VARCHAR;")
    before = columns(path)
    with pytest.raises(Exception, match="duplicate column"):
        reopened(path, clock)
    assert columns(path) == before
