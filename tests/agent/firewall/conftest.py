"""Fixtures: a firewall in the near namespace, with a clock that the test moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.firewall.bench import Bench
from tests.agent.netns import Pair


@pytest.fixture
def bench(pair: Pair, tmp_path: Path) -> Iterator[Bench]:
    """A firewall in the near namespace; connections come from the far one."""
    made = Bench(pair, tmp_path)
    yield made
    made.close()
