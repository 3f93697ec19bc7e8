"""Denials on their way through the agent, from the kernel's log to the server."""

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.conftest import Launch
from tests.agent.fake_server import FakeServer
from tests.agent.netns import Namespace, Pair, until

pytestmark = pytest.mark.netns

DENY = (
    "add table inet g; add chain inet g i { type filter hook input priority 0; };"
    'add rule inet g i tcp dport 22 log prefix "meshtrail:p1:r1@4:D" group 2801 snaplen 96 queue-threshold 64 counter drop;'
    'add rule inet g i udp dport 53 log prefix "meshtrail::default@0:D" group 2801 drop;'
    "add rule inet g i ct state new counter"
)


def _knock(namespace: Namespace, address: str, port: int, source_port: int = 0, kind: int = socket.SOCK_STREAM) -> int:
    """Try to connect; the source port."""
    with namespace.open(socket.AF_INET, kind) as client:
        client.settimeout(0.2)
        client.bind(("", source_port))
        with contextlib.suppress(OSError):
            client.connect((address, port))
            client.send(b"x")
        return int(client.getsockname()[1])


def test_denied(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """The denying machine reports a denial with the rule that its prefix names, and no connection."""
    pair.near.nft(DENY)
    launch().ready()
    port = _knock(pair.far, "10.77.0.1", 22)
    row = near_server.wait_for(state="denied", destination_port=22)[0]
    assert (row["verdict"], row["direction"], row["connection_type"], row["source_port"]) == ("denied", "ingress", "p2p", port)
    assert (row["policy_id"], row["rule_id"], row["policy_version"], row["attribution"]) == ("p1", "r1", 4, "reported")
    assert row["drops"] == 1
    _knock(pair.far, "10.77.0.1", 53, kind=socket.SOCK_DGRAM)
    row = near_server.wait_for(state="denied", destination_port=53)[0]
    assert (row["attribution"], row.get("policy_id")) == ("default_deny", None)
    assert not near_server.find(state="open", destination_port=22)


def test_initiator_reports_its_attempt(pair: Pair, near_server: FakeServer, launch: Launch) -> None:
    """Whom the other side denies opens a connection without an answer: an attempt, of which nobody here knows the verdict."""
    pair.far.nft("add table inet g; add chain inet g i { type filter hook input priority 0; }; add rule inet g i tcp dport 22 drop")
    launch().ready()
    pair.near.sysctl("nf_conntrack_tcp_timeout_syn_sent", "1")
    _knock(pair.near, "10.77.0.2", 22)
    until(lambda: "10.77.0.2" not in pair.near.run("conntrack", "-L"), "the entry expires")
    near_server.wait_for(state="attempted", destination_port=22)
    row = near_server.find(state="attempted", destination_port=22)[0]
    assert (row["verdict"], row["close_reason"], row["direction"]) == ("unknown", "no_reply", "egress")


def test_group_with_an_owner(pair: Pair, near_server: FakeServer, launch: Launch, tmp_path: Path) -> None:
    """Another owner of the group costs the denials, which is said once, and nothing else."""
    pair.near.nft(DENY)
    first = launch("--reporter-id", "r0").ready()
    second = launch("--reporter-id", "r2", "--run-dir", str(tmp_path / "second"), "--state-dir", str(tmp_path / "second")).ready()
    until(lambda: "already has an owner" in second.text(), "it is said")
    assert "--nflog-group" in second.text()
    _knock(pair.far, "10.77.0.1", 22)
    assert near_server.wait_for(state="denied")[0]["reporter_id"] == "r0"
    first.stop()


@pytest.fixture
def open_folder() -> Iterator[str]:
    """A folder that other users can reach; pytest's own cannot be."""
    with tempfile.TemporaryDirectory() as made:
        yield made


def test_unprivileged(pair: Pair, near_server: FakeServer, launch: Launch, open_folder: str) -> None:
    """A user without any right but CAP_NET_ADMIN captures, sets the kernel's settings, adds the tracking table, hears denials."""
    pair.near.nft(DENY.rsplit(";", 1)[0])
    folder = Path(open_folder)
    (folder / "token").write_text("secret")
    for each in (folder, folder / "token"):
        os.chown(each, 65_534, 65_534)
    options = ("--token-file", str(folder / "token"), "--run-dir", open_folder, "--state-dir", str(folder / "state"))
    privileges = ("--inh-caps=+net_admin", "--ambient-caps=+net_admin", "--bounding-set=-all,+net_admin")
    launch(*options, prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *privileges)).ready()
    assert pair.near.sysctl("nf_conntrack_acct") == "1"
    assert "meshtrail_track" in pair.near.run("nft", "list", "tables")
    _knock(pair.far, "10.77.0.1", 22)
    near_server.wait_for(state="denied")
