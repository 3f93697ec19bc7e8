"""Scenes: what they are made of, and how they are played."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from lab.check import Checker
from lab.expect import Expect, Finding, Row, findings
from lab.lab import Lab
from lab.limits import CHECK_S_MAX, PLAYED_TOGETHER
from lab.namespace import program
from lab.organisation import Policy
from lab.topology import Node
from lab.traffic import Talk

Talks = list[tuple[str, Talk]]
"""Talks of a scene with their labels; expectations stand under the same labels."""


class Stage:
    """What a scene sees of the lab."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name
        self.early: list[Finding] = []
        """What was looked at while the scene ran."""

    def __getitem__(self, name: str) -> Node:
        return self.lab.network[name]

    def resolve(self, node: str, name: str) -> str:
        """The IPv4 address of a name, as programs on a node see it."""
        return self[node].space.run(program("getent", "libc-bin"), "ahostsv4", name).split()[0]

    def settings(self, changed: dict[str, Any], *peers: str) -> None:
        """Change settings of the organisation from what they were at first, and wait until these peers have heard of it."""
        marks = {peer: self.lab.said(peer) for peer in peers}
        self.lab.organisation.set(changed)
        for peer, mark in marks.items():
            self.lab.hears(peer, "settings of network map", mark)

    def change(self, name: str, to: Policy, *peers: str) -> None:
        """Change a policy, and wait until these peers enforce it."""
        marker = self.lab.organisation.change(name, to)
        for peer in peers:
            self.lab.enforced(peer, marker)

    def see(self, label: str, talk: Talk, expected: Iterable[Expect]) -> None:
        """Wait until the API shows this of a talk that goes on."""
        self.early += Checker(self.lab.api).see(self.name, label, talk, expected)


@dataclass(frozen=True, slots=True)
class Scene:
    """Connections of one kind, and what is to be recorded of them."""

    name: str
    text: str
    """What happens, for people."""
    play: Callable[[Stage], Talks]
    expect: dict[str, tuple[Expect, ...]]


@dataclass(slots=True)
class Played:
    """A scene that has been played."""

    scene: Scene
    talks: Talks = field(default_factory=list)
    early: list[Finding] = field(default_factory=list)
    failure: str = ""
    """Why it could not be played to its end."""

    def findings(self, rows: list[Row]) -> list[Finding]:
        """What these rows say of it."""
        name = self.scene.name
        return [found for label, talk in self.talks for found in findings(name, label, talk, self.scene.expect[label], rows)]

    @property
    def settled(self) -> list[Finding]:
        """What later rows do not change."""
        failed = [Finding(self.scene.name, "", "", {}, {}, [self.failure])] if self.failure else []
        return failed + self.early


def check(checker: Checker, played: Iterable[Played], wait_s: float = CHECK_S_MAX) -> list[Finding]:
    """Wait until the API shows what is expected of these scenes; the findings in the scenes' order."""
    scenes = list(played)
    late = checker.until(lambda rows: [finding for each in scenes for finding in each.findings(rows)], wait_s)
    settled = [finding for each in scenes for finding in each.settled]
    order = {each.scene.name: number for number, each in enumerate(scenes)}
    return sorted(settled + late, key=lambda finding: order[finding.scene])


def play(lab: Lab, scenes: Iterable[Scene], together: int = PLAYED_TOGETHER) -> list[Played]:
    """Play scenes, several at a time. A scene that fails does not stop the others."""
    with ThreadPoolExecutor(together, "scene") as pool:
        return list(pool.map(lambda scene: _play(lab, scene), scenes))


def _play(lab: Lab, scene: Scene) -> Played:
    stage = Stage(lab, scene.name)
    try:
        return Played(scene, scene.play(stage), stage.early)
    except Exception as error:  # noqa: BLE001  shown as the scene's finding
        return Played(scene, [], stage.early, f"{type(error).__name__}: {error}")
