"""The connection view over the lab: the reports of both ends and of the router are one connection, and it says whether they agree."""

from collections import defaultdict
from typing import Any

import pytest

from lab.scenes import SCENES
from tests.e2e.conftest import Evening

pytestmark = pytest.mark.netns

TALKS = [(scene.name, label, expected) for scene in SCENES for label, expected in scene.expect.items()]


@pytest.fixture(scope="module")
def joined(evening: Evening) -> list[dict[str, Any]]:
    """All connections, each with the ids of its reports."""
    connections = evening.lab.api.get("/api/v1/connections", limit=1_000)["data"]
    return [connection | {"ids": {report["id"] for report in connection["reports"]}} for connection in connections]


@pytest.mark.parametrize(("scene", "talk"), [(scene, label) for scene, label, _ in TALKS])
def test_reports_of_a_talk_are_one_connection(evening: Evening, joined: list[dict[str, Any]], scene: str, talk: str) -> None:
    """With what they say together: the verdict and the policy of the one that decided."""
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for finding in evening.findings:
        ids[finding.scene, finding.talk].add(str(finding.found["id"]))
    mine = ids[scene, talk]
    found = [connection for connection in joined if connection["ids"] & mine]
    assert [connection["ids"] for connection in found] == [mine]
    expected = next(expected for name, label, expected in TALKS if (name, label) == (scene, talk))
    denied = [expect for expect in expected if expect.verdict == "denied"]
    agreement = "one_side" if len(expected) == 1 else "denied_by_other" if denied else "both"
    assert found[0]["agreement"] == agreement
    assert found[0]["policy_name"] == (denied or expected)[0].policy
    assert found[0]["verdict"] == ("denied" if denied else expected[0].verdict)
    assert found[0]["finding"] is False


ROUTED = [(scene, label) for scene, label, expected in TALKS if scene in {"routed", "domain"}]


@pytest.mark.parametrize(("scene", "talk"), ROUTED)
def test_initiator_and_router_say_the_same_way(evening: Evening, joined: list[dict[str, Any]], scene: str, talk: str) -> None:
    """A router's counters are turned the way of the initiator's, packet by packet, with translation and without."""
    mine = {str(finding.found["id"]) for finding in evening.findings if (finding.scene, finding.talk) == (scene, talk)}
    (found,) = (connection for connection in joined if connection["ids"] & mine)
    assert [report["role"] for report in found["reports"]] == ["initiator", "router"]
    assert found["connection_type"] == "routed"
    for name in ("bytes_to_destination", "bytes_to_source", "packets_to_destination", "packets_to_source"):
        assert {report[name] for report in found["reports"]} == {found[name]}


def test_nobody_is_missed_who_need_not_report(joined: list[dict[str, Any]]) -> None:
    """Not who was told to be silent for a while, nor who was removed; the settings of the time of each connection count."""
    assert [(each["id"], each["missing"]) for each in joined if each["missing"] and each["state"] != "attempted"] == []
