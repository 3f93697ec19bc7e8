"""Fixtures of the control store's tests."""

from collections.abc import Iterator

import pytest

from meshtrail.control.places import Place
from meshtrail.control.service import Control
from tests.control.organisation import Clock, Organisation


@pytest.fixture
def clock() -> Clock:
    """Time that the test moves."""
    return Clock()


@pytest.fixture
def control(place: Place, clock: Clock) -> Iterator[Control]:
    """An empty control store, of each kind."""
    opened = Control(place, clock)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def organisation(control: Control, clock: Clock) -> Organisation:
    """An organisation that has nothing yet."""
    return Organisation(control, control.add_organisation("test"), clock)
