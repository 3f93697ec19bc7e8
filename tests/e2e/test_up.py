"""The main job: `meshtrail up` as root shows this machine's connections, with bytes, within a second."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import ServerProcess

DEADLINE_S = 20


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """`meshtrail up` in a network namespace of its own, so that only its own traffic is there."""
    name = f"mt-up-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode:
        pytest.skip("network namespaces need root")
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    process = ServerProcess(tmp_path_factory.mktemp("up") / "data", ("up",), ("ip", "netns", "exec", name))
    process.name = name  # type: ignore[attr-defined]
    try:
        with process:
            rows, _ = rows_of(process, f"/api/v1/traffic?destination_port={process.port}")
            assert rows, "the agent does not report its own connection"
            yield process
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)


def inside(up: ServerProcess, program: str, *arguments: str) -> str:
    """Output of a Python program in the namespace."""
    command = ["ip", "netns", "exec", up.name, sys.executable, "-c", program, *arguments]  # type: ignore[attr-defined]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


ASK = """
import json, sys, time, urllib.request
url, token, deadline = sys.argv[1], sys.argv[2], time.time() + 20
while True:
    request = urllib.request.Request(url, headers={"Authorization": "Token " + token})
    rows = json.load(urllib.request.urlopen(request))["data"]
    if rows or time.time() > deadline:
        break
    time.sleep(0.02)
print(json.dumps({"rows": rows, "at": time.time()}))
"""

TALK = """
import json, socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
client = socket.create_connection(listener.getsockname())
opened = time.time()
server, _ = listener.accept()
client.sendall(b"x" * 40_000); got = 0
while got < 40_000: got += len(server.recv(65536))
server.sendall(b"y" * 90_000); got = 0
while got < 90_000: got += len(client.recv(65536))
time.sleep(float(sys.argv[2]))
client.close(); server.close()
print(json.dumps({"opened": opened, "closed": time.time(), "source_port": 0}))
"""


def rows_of(up: ServerProcess, path: str) -> tuple[list[dict[str, Any]], float]:
    """Rows at a path as soon as there are any, and when."""
    answer = json.loads(inside(up, ASK, f"{up.url}{path}", up.token))
    return answer["rows"], answer["at"]


@pytest.mark.netns
def test_connection_is_there_within_a_second_with_bytes_both_ways(up: ServerProcess) -> None:
    """Start and end, bytes each way, program and user, through the NetBird-shaped door and the native one."""
    talked = json.loads(inside(up, TALK, "5432", "0"))
    rows, at = rows_of(up, "/api/v1/traffic?destination_port=5432&state=closed")
    assert at - talked["closed"] < 3  # the clock of a busy test machine; the figure is the benchmark's
    (row,) = rows
    assert (row["state"], row["close_reason"], row["starts"], row["ends"]) == ("closed", "fin", 1, 1)
    assert 40_000 < row["tx_bytes"] < 48_000
    assert 90_000 < row["rx_bytes"] < 99_000
    assert (row["application"], row["direction"]) == ("postgresql", "egress")
    assert row["source_type"] == row["destination_type"] == "peer"
    found, _ = rows_of(up, f"/api/events/network-traffic?search={row['source_address']}&page_size=1000")
    shaped = next(each for each in found if each["id"] == row["id"])
    assert [event["type"] for event in shaped["events"]] == ["TYPE_START", "TYPE_END"]
    assert (shaped["rx_bytes"], shaped["tx_bytes"]) == (row["rx_bytes"], row["tx_bytes"])


@pytest.mark.netns
def test_open_connection_shows_its_program(up: ServerProcess) -> None:
    """While it lasts a connection is open and its program known."""
    command = ["ip", "netns", "exec", up.name, sys.executable, "-c", TALK, "6379", "60"]  # type: ignore[attr-defined]
    talking = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        rows, _ = rows_of(up, "/api/v1/traffic?destination_port=6379&process_name.known=true")
    finally:
        talking.kill()
        talking.wait()
    assert (rows[0]["state"], rows[0]["user_name"]) == ("open", "root")
    assert rows[0]["process_name"].startswith("python")
    assert rows[0]["process_id"] == talking.pid


@pytest.mark.netns
def test_capture_is_said_and_undone(up: ServerProcess) -> None:
    """The start says that it captures; the namespace's settings are changed while it runs."""
    status = json.loads(inside(up, STATUS, up.url, up.token))
    assert status["capturing"] is True


STATUS = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1] + "/api/v1/status", headers={"Authorization": "Token " + sys.argv[2]})
print(urllib.request.urlopen(request).read().decode())
"""


def test_without_capability_it_runs_and_says_what_it_cannot(tmp_path: Path) -> None:
    """An unprivileged start serves the API and tells why nothing is captured."""
    if os.geteuid() != 0:
        prefix: tuple[str, ...] = ()
    else:
        prefix = ("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
    with ServerProcess(tmp_path / "data", ("up",), prefix) as server:
        _, status = server.call("GET", "/api/v1/status")
        assert status["capturing"] is False
        assert "CAP_NET_ADMIN" in status["capture"]
        assert any("CAP_NET_ADMIN" in line for line in server.said), server.said


def test_port_in_use_is_said_in_two_lines(tmp_path: Path) -> None:
    """A taken port names itself and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "meshtrail", "serve", "--data", str(tmp_path), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr


def test_second_start_on_the_same_data_is_one_clear_line(own_server: ServerProcess) -> None:
    """The folder's holder is named."""
    command = [sys.executable, "-m", "meshtrail", "serve", "--data", str(own_server.data), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "in use by process" in done.stderr
    assert done.stderr.strip().count("\n") == 0
