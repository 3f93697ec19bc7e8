"""The lab of the end-to-end tests: built and played once for all of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.changes import CHANGES
from lab.compare import Comparison, compare
from lab.expect import Finding
from lab.lab import Lab
from lab.namespace import forbidden
from lab.scenes import SCENES
from lab.stage import check, play


@dataclass(frozen=True, slots=True)
class Evening:
    """All scenes, played."""

    lab: Lab
    findings: list[Finding]
    comparisons: list[Comparison]


@pytest.fixture(scope="package")
def evening() -> Iterator[Evening]:
    """Findings of all scenes, and the captures of the same run."""
    if reason := forbidden():
        pytest.skip(reason)
    with Lab(capture=True) as lab:
        found = check(lab.checker, play(lab, SCENES))
        rows = lab.checker.rows()
        compared = [compare(name, seen, rows) for name, seen in lab.stop_captures().items()]
        found += check(lab.checker, play(lab, CHANGES, together=1))
        yield Evening(lab, found, compared)
