"""The catalogue of audit codes is complete, documented and well formed."""

import re

import pytest

from meshtrail.model.activities import BY_CODE, Activity, TargetType

NETBIRD = set(range(143)) - {138} | {99_999}
"""NetBird's numeric ids."""


def test_every_number_of_netbird_is_there_once() -> None:
    """143 numbers, none twice, and no other."""
    numbers = [activity.number for activity in Activity if activity.number is not None]
    assert len(numbers) == len(set(numbers)) == 143
    assert set(numbers) == NETBIRD


@pytest.mark.parametrize(
    ("code", "number", "sentence"),
    [
        ("peer.user.add", 0, "Peer added"), ("policy.update", 10, "Policy updated"), ("setupkey.overuse", 15, "Setup key overused"),
        ("dashboard.login", 51, "Dashboard login"), ("account.settings.auto.version.update", 92, "Account AutoUpdate Version updated"),
        ("agent_network.settings.delete", 142, "Agent Network settings deleted"), ("account.delete", 99_999, "Account deleted"),
    ],
)  # fmt: skip
def test_codes_of_netbird_keep_number_and_sentence(code: str, number: int, sentence: str) -> None:
    """What its clients know an activity by."""
    activity = BY_CODE[code]
    assert (activity.number, activity.sentence) == (number, sentence)


@pytest.mark.parametrize("activity", Activity)
def test_codes_follow_the_grammar_and_say_what_they_mean(activity: Activity) -> None:
    """Words joined by dots; a sentence without a full stop, an explanation with one, a target."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+", activity)
    assert activity.name == activity.replace(".", "_")
    assert activity.sentence and not activity.sentence.endswith(".")
    assert activity.doc.endswith(".")
    assert isinstance(activity.target, TargetType)
    assert str(activity) == activity.value
