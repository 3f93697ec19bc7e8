"""Where somebody begins, and what the bar leads to."""

import pytest

from meshtrail.control.permissions import ROLES, Permission, Role
from meshtrail.web.navigation import ENTRIES, entries, landing

ONE_OF = frozenset({Permission.profile_read.value})


def test_keys_and_rights_are_sound() -> None:
    """No two pages have the same key; each right exists."""
    assert len({entry.key for entry in ENTRIES}) == len(ENTRIES)
    assert {entry.right for entry in ENTRIES} <= {right.value for right in Permission}


@pytest.mark.parametrize("role", list(Role))
def test_everybody_begins_where_they_may(role: Role) -> None:
    """On the first page of the bar."""
    rights = frozenset(right.value for right in ROLES[role])
    assert landing(rights) == entries(rights)[0].path
    assert landing(rights) == ("/settings" if role is Role.user else ENTRIES[0].path)


def test_whoever_may_nothing_signs_in_as_somebody_else() -> None:
    """And when nothing is known of somebody, every page is there."""
    assert landing(frozenset()) == "/sign-in"
    assert entries(None) == ENTRIES
    assert landing(ONE_OF) == "/settings"
