"""A data folder of an older release opens, and nothing in it is lost."""

import sqlite3
from pathlib import Path

import pytest

from meshtrail.common.errors import UnavailableError
from meshtrail.control.directories import Directories
from meshtrail.control.migrations import VERSION
from meshtrail.control.service import Control, Scope
from tests.control.organisation import Clock

VERSION_1 = """
CREATE TABLE organisations (id VARCHAR(36) NOT NULL, name VARCHAR(200) NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (id));
CREATE TABLE schema_version (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE tokens (id VARCHAR(36) NOT NULL, org_id VARCHAR(36) NOT NULL, name VARCHAR(200) NOT NULL, hash VARCHAR(64) NOT NULL,
  scopes VARCHAR(200) NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT, last_used_at BIGINT, PRIMARY KEY (id),
  FOREIGN KEY(org_id) REFERENCES organisations (id), UNIQUE (hash));
CREATE INDEX ix_tokens_org_id ON tokens (org_id);
CREATE TABLE sessions (hash VARCHAR(64) NOT NULL, org_id VARCHAR(36) NOT NULL, scopes VARCHAR(200) NOT NULL, created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL, PRIMARY KEY (hash), FOREIGN KEY(org_id) REFERENCES organisations (id));
CREATE TABLE sign_in_links (hash VARCHAR(64) NOT NULL, org_id VARCHAR(36) NOT NULL, expires_at BIGINT NOT NULL, used_at BIGINT,
  PRIMARY KEY (hash), FOREIGN KEY(org_id) REFERENCES organisations (id));
CREATE TABLE peers (org_id VARCHAR(36) NOT NULL, id VARCHAR(200) NOT NULL, facts VARCHAR NOT NULL, seen_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, id), FOREIGN KEY(org_id) REFERENCES organisations (id));
INSERT INTO organisations VALUES ('o1', 'main', 5);
INSERT INTO schema_version VALUES (1);
INSERT INTO tokens VALUES
  ('t1', 'o1', 'cli', '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b', 'admin read', 5, NULL, NULL);
INSERT INTO peers VALUES
  ('o1', 'p1', '{"id":"p1","name":"laptop","os":null,"dns_label":null,"addresses":["10.0.0.1"],"users":{"0":"root"}}', 6);
"""
"""As the first release made it; the token is `secret`."""


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Names, types and constraints of the columns of each table."""
    with sqlite3.connect(path) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        found = {name: sorted(row[1:4] + row[5:] for row in connection.execute(f"PRAGMA table_info({name})")) for name in names}
    connection.close()
    return found


def test_version_1_opens(tmp_path: Path, clock: Clock) -> None:
    """With all it had; its tables are those of a new store."""
    old, new = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    with sqlite3.connect(old) as connection:
        connection.executescript(VERSION_1)
    connection.close()
    for path in (old, new, old):
        control = Control(path, clock)
        control.open()
        if path is old:
            assert control.first_organisation() == ("o1", False)
            assert control.token_identity("secret").scopes == {Scope.admin, Scope.read}
            assert Directories(control).get("o1").peers["p1"].name == "laptop"
            assert [group.name for group in control.snapshot("o1").groups.values()] == ["All"]
            assert not control.snapshot("o1").peers
        control.close()
    assert columns(old) == columns(new)


def test_a_newer_store_is_refused(tmp_path: Path, clock: Clock) -> None:
    """With a sentence that says what to do, and it stays as it is."""
    control = Control(tmp_path / "control.sqlite", clock)
    control.open()
    with control.database.write() as transaction:
        transaction.exec_driver_sql(f"UPDATE schema_version SET version = {VERSION + 1}")
    control.close()
    with pytest.raises(UnavailableError, match="newer release"):
        Control(tmp_path / "control.sqlite", clock).open()


def test_a_step_that_fails_leaves_the_old_store(tmp_path: Path, clock: Clock) -> None:
    """All or nothing: a store that is half of the new version would open never again."""
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_1 + "ALTER TABLE peers ADD COLUMN claims VARCHAR;")
    connection.close()
    before = columns(path)
    control = Control(path, clock)
    with pytest.raises(Exception, match="duplicate column"):
        control.open()
    control.close()
    assert columns(path) == before
