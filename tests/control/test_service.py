"""What comes with an organisation; that no secret is on the disk."""

from pathlib import Path

from sqlalchemy import delete

from meshtrail.control.actor import system
from meshtrail.control.directories import Directories
from meshtrail.control.permissions import ALL_PERMISSIONS
from meshtrail.control.service import Control, Role, Scope
from meshtrail.control.tables import users
from meshtrail.enrich.directory import Peer
from meshtrail.server import CONTROL_FILE
from tests.control.organisation import Clock


def test_an_organisation_comes_with_an_owner(control: Control) -> None:
    """Also one of before there were users, when it is opened; the first organisation is made once."""
    org_id, made = control.first_organisation()
    assert made
    assert control.first_organisation() == (org_id, False)
    (owner,) = control.users.list(org_id)
    assert (owner.role, owner.status, owner.email) == (Role.owner, "invited", None)
    with control.database.write() as transaction:
        transaction.execute(delete(users))
    control.open()
    assert [each.role for each in control.users.list(org_id)] == [Role.owner]


def test_nobody_else_reads_the_file(tmp_path: Path, clock: Clock) -> None:
    """It holds hashes of passwords: the folder and all files are their owner's only."""
    control = Control(tmp_path / "made" / CONTROL_FILE, clock)
    control.open()
    control.first_organisation()
    there = [tmp_path / "made", *(tmp_path / "made").iterdir()]
    assert {each.name for each in there} >= {CONTROL_FILE, f"{CONTROL_FILE}-wal"}
    assert [each.name for each in there if each.stat().st_mode & 0o077] == []
    control.close()


def test_no_secret_is_in_the_file(tmp_path: Path, clock: Clock) -> None:
    """Neither tokens nor links nor sessions nor passwords can be read from the disk."""
    control = Control(tmp_path / CONTROL_FILE, clock)
    control.open()
    by = system(control.first_organisation()[0])
    _, token = control.tokens.create(by, ALL_PERMISSIONS, "test", {Scope.read})
    link = control.sessions.add_link(by)
    session = control.sessions.use_link(link).secret
    _, made_up = control.users.create(by, ALL_PERMISSIONS, email="ana@example.org")
    control.users.create(by, ALL_PERMISSIONS, email="bob@example.org", password="four words of bob")
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    control.close()
    for secret in (token, link, session, made_up or "", "four words of bob"):
        assert secret
        assert secret.encode() not in content


def test_directory_has_the_last_facts(control: Control) -> None:
    """What a machine says again replaces what it said, inside its organisation."""
    org_id, _ = control.first_organisation()
    directories = Directories(control)
    directories.put(system(org_id), Peer("p", "old", addresses=("10.0.0.1",)))
    directories.put(system(org_id), Peer("p", "new", addresses=("10.0.0.2", "nonsense", "10.0.0.2"), users={"1000": "ana"}))
    directory = directories.get(org_id)
    assert [peer.name for peer in directory.by_address.values()] == ["new"]
    assert (directory.peers["p"].users, directory.peers["p"].addresses) == ({"1000": "ana"}, ("10.0.0.2",))
    assert not directories.get("other").peers
