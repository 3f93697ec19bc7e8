"""The inventory as a file: exported, changed, applied."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from meshtrail.cli.app import app
from meshtrail.common.errors import MeshTrailError
from meshtrail.control.service import Scope
from tests.servers import ServerProcess

DOCUMENT = """
settings = {collect_dns = false}
groups = [{name = "Staff"}, {name = "Gone"}]
enrolment_keys = [{name = "laptops", auto_groups = ["Staff"]}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A document."""
    path = tmp_path / "inventory.toml"
    path.write_text(DOCUMENT)
    return path


def run(server: ServerProcess, token: str, *arguments: str) -> tuple[int, str]:
    """Code and output of a command; an error of ours is its words."""
    done = CliRunner().invoke(app, ["inventory", *arguments, "--url", server.url, "--token", token])
    if isinstance(done.exception, MeshTrailError):
        return done.exit_code, f"{done.exception.message} {done.exception.remedy}"
    return done.exit_code, done.output


def test_apply_shows_the_plan_and_does_it_when_told(server: ServerProcess, file: Path, tmp_path: Path) -> None:
    """Nothing before --yes; what is left out stays until --prune."""
    token = server.new_organisation(*Scope)
    code, shown = run(server, token, "apply", str(file))
    assert code == 0, shown
    assert "+ group Staff\n" in shown
    assert "~ settings\n    collect_dns: true → false\n" in shown
    assert shown.endswith("3 to make, 1 to change, 0 to delete\nNothing was changed. Add --yes to do it.\n")
    assert run(server, token, "apply", str(file))[1] == shown
    code, done = run(server, token, "apply", str(file), "--yes")
    assert code == 0, done
    assert "Done.\nenrolment key laptops, shown this once: mte_" in done
    assert run(server, token, "apply", str(file), "--yes") == (0, "The inventory is as the document says.\n")
    file.write_text(DOCUMENT.replace(', {name = "Gone"}', ""))
    assert run(server, token, "apply", str(file))[1] == "The inventory is as the document says.\n"
    assert "- group Gone" in run(server, token, "apply", str(file), "--prune", "--yes")[1]
    exported = tmp_path / "exported.json"
    assert run(server, token, "export", "--output", str(exported), "--format", "json")[0] == 0
    assert "Gone" not in exported.read_text()
    assert run(server, token, "apply", str(exported), "--prune")[1] == "The inventory is as the document says.\n"
    code, printed = run(server, token, "export")
    assert (code, 'name = "Staff"' in printed) == (0, True)


def test_errors_name_the_place(server: ServerProcess, file: Path) -> None:
    """And the command fails."""
    token = server.new_organisation(*Scope)
    file.write_text('policies = [{name = "p", rules = [{name = "r", sources = ["Stuff"], destinations = ["All"]}]}]')
    code, said = run(server, token, "apply", str(file), "--yes")
    assert code == 1
    assert said.startswith("policies[0].rules[0].sources[0]: there is no group 'Stuff'.")
    code, said = run(server, token, "apply", str(file.rename(file.with_suffix(".txt"))))
    assert code == 1
    assert "neither .toml nor .json" in said
