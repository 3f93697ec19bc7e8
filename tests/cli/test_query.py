"""`meshtrail query`: rows of a running server, chosen by fields and by a filter."""

import json

import pytest
from typer.testing import CliRunner

from meshtrail.cli.app import app
from meshtrail.common.errors import OperationError
from tests.rows import report
from tests.servers import ServerProcess


@pytest.fixture
def token(server: ServerProcess) -> str:
    """An organisation with three rows."""
    made = server.new_organisation()
    server.ingest(
        [report(source_name=name, destination_port=port) for name, port in (("laptop", 22), ("laptop", 443), ("phone", 22))], made
    )
    return made


def query(server: ServerProcess, token: str, *arguments: str) -> str:
    """What the command prints."""
    done = CliRunner().invoke(app, ["query", "--url", server.url, "--token", token, *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_rows_are_chosen(server: ServerProcess, token: str) -> None:
    """By a filter, by fields, by both."""
    for more, count in (((), 3), (("--filter", "source.name = laptop"), 2), (("-f", "source.name = laptop", "destination_port=22"), 1)):
        assert len(json.loads(query(server, token, "--json", *more))) == count
    output = query(server, token, "-f", "phone or port = 443", "--zone", "Europe/Berlin")
    assert "phone" in output
    assert "laptop" in output
    assert "No rows match" in query(server, token, "--filter", "not (source.name exists)")


def test_a_mistake_is_told(server: ServerProcess, token: str) -> None:
    """The server's words: which character, and what was meant."""
    with pytest.raises(OperationError) as caught:
        query(server, token, "--filter", "dst_port = 22")
    assert caught.value.message == 'filter, character 1: There is no field "dst_port".'
    assert caught.value.remedy == "Did you mean destination.port?"
