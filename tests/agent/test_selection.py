"""What is reported, by options and settings."""

import ipaddress
from typing import Any

import pytest

from meshtrail.agent.networks import Networks
from meshtrail.agent.report import Reporter
from meshtrail.agent.selection import Selection
from meshtrail.model.network_map import AgentSettings
from tests.agent.records import FAR, NEAR, new

PUBLIC = ipaddress.ip_address("8.8.8.8").packed
LAN = ipaddress.ip_address("10.60.0.5").packed


def _selection(**options: Any) -> Selection:
    return Selection(Reporter("r", "n", frozenset({NEAR})), **options)


def test_everything() -> None:
    """Without options and with the usual settings nothing is asked."""
    assert _selection().all
    assert not _selection(ignore_loopback=True).all
    assert not _selection(ignore=(ipaddress.ip_network("10.0.0.0/8"),)).all


@pytest.mark.parametrize(
    ("settings", "record", "wanted"),
    [
        (AgentSettings(collect=False), new(), False),
        (AgentSettings(collect_dns=False), new(destination_port=53), False),
        (AgentSettings(collect_dns=False), new(destination_port=443), True),
        (AgentSettings(collect_exit_node=False), new(source=FAR, destination=PUBLIC, reply_source=PUBLIC), False),
        (AgentSettings(collect_exit_node=False), new(source=FAR, destination=LAN, reply_source=LAN), True),
        (AgentSettings(collect_exit_node=False), new(source=NEAR, destination=PUBLIC, reply_source=PUBLIC), True),
    ],
)
def test_settings(settings: AgentSettings, record: Any, wanted: bool) -> None:
    """Collection as a whole, names, and what an exit node forwards to the world, each can be switched off."""
    selection = _selection()
    selection.follow(settings)
    assert not selection.all
    assert selection.wants(record) is wanted


def test_public_resource_is_no_exit() -> None:
    """A public address that is a resource of the network is reported, whatever the exit node's setting."""
    selection = _selection()
    selection.follow(AgentSettings(collect_exit_node=False), Networks(("8.8.8.8/32",)))
    assert selection.wants(new(source=FAR, destination=PUBLIC, reply_source=PUBLIC))
    assert not selection.wants(new(source=FAR, destination=b"\x08\x08\x04\x04", reply_source=PUBLIC))


def test_back_to_all() -> None:
    """Settings are followed both ways."""
    selection = _selection()
    selection.follow(AgentSettings(collect=False))
    assert not selection.collects
    selection.follow(AgentSettings())
    assert selection.collects
    assert selection.all
