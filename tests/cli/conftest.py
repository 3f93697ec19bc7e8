"""Fixtures of the commands' tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from meshtrail.cli.app import app
from meshtrail.common.errors import MeshTrailError
from meshtrail.control.service import Control
from meshtrail.server import CONTROL_FILE

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command on a data folder of this test; its code, and what it printed. An error of ours is its words."""

    def call(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*arguments, "--data", str(tmp_path)])
        if isinstance(done.exception, MeshTrailError):
            return done.exit_code, f"{done.exception.message}\n{done.exception.remedy}"
        return done.exit_code, done.output

    return call


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    """The store of the same data folder."""
    opened = Control(tmp_path / CONTROL_FILE)
    opened.open()
    yield opened
    opened.close()
