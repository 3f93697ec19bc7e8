"""What claims say of a person."""

from typing import Any

import pytest

from meshtrail.control.oidc.claims import is_complete, person_of, role_of
from meshtrail.control.permissions import Role

ROLES = (("a", Role.auditor), ("b", Role.admin), ("a", Role.user), ("c", Role.owner))


@pytest.mark.parametrize(
    ("claims", "claim", "groups"),
    [
        ({"groups": ["a", "b", "a"]}, "groups", ("a", "b")),
        ({"groups": "a"}, "groups", ("a",)),
        ({"groups": ["a", 7, None, "", ["b"]]}, "groups", ("a",)),
        ({"groups": {"a": 1}}, "groups", ()),
        ({}, "groups", ()),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ("a",)),
        ({"realm_access": ["a"]}, "realm_access.roles", ()),
        ({"https://example.org/groups": ["a"]}, "https://example.org/groups", ("a",)),
    ],
)
def test_groups(claims: dict[str, Any], claim: str, groups: tuple[str, ...]) -> None:
    """A list, one name, inside of another claim, or under an address; what is no name is passed over."""
    assert person_of({"sub": "s", **claims}, claim).groups == groups


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Ana", "email": "a@b", "preferred_username": "ana"}, "Ana"),
        ({"name": 7, "preferred_username": "ana"}, "ana"),
        ({"name": "", "email": "a@b"}, "a@b"),
        ({}, ""),
    ],
)
def test_names(claims: dict[str, Any], name: str) -> None:
    """The best one that there is."""
    assert person_of({"sub": "s", **claims}, "groups").name == name


def test_the_highest_role_counts() -> None:
    """Whatever the order; without any group there is none."""
    assert role_of(["a"], ROLES) is Role.auditor
    assert role_of(["x", "a", "b"], ROLES) is Role.admin
    assert role_of(["c", "b"], ROLES) is Role.owner
    assert role_of(["A", "x"], ROLES) is None and role_of([], ROLES) is None and role_of(["a"], ()) is None


def test_when_there_is_nothing_left_to_ask() -> None:
    """Groups matter only when they lead somewhere."""
    full = {"name": "Ana", "email": None, "email_verified": False}
    assert is_complete(full, "groups", False) and not is_complete(full, "groups", True)
    assert is_complete({**full, "groups": []}, "groups", True)
    assert not is_complete({"name": "Ana"}, "groups", False)
