"""The control store is where the environment or an option says."""

from pathlib import Path

import pytest

from meshtrail.cli.options import CONTROL_URL
from meshtrail.control.service import Control
from meshtrail.server import CONTROL_FILE, ServerConfig
from tests.cli.conftest import Run
from tests.postgres import PostgresServer
from tests.servers import ServerProcess


def test_commands_use_the_database(run: Run, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that open the store do, and the data folder gets none."""
    with postgres.made() as url:
        monkeypatch.setenv(CONTROL_URL, url)
        code, output = run("enrolment-key", "create", "laptops")
        assert code == 0, output
        control = Control(url)
        control.open()
        org_id, made = control.first_organisation()
        assert not made
        assert [key.name for key in control.enrolment_keys.list(org_id)] == ["laptops"]
        control.close()
    assert not (tmp_path / CONTROL_FILE).exists()


def test_a_wrong_address_is_said_without_its_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to write instead."""
    monkeypatch.setenv(CONTROL_URL, "mysql://ana:pass-w0rd@db/x")
    code, output = run("token", "list")
    assert code == 1
    assert "mysql" in output
    assert "postgresql://" in output
    assert "pass-w0rd" not in output
    assert "pass-w0rd" not in repr(ServerConfig(Path("/x"), control_url="postgresql://ana:pass-w0rd@db/x"))


def test_the_server_uses_the_database(postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes its organisation there and its token works."""
    with postgres.empty() as url:
        monkeypatch.setenv(CONTROL_URL, url)
        with ServerProcess(tmp_path / "data") as server:
            control = Control(url)
            control.open()
            assert control.token_identity(server.token).org_id == control.first_organisation()[0]
            control.close()
            assert not (server.data / CONTROL_FILE).exists()


def test_doctor_looks_at_the_control_store(run: Run, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without changing it: where it is, whether it answers, whether it is of an older or newer release."""

    def said() -> str:
        return next(line for line in run("doctor")[1].splitlines() if "control store" in line)

    assert "none yet" in said()
    assert not (tmp_path / CONTROL_FILE).exists()
    with postgres.empty() as url:
        monkeypatch.setenv(CONTROL_URL, url)
        assert "brought along at the next start" in said()
        control = Control(url)
        control.open()
        control.close()
        assert said().startswith("ok ")
        assert "next start" not in said()
    assert said().startswith("no ")
