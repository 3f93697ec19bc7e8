"""What the agent says of its machine."""

import os
import pwd
import socket

import msgspec

from meshtrail.agent import facts


def test_reporter_id() -> None:
    """The machine's name in events is always the same, and is not its machine id."""
    assert facts.reporter_id() == facts.reporter_id()
    assert len(facts.reporter_id()) == 20


def test_addresses() -> None:
    """The loopback address is among our own, and no broadcast address is."""
    found = facts.addresses()
    assert socket.inet_aton("127.0.0.1") in found.own
    assert not found.own & found.broadcast


def test_gather() -> None:
    """Name, system, addresses and users are told as JSON."""
    row = msgspec.json.decode(msgspec.json.encode(facts.gather("r1", "host", frozenset({b"\x0a\0\0\1"}))))
    assert (row["id"], row["name"], row["addresses"]) == ("r1", "host", ["10.0.0.1"])
    assert row["users"][str(os.getuid())] == pwd.getpwuid(os.getuid()).pw_name
