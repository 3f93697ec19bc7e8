"""Fixtures of the control store's tests."""

from collections.abc import Iterator

import argon2
import pytest

from meshtrail.control import passwords
from meshtrail.control.places import Place
from meshtrail.control.service import Control
from tests.control.organisation import Clock, Organisation


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed with little memory and time: for tests that make many users and are not about hashing."""
    monkeypatch.setattr(passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


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
