"""The command line."""

import ipaddress
from pathlib import Path

import pytest

from meshtrail.agent.__main__ import EXIT_USAGE, configuration, main, parser


def test_configuration(tmp_path: Path) -> None:
    """Options become settings."""
    given = parser().parse_args([
        "--server", "http://a:1", "--reporter-id", "r", "--name", "n", "--ignore", "10.0.0.0/8", "--ignore", "fd00::/8",
        "--ignore-loopback", "--keep-sysctls", "--no-tracking-rule", "--late-ends", "--run-dir", str(tmp_path),
    ])  # fmt: skip
    made = configuration(given, "secret")
    assert (made.server, made.token, made.reporter_id, made.reporter_name) == ("http://a:1", "secret", "r", "n")
    assert made.ignore == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
    assert (made.ignore_loopback, made.change_sysctls, made.add_tracking, made.prompt_ends) == (True, False, False, False)
    assert made.run_folder == tmp_path


def test_defaults() -> None:
    """Without options the machine names itself, nothing is left out, and the kernel is prepared."""
    made = configuration(parser().parse_args([]), "secret")
    assert made.reporter_id
    assert made.reporter_name
    assert (made.ignore, made.ignore_loopback, made.change_sysctls, made.add_tracking) == ((), False, True, True)


@pytest.mark.parametrize("arguments", [[], ["--token-file", "/nowhere/token"]])
def test_no_token(arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token the agent ends, in two lines: what, and what to do."""
    monkeypatch.delenv("MESHTRAIL_TOKEN", raising=False)
    assert main(arguments) == EXIT_USAGE
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_no_address(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that cannot be used ends the agent, in two lines."""
    monkeypatch.setenv("MESHTRAIL_TOKEN", "secret")
    assert main(["--server", "nowhere"]) == EXIT_USAGE
    assert len(capsys.readouterr().err.splitlines()) == 2
