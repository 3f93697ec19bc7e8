"""The lab's scenes, over real sockets: each connection is reported by whom it should, as it should, with what the sockets counted."""

import pytest

from lab.changes import CHANGES
from lab.scenes import SCENES
from tests.e2e.conftest import Evening

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("name", [scene.name for scene in (*SCENES, *CHANGES)])
def test_scene(evening: Evening, name: str) -> None:
    """Reporters, state, verdict, policy, direction, bytes within one percent, packets exactly."""
    found = [finding for finding in evening.findings if finding.scene == name]
    assert found
    wrong = [(finding.talk, finding.reporter, finding.problems, finding.found) for finding in found if not finding.holds]
    assert not wrong
