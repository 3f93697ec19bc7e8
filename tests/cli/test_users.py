"""`meshtrail users` and `meshtrail token`."""

import re

import pytest
from typer.testing import CliRunner

from meshtrail.cli.app import app
from meshtrail.common.errors import ForbiddenError, UnauthenticatedError
from meshtrail.control.permissions import BUNDLES, ROLES, Role, Scope
from meshtrail.control.service import Control
from tests.cli.conftest import Run
from tests.control.told import told

PASSWORD = "four words of ana"


def test_a_person_is_made_changed_and_blocked(run: Run, control: Control) -> None:
    """The first password is printed once and works; the events name the terminal."""
    code, said = run("users", "add", "ana@example.org", "--name", "Ana", "--role", "auditor")
    assert code == 0
    password = said.splitlines()[1].removeprefix("password: ")
    org_id, _ = control.first_organisation()
    assert control.sign_in.with_password("ana@example.org", password).org_id == org_id
    assert run("users", "role", "ANA@example.org", "admin") == (0, "changed\n")
    assert run("users", "update", "Ana", "--email", "ana@new.example.org", "--name", "Ana Lima") == (0, "changed\n")
    assert run("users", "block", "Ana Lima") == (0, "changed\n")
    _, listed = run("users", "list")
    (line,) = [each for each in listed.splitlines() if "Ana Lima" in each]
    assert re.fullmatch(r"\w{20}  admin +blocked +20\S+ +ana@new.example.org +Ana Lima", line)
    assert password not in listed
    with pytest.raises(ForbiddenError):
        control.sign_in.with_password("ana@new.example.org", password)
    assert run("users", "block", "Ana Lima", "--undo") == (0, "changed\n")
    control.sign_in.with_password("ana@new.example.org", password)
    by = {each["initiator_id"] for each in told(control, org_id) if each["activity_code"] in {"user.create", "user.role.update"}}
    assert all(each.startswith("terminal:") for each in by)


def test_a_password_is_read_from_a_pipe(run: Run, control: Control, tmp_path_factory: pytest.TempPathFactory) -> None:
    """So that it is in no list of processes and in no history of a shell."""
    run("users", "add", "ana@example.org")
    data = str(control.database.place.parent)  # type: ignore[union-attr]
    done = CliRunner().invoke(app, ["users", "password", "ana@example.org", "--data", data], input=PASSWORD + "\n")
    assert (done.exit_code, done.output) == (0, "changed\n")
    control.sign_in.with_password("ana@example.org", PASSWORD)
    refused = CliRunner().invoke(app, ["users", "password", "ana@example.org", "--data", data], input="short\n")
    assert refused.exit_code == 1 and "at least 12" in str(refused.exception)


def test_users_are_named_unmistakably(run: Run, control: Control) -> None:
    """Nobody, or more than one of a name, is told; an id always works."""
    for _ in range(2):
        run("users", "add", "robot", "--service")
    code, said = run("users", "role", "robot", "auditor")
    assert code == 1
    assert "2 users are named 'robot'" in said
    ids = [each.id for each in control.users.list(control.first_organisation()[0]) if each.name == "robot"]
    assert run("users", "role", ids[0], "auditor") == (0, "changed\n")
    assert run("users", "role", "nobody", "auditor")[1].startswith("There is no user 'nobody'")


def test_tokens_of_the_organisation_and_of_users(run: Run, control: Control) -> None:
    """With scopes or without; listed apart; a deleted one stops working."""
    run("users", "add", "robot", "--service", "--role", "auditor")
    _, ours = run("token", "create", "grafana")
    _, theirs = run("token", "create", "backup", "--user", "robot")
    _, fewer = run("token", "create", "audit", "--user", "robot", "--scope", "audit.read", "--days", "5")
    assert control.token_identity(ours.strip()).permissions == BUNDLES[Scope.read]
    assert control.token_identity(theirs.strip()).permissions == ROLES[Role.auditor]
    assert control.token_identity(fewer.strip()).permissions == {"audit.read"}
    _, listed = run("token", "list")
    assert "grafana" in listed and "backup" not in listed
    _, listed = run("token", "list", "--user", "robot")
    assert "backup" in listed and "all of the user" in listed and "audit.read" in listed and "grafana" not in listed
    identifier = next(line.split()[0] for line in listed.splitlines() if "backup" in line)
    assert run("token", "delete", identifier)[0] == 1
    assert run("token", "delete", identifier, "--user", "robot") == (0, "deleted\n")
    with pytest.raises(UnauthenticatedError):
        control.token_identity(theirs.strip())
    assert "everything" in run("token", "create", "x", "--scope", "everything")[1]


def test_a_link_signs_its_user_in(run: Run, control: Control) -> None:
    """The owner, or who is named."""
    run("users", "add", "ana@example.org", "--role", "auditor")
    for arguments, role in (((), Role.owner), (("--user", "ana@example.org"), Role.auditor)):
        _, said = run("token", "link", *arguments)
        started = control.sessions.use_link(said.strip().rpartition("/")[2])
        assert control.session_identity(started.secret).role is role
