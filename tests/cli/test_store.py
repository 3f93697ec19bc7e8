"""Commands that open the control store themselves."""

from pathlib import Path

from typer.testing import CliRunner

from meshtrail.cli.app import app
from meshtrail.common.errors import OperationError


def test_where_no_server_was_nothing_is_made(tmp_path: Path) -> None:
    """A key of a store that no server has would be worth nothing: whoever is in the wrong folder, or is the wrong user, is told."""
    folder = tmp_path / "elsewhere"
    done = CliRunner().invoke(app, ["enrolment-key", "create", "laptops", "--data", str(folder)])
    assert isinstance(done.exception, OperationError)
    assert str(folder) in done.exception.message and "--data" in done.exception.remedy
    assert not folder.exists()
