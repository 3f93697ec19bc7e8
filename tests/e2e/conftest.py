"""The lab of the end-to-end tests: built and played once for all of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.compare import Comparison, compare
from lab.expect import Finding
from lab.lab import Lab
from lab.namespace import forbidden
from lab.scenes import SCENES
from lab.stage import check, play


@dataclass(frozen=True, slots=True)
class Evening:
    """All scenes, played."""

    findings: list[Finding]
    comparisons: list[Comparison]


@pytest.fixture(scope="session")
def evening() -> Iterator[Evening]:
    """Findings of all scenes, and the captures of the same run."""
    if reason := forbidden():
        pytest.skip(reason)
    with Lab(capture=True) as lab:
        found = check(lab.checker, play(lab, SCENES))
        captured = lab.stop_captures()
        rows = lab.checker.rows()
        yield Evening(found, [compare(name, seen, rows) for name, seen in captured.items()])
