"""The agent as a process against the real kernel, in network namespaces."""

import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshtrail.agent import flowid, limits
from meshtrail.agent.config import AgentConfig
from meshtrail.agent.service import Agent
from meshtrail.common.clock import microseconds
from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer, Row, Scripted
from tests.agent.netns import TRACK, Pair, until

pytestmark = pytest.mark.netns


def _read(source: socket.socket, size: int) -> None:
    while size:
        size -= len(source.recv(size))


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text
    return found.group(1)


class Connection:
    """A TCP connection from the near to the far namespace."""

    def __init__(self, pair: Pair, address: str = "10.77.0.2", family: int = socket.AF_INET) -> None:
        with pair.far.listen(address, family) as listener:
            self.port = listener.getsockname()[1]
            self.client = pair.near.open(family)
            self.client.connect((address, self.port))
            self.accepted, _ = listener.accept()

    def exchange(self, sent: int, received: int) -> None:
        """Send and read both ways."""
        self.client.sendall(b"x" * sent)
        _read(self.accepted, sent)
        self.accepted.sendall(b"y" * received)
        _read(self.client, received)

    def close(self) -> None:
        """Close both ends, the client first."""
        self.client.close()
        self.accepted.close()


def _merged(server: FakeServer, **wanted: object) -> Row:
    """All rows of the one connection with these values, later values over earlier ones."""
    rows = server.find(**wanted)
    keys = {(row["flow_id"], row["started_at"], row["reporter_id"]) for row in rows}
    assert len(keys) == 1, rows
    merged: Row = {}
    for row in rows:
        merged |= row
    return merged


def _expire(pair: Pair, *addresses: str) -> None:
    """Wait until entries to these addresses are gone: listing the table makes the kernel drop what has expired, which it
    else does when it has time."""
    until(lambda: not any(address in pair.near.run("conntrack", "-L") for address in addresses), "the entries expire")


