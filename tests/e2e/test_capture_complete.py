"""What tcpdump saw on each peer's link is what that peer reported: every connection, and no other, to the packet and byte."""

import pytest

from lab.topology import PEERS
from tests.e2e.conftest import Evening

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("name", PEERS)
def test_capture_and_store_agree(evening: Evening, name: str) -> None:
    """Both ways: no connection without a row, no row without a connection."""
    (comparison,) = (each for each in evening.comparisons if each.reporter == name)
    assert comparison.problems == []
    assert comparison.agreed >= 1
