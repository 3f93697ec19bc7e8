"""A line of the benchmark: a figure beside its aim."""

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `holds` is None where there is no aim: the number is there to be compared with."""

    name: str
    value: float
    unit: str
    aim: str = ""
    holds: bool | None = None


def at_least(name: str, value: float, unit: str, aim: float) -> Figure:
    """A figure that should not be smaller than its aim."""
    return Figure(name, value, unit, f"≥ {aim:,g}", value >= aim)


def at_most(name: str, value: float, unit: str, aim: float) -> Figure:
    """A figure that should not be larger than its aim."""
    return Figure(name, value, unit, f"≤ {aim:,g}", value <= aim)


def apart(work: Callable[..., T], *arguments: Any) -> T:
    """Run in a process of its own: an embedded engine holds one folder in a process, and memory is measured apart."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)
