"""What an application of the document does, step by step."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec


class Doing(StrEnum):
    """What is done to a thing."""

    create = "create"
    update = "update"
    delete = "delete"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one thing."""

    action: Doing
    kind: str
    """`group`, `network`, `resource`, `router`, `policy`, `enrolment key` or `settings`."""
    name: str
    place: str
    """Where the document says so; empty where it says nothing."""
    before: dict[str, Any]
    """What differs, as it was; of a thing that is deleted, all of it."""
    after: dict[str, Any]
    """What differs, as it is to be; of a thing that is made, all of it."""


class NewKey(msgspec.Struct, frozen=True):
    """An enrolment key that was made. It is shown this once."""

    id: str
    name: str
    key: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, or would be."""

    applied: bool
    steps: list[Step]
    plan: str
    """Digest of the steps: given back with the document, it makes sure that what was shown is what is done."""
    keys: list[NewKey] = []


def digest(steps: Sequence[Step]) -> str:
    """The same for the same steps."""
    return hashlib.sha256(msgspec.json.encode(steps, order="deterministic")).hexdigest()[:32]
