"""`meshtrail policy check`."""

from typer.testing import CliRunner

from meshtrail.cli.app import app
from tests.api.client import Client
from tests.control.organisation import Machine
from tests.servers import ServerProcess


def asked(client: Client, *arguments: str) -> tuple[int, str]:
    """The command's code and words."""
    done = CliRunner().invoke(app, ["policy", "check", *arguments, "--url", client.server.url, "--token", client.token])
    return done.exit_code, done.output if done.exception is None else str(done.exception)


def test_the_answer_in_words_and_as_json(server: ServerProcess) -> None:
    """The verdict, the rule, its policy, and why; every error says which part of the question it is about."""
    client = Client(server)
    client.done("PUT", "/api/v1/settings", {"mode": "enforce"})
    staff, servers = (client.done("POST", "/api/groups", {"name": name})["id"] for name in ("Staff", "Servers"))
    client.enrol(Machine("laptop", "100.64.0.1"), staff)
    client.enrol(Machine("crm", "100.64.0.9"), servers)
    rule = {"name": "r", "enabled": True, "action": "accept", "bidirectional": True, "protocol": "tcp", "ports": ["443"]}
    client.done(
        "POST", "/api/policies", {"name": "Web", "enabled": True, "rules": [rule | {"sources": [staff], "destinations": [servers]}]}
    )
    code, words = asked(client, "laptop", "crm", "tcp", "443")
    lines = words.splitlines()
    assert code == 0
    assert lines[0].startswith("allowed: laptop (100.64.0.1) to crm (100.64.0.9) at 20")
    assert "Staff may reach Servers by TCP on port 443, and back" in lines[2]
    assert "policy Web version 1, in force from 20" in lines[3]
    assert "because of group Staff and group Servers" in lines[4]
    assert "(the way back)" in asked(client, "crm", "laptop", "tcp", "443")[1]
    assert asked(client, "laptop", "crm", "udp", "53")[1].startswith("denied: laptop")
    assert '"verdict": "allowed"' in asked(client, "laptop", "crm", "tcp", "443", "--json")[1]
    assert asked(client, "laptop", "nobody", "tcp", "443") == (
        1, "destination: 'nobody' was no peer or resource at that moment, and it is no address.",
    )  # fmt: skip
