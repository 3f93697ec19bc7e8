"""Options of sign-in with OpenID Connect, on the command line and in the environment."""

from pathlib import Path

import pytest

from meshtrail.common.errors import ForbiddenError
from meshtrail.control.service import Control
from tests.cli.conftest import Run
from tests.servers import ServerProcess

ISSUER = "https://id.example.org"


@pytest.mark.parametrize("command", ["serve", "up"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--oidc-issuer", "http://id.example.org", "--oidc-client-id", "x"), "--oidc-issuer"),
        (("--oidc-issuer", ISSUER), "--oidc-client-id"),
        (("--oidc-client-id", "x"), "--oidc-issuer"),
        (("--oidc-issuer", ISSUER, "--oidc-client-id", "x", "--oidc-role", "ops=king"), "--oidc-role"),
        (("--oidc-issuer", ISSUER, "--oidc-client-id", "x", "--oidc-client-secret-file", "/nonexistent"), "--oidc-client-secret-file"),
    ],
)
def test_mistakes_are_said_before_anything_starts(run: Run, tmp_path: Path, command: str, options: tuple[str, ...], said: str) -> None:
    """With the option's name; the data folder is left alone."""
    code, output = run(command, *options)
    assert code != 0 and said in output
    assert list(tmp_path.iterdir()) == []


def test_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says the same; several groups stand with spaces between. The provider need not answer for the server to start."""
    (tmp_path / "secret").write_text("the client's secret")
    for name, value in {
        "ISSUER": ISSUER, "CLIENT_ID": "meshtrail", "CLIENT_SECRET_FILE": str(tmp_path / "secret"), "NAME": "Example ID",
        "GROUPS_CLAIM": "roles", "ROLE": "ops=admin security=auditor",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"MESHTRAIL_OIDC_{name}", value)
    with ServerProcess(tmp_path / "data") as server:
        assert b"Sign in with Example ID" in server.raw("GET", "/sign-in", None, "")[1]
    monkeypatch.setenv("MESHTRAIL_OIDC_ROLE", "ops=admin security=king")
    wrong = ServerProcess(tmp_path / "data")
    with pytest.raises(AssertionError, match="--oidc-role: 'security=king'"):
        wrong.start()
    assert wrong.stop() != 0


def test_who_waits_is_let_in(run: Run, control: Control) -> None:
    """By name or address; the list shows who it is."""
    org_id, _ = control.first_organisation()
    with pytest.raises(ForbiddenError):
        control.users.sign_in_external(org_id, ISSUER, "eve", "eve@example.org", "Eve Adams", new_waits=True)
    waiting = [line for line in run("users", "list")[1].splitlines() if "  waits " in line]
    assert len(waiting) == 1 and "Eve Adams" in waiting[0]
    assert run("users", "approve", "Eve Adams") == (0, "approved\n")
    assert control.users.sign_in_external(org_id, ISSUER, "eve", "eve@example.org", "Eve Adams").subject == "eve"
    code, said = run("users", "approve", "Eve Adams")
    assert code != 0 and "does not wait" in said