def test_tcp(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """A TCP connection is reported when it opens and when it ends, under one name, with volumes both ways."""
    launch().ready()
    connection = Connection(pair)
    opened = near_server.wait_for(destination_port=connection.port, state="open")[0]
    assert opened["starts"] == 1
    assert opened["verdict"] == "unknown"
    assert (opened["direction"], opened["connection_type"], opened["protocol"]) == ("egress", "p2p", 6)
    assert (opened["source_address"], opened["destination_address"]) == ("10.77.0.1", "10.77.0.2")
    assert "tx_bytes" not in opened
    connection.exchange(1_000, 5_000)
    connection.close()
    near_server.wait_for(destination_port=connection.port, state="closed")
    row = _merged(near_server, destination_port=connection.port)
    assert row["close_reason"] == "fin"
    assert row["ends"] == 1
    assert row["tx_bytes"] > 1_000
    assert row["rx_bytes"] > 5_000
    assert row["rx_packets"] >= 3
    assert row["ended_at"] > row["started_at"]


def test_ingress(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """A connection that came to this machine is ingress: received is what the initiator sent."""
    launch().ready()
    with pair.near.listen("10.77.0.1") as listener, pair.far.open() as client:
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        client.sendall(b"x" * 3_000)
        _read(accepted, 3_000)
        port = listener.getsockname()[1]
        client.close()
        accepted.close()
    row = near_server.wait_for(destination_port=port, state="closed")[0]
    assert row["direction"] == "ingress"
    assert row["rx_bytes"] > 3_000 > row["tx_bytes"]


def test_owner(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """A connection that a local program opened carries program, process number and user, in both reports."""
    launch().ready()
    connection = Connection(pair)
    opened = near_server.wait_for(destination_port=connection.port, state="open", process_id=os.getpid())[0]
    name = Path(f"/proc/{os.getpid()}/comm").read_text(encoding="utf-8").strip()
    assert (opened["process_name"], opened["user_id"], opened["user_name"]) == (name, "uid:0", "root")
    connection.close()
    near_server.wait_for(destination_port=connection.port, state="closed", process_id=os.getpid(), user_id="uid:0")


def test_udp(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """An answered UDP exchange closes by timeout, an unanswered one is an attempt without reply."""
    pair.near.sysctl("nf_conntrack_udp_timeout", "1")
    launch().ready()
    with pair.far.open(kind=socket.SOCK_DGRAM) as far, pair.near.open(kind=socket.SOCK_DGRAM) as near:
        far.bind(("10.77.0.2", 0))
        near.sendto(b"question", far.getsockname())
        _, asker = far.recvfrom(100)
        far.sendto(b"an answer", asker)
        near.recvfrom(100)
        near.sendto(b"to nobody", ("10.77.0.99", 9))
        _expire(pair, "10.77.0.2", "10.77.0.99")
        answered = near_server.wait_for(destination_port=far.getsockname()[1], state="closed")[0]
        silent = near_server.wait_for(destination_address="10.77.0.99", state="attempted")[0]
    assert (answered["protocol"], answered["close_reason"]) == (17, "timeout")
    assert (answered["tx_packets"], answered["rx_packets"]) == (1, 1)
    assert answered["rx_bytes"] - answered["tx_bytes"] == len("an answer") - len("question")
    assert (silent["close_reason"], silent["rx_packets"]) == ("no_reply", 0)


@pytest.mark.parametrize(("family", "protocol", "address", "kind"), [
    (socket.AF_INET, socket.IPPROTO_ICMP, "10.77.0.2", 8), (socket.AF_INET6, socket.IPPROTO_ICMPV6, "fd77::2", 128),
])  # fmt: skip
def test_icmp(pair: Pair, near_server: FakeServer, launch: Launch, family: int, protocol: int, address: str, kind: int) -> None:
    """An echo is reported with type and code, and without ports."""
    launch().ready()
    with pair.near.open(family, socket.SOCK_RAW, protocol) as raw:
        content = struct.pack(">HH", 7, 1)
        total = (kind << 8) + 7 + 1
        checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        raw.sendto(struct.pack(">BBH", kind, 0, checksum) + content, (address, 0))
    row = near_server.wait_for(icmp_type=kind, destination_address=address)[0]
    assert (row["protocol"], row["icmp_code"]) == (protocol, 0)
    assert "destination_port" not in row


def test_ipv6(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """A connection over IPv6 is reported like any other, with its owner."""
    launch().ready()
    connection = Connection(pair, "fd77::2", socket.AF_INET6)
    near_server.wait_for(destination_port=connection.port, state="open", process_id=os.getpid())
    connection.close()
    row = near_server.wait_for(destination_port=connection.port, state="closed")[0]
    assert (row["source_address"], row["destination_address"], row["direction"]) == ("fd77::1", "fd77::2", "egress")


def test_refused_and_reset(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """A refused connection says refused; one that was open and then reset says reset."""
    launch().ready()
    connection = Connection(pair)
    with pair.near.open() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("10.77.0.2", 1))
    connection.exchange(10, 10)
    connection.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    assert near_server.wait_for(destination_port=1, state="closed")[0]["close_reason"] == "refused"
    assert near_server.wait_for(destination_port=connection.port, state="closed")[0]["close_reason"] == "reset"


def test_no_reply(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """A TCP connection that nobody answers is an attempt without reply."""
    pair.near.sysctl("nf_conntrack_tcp_timeout_syn_sent", "1")
    pair.near.ip("neigh", "add", "10.77.0.50", "lladdr", "02:00:00:00:00:01", "dev", pair.near_link)
    launch().ready()
    with pair.near.open() as client:
        client.setblocking(False)
        client.connect_ex(("10.77.0.50", 80))
        near_server.wait_for(destination_address="10.77.0.50", state="open")
    _expire(pair, "10.77.0.50")
    row = near_server.wait_for(destination_address="10.77.0.50", state="attempted")[0]
    assert (row["close_reason"], row["rx_packets"]) == ("no_reply", 0)


def test_translation(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """A translated destination is reported before and after translation."""
    pair.near.nft(
        "add table ip n; add chain ip n o { type nat hook output priority -100; }; "
        "add rule ip n o ip daddr 10.88.0.1 tcp dport 80 dnat to 10.77.0.2:8080"
    )
    pair.near.ip("route", "add", "10.88.0.0/24", "via", "10.77.0.2")
    launch().ready()
    with pair.far.open() as listener, pair.near.open() as client:
        listener.bind(("10.77.0.2", 8080))
        listener.listen()
        client.connect(("10.88.0.1", 80))
        row = near_server.wait_for(destination_address="10.88.0.1")[0]
    assert (row["destination_port"], row["nat_destination_address"], row["nat_destination_port"]) == (80, "10.77.0.2", 8080)
    assert "nat_source_address" not in row


def test_routed(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """Traffic that this machine forwards for others is routed, with no direction of its own; masquerading shows."""
    pair.near.ip("addr", "add", "10.66.0.1/24", "dev", pair.near_link)
    pair.far.ip("addr", "add", "10.66.0.2/24", "dev", pair.far_link)
    pair.far.ip("route", "add", "10.55.0.0/24", "via", "10.66.0.1")
    pair.near.ip("route", "add", "10.55.0.0/24", "via", "10.77.0.2")
    pair.near.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    pair.near.nft(
        "add table ip n; add chain ip n p { type nat hook postrouting priority 100; }; add rule ip n p ip daddr 10.55.0.9 masquerade"
    )
    launch().ready()
    with pair.far.open(kind=socket.SOCK_DGRAM) as sender:
        sender.bind(("10.66.0.2", 0))
        sender.sendto(b"through", ("10.55.0.9", 99))
        row = near_server.wait_for(destination_address="10.55.0.9")[0]
    assert (row["connection_type"], row["direction"], row["source_address"]) == ("routed", "unknown", "10.66.0.2")
    assert row["nat_source_address"] == "10.77.0.1"
    assert "process_id" not in row


def test_older_than_agent(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """A connection that was open before the agent is reported at its start and closed when it ends."""
    pair.near.nft(TRACK)
    connection = Connection(pair)
    launch().ready()
    opened = near_server.wait_for(destination_port=connection.port, state="open")[0]
    assert opened["starts"] == 0
    connection.close()
    near_server.wait_for(destination_port=connection.port, state="closed", close_reason="fin")
    assert "tx_bytes" not in _merged(near_server, destination_port=connection.port), "it was not counted from its start"


def test_late_ends(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """Taken from DESTROY alone, a TCP connection's end comes late, but says when the connection was over."""
    pair.near.sysctl("nf_conntrack_tcp_timeout_time_wait", "2")
    launch("--late-ends").ready()
    connection = Connection(pair)
    near_server.wait_for(destination_port=connection.port, state="open")
    connection.close()
    closed_at = time.time()
    until(lambda: str(connection.port) not in pair.near.run("conntrack", "-L", "-p", "tcp"), "the entry expires")
    row = near_server.wait_for(destination_port=connection.port, state="closed", close_reason="fin")[0]
    assert abs(microseconds(row["ended_at"]) / 1e6 - closed_at) < 0.5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_restart(pair: Pair, near_server: FakeServer, launch: Launch, number: int) -> None:
    """A restarted agent, killed or stopped, continues what is open and says what ended without it."""
    first = launch().ready()
    continued, ended = Connection(pair), Connection(pair)
    rows = [near_server.wait_for(destination_port=each.port, state="open")[0] for each in (continued, ended)]
    first.stop(number)
    ended.close()
    pair.near.run("conntrack", "-D", "-p", "tcp", "--dport", str(ended.port))
    near_server.open_flows = [{**row, "icmp_type": None} for row in rows]
    near_server.open_script.append(Scripted(503))
    second = launch().ready()
    lost = near_server.wait_for(destination_port=ended.port, state="lost")[0]
    assert (lost["flow_id"], lost["close_reason"]) == (rows[1]["flow_id"], "lost")
    continued.close()
    near_server.wait_for(destination_port=continued.port, state="closed", close_reason="fin")
    merged = _merged(near_server, destination_port=continued.port)
    assert merged["flow_id"] == rows[0]["flow_id"]
    assert len(near_server.find(destination_port=continued.port, state="open")) in {1, 2}
    assert second.stop() == 0
    assert pair.near.sysctl("nf_conntrack_acct") == "0"
    assert "meshtrail_track" not in pair.near.run("nft", "list", "tables")


def test_leaves_no_trace(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """Settings and our table are there while the agent runs, and gone as they were when it has stopped."""
    before = {name: pair.near.sysctl(f"nf_conntrack_{name}") for name in ("acct", "timestamp", "events")}
    agent = launch().ready()
    assert {pair.near.sysctl(f"nf_conntrack_{name}") for name in before} == {"1"}
    assert "meshtrail_track" in pair.near.run("nft", "list", "tables")
    assert agent.stop() == 0
    assert {name: pair.near.sysctl(f"nf_conntrack_{name}") for name in before} == before
    assert not pair.near.run("nft", "list", "tables").strip()
    near_server.wait(lambda: bool(near_server.facts), "facts")
    facts = near_server.facts[0]
    assert (facts["id"], facts["name"]) == ("r1", "host1")
    assert {"10.77.0.1", "fd77::1"} <= set(facts["addresses"])
    assert facts["users"]["0"] == "root"
    assert facts["metrics"]["capture_reliable"] == 1
    assert abs(facts["metrics"]["clock_us"] / 1e6 - time.time()) < 60


def test_others_track(pair: Pair, launch: Launch) -> None:
    """Where a rule tracks already, the agent adds nothing."""
    pair.near.nft(TRACK)
    launch().ready()
    assert "meshtrail_track" not in pair.near.run("nft", "list", "tables")


def test_stalled_reader(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """A stalled agent loses starts, says so in a gap with their number, and still reports every end."""
    agent = launch("--receive-bytes-new", "65536", "--receive-bytes-destroy", "65536").ready()
    near_server.wait(lambda: bool(near_server.facts), "the agent is connected")
    count = 1_000
    agent.process.send_signal(signal.SIGSTOP)
    with pair.near.open(kind=socket.SOCK_DGRAM) as sender:
        for number in range(count):
            sender.sendto(b"x", ("10.77.0.2", 10_000 + number))
    pair.near.run("conntrack", "-D", "-p", "udp")
    survivor = Connection(pair)
    agent.process.send_signal(signal.SIGCONT)
    gap = near_server.wait_for(state="gap")[0]
    near_server.wait(lambda: len({row["destination_port"] for row in near_server.rows if row.get("ends")}) >= count, "all ends", 20)
    assert gap["gap_cause"] == "buffer_overrun"
    assert gap["started_at"] < gap["ended_at"]
    starts = {row["destination_port"] for row in near_server.rows if row.get("starts") and row.get("protocol") == 17}
    assert starts == set(range(10_000, 10_000 + count)), "an end tells of its start too"
    near_server.wait_for(destination_port=survivor.port, state="open")
    flows = {row["flow_id"] for row in near_server.rows if row.get("protocol") == 17}
    assert len(flows) == count
    survivor.close()
    agent.stop()
    assert 0 < gap["gap_lost"] == agent.counters()["events_dropped"]


def test_full_table(pair: Pair, near_server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When conntrack's table fills, reliable capture is given up, a gap says so, and later it is taken up again."""
    monkeypatch.setattr(limits, "WATCH_INTERVAL_S", 0.0)
    monkeypatch.setattr(limits, "TABLE_FILL_MAX", 0.0)
    monkeypatch.setattr(limits, "TABLE_FILL_CALM", 0.0)
    agent = Agent(AgentConfig(near_server.url, "secret", "r1", "host1", run_folder=tmp_path))

    def reliable() -> bool:
        agent.turn(0.01)
        return bool(agent.metrics()["capture_reliable"])

    def capture() -> None:
        agent.start()
        try:
            until(lambda: not reliable(), "reliability is given up")
            near_server.wait_for(state="gap", gap_cause="buffer_overrun")
            monkeypatch.setattr(limits, "TABLE_FILL_MAX", 0.8)
            monkeypatch.setattr(limits, "TABLE_FILL_CALM", 0.5)
            until(reliable, "reliability is taken up again")
        finally:
            agent.stop()

    pair.near.inside(capture)
    assert agent.metrics()["lossy_switches"] == 2


def test_not_permitted(pair: Pair, launch: Launch) -> None:
    """Without CAP_NET_ADMIN the agent ends with 3, and says what it needs and what to do."""
    agent = launch(prefix=("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"))
    assert agent.process.wait(10) == 3
    lines = agent.text().splitlines()
    assert "CAP_NET_ADMIN" in lines[0]
    assert len([line for line in lines if not re.match(r"\d{4}-", line)]) == 2


def test_one_uplink_connection(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """The agent's own uplink is one connection, reported once, however many batches there are."""
    launch().ready()
    for _ in range(5):
        connection = Connection(pair)
        near_server.wait_for(destination_port=connection.port, state="open")
        connection.close()
        near_server.wait_for(destination_port=connection.port, state="closed")
    assert len({request.client for request in near_server.requests}) == 1
    assert len({row["flow_id"] for row in near_server.find(destination_port=near_server.port)}) == 1


def test_closed_uplink_does_not_feed_itself(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """When the server closes the idle uplink, its end waits for the next reason to talk."""
    agent = launch().ready()
    connection = Connection(pair)
    near_server.wait_for(destination_port=connection.port, state="open")
    near_server.disconnect()
    ended = ("conntrack", "-L", "-p", "tcp", "--dport", str(near_server.port), "--state", "TIME_WAIT")
    until(lambda: pair.near.run(*ended), "the uplink is closed")
    connection.close()
    near_server.wait_for(destination_port=connection.port, state="closed")
    near_server.wait_for(destination_port=near_server.port, state="closed")
    agent.stop()
    assert agent.counters()["connects"] == 2


def test_latency(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """In an idle agent a new connection reaches the server within a tenth of a second."""
    launch().ready()
    near_server.wait(lambda: bool(near_server.facts), "the agent is connected")
    delays = []
    for _ in range(5):
        connection = Connection(pair)
        row = near_server.wait_for(destination_port=connection.port, state="open")[0]
        arrived = near_server.arrived[near_server.rows.index(row)]
        delays.append(arrived - microseconds(row["started_at"]) / 1e6)
        connection.close()
        near_server.wait_for(destination_port=connection.port, state="closed")
    assert sorted(delays)[2] < 0.1, delays


def test_small_process() -> None:
    """Importing the agent brings in nothing heavy."""
    heavy = "pyarrow", "litestar", "rich", "typer", "numpy", "chdb", "structlog"
    script = f"import sys, meshtrail.agent.service; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_idle_is_small(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """An idle agent takes less than 60 MB of memory."""
    agent = launch().ready()
    near_server.wait(lambda: bool(near_server.facts), "facts")
    status = Path(f"/proc/{agent.process.pid}/status").read_text(encoding="ascii")
    assert int(_found(r"VmRSS:\s+(\d+)", status)) < 60_000


def test_flow_id_names_the_entry(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """The flow id leads back to the kernel's entry."""
    launch().ready()
    connection = Connection(pair)
    row = near_server.wait_for(destination_port=connection.port, state="open")[0]
    listed = pair.near.run("conntrack", "-L", "-o", "id", "-p", "tcp", "--dport", str(connection.port))
    number = int(_found(r"id=(\d+)", listed))
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    instance = flowid.instance(boot, pair.near.inside(lambda: Path("/proc/thread-self/ns/net").stat().st_ino))
    assert flowid.conntrack_id(row["flow_id"], instance) == number
    connection.close()


def test_a_part_that_fails_at_the_stop_keeps_no_other_from_it(
    near_server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Our rules and the kernel's settings are put back whatever happens before."""
    agent = Agent(AgentConfig(near_server.url, "secret", "r1", "host1", run_folder=tmp_path, state_folder=tmp_path / "state"))
    stopped: list[str] = []

    def fail() -> None:
        raise RuntimeError("the kernel is gone")

    monkeypatch.setattr(agent._capture, "stop", fail)
    monkeypatch.setattr(agent._rules, "stop", lambda: stopped.append("rules"))
    monkeypatch.setattr(agent._sysctls, "restore", lambda: stopped.append("sysctls"))
    agent.stop()
    assert stopped == ["rules", "sysctls"]
