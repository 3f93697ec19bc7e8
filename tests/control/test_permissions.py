"""Roles and scopes."""

from meshtrail.control.permissions import ALL_PERMISSIONS, BUNDLES, ROLE_NOTES, ROLES, Permission, Role, Scope, permissions_of
from meshtrail.model.columns import FAMILIES


def test_every_family_has_a_right_to_be_read() -> None:
    """Apart from the others."""
    assert {f"{family}.read" for family in FAMILIES} <= set(Permission)


def test_roles_are_what_their_names_say() -> None:
    """Each has its words; an auditor changes nothing, a user has nothing but the own profile; only an owner destroys evidence."""
    assert set(ROLES) == set(ROLE_NOTES) == set(Role)
    changing = {each for each in Permission if each.endswith(".write")} - {Permission.profile_write}
    changing |= {Permission.ingest, Permission.approve, Permission.delete_logs}
    assert not ROLES[Role.auditor] & changing
    assert ROLES[Role.auditor] >= {each for each in Permission if each.endswith(".read")} | {Permission.export}
    assert ROLES[Role.user] == {Permission.profile_read, Permission.profile_write}
    assert [role for role in Role if Permission.delete_logs in ROLES[role]] == [Role.owner]
    assert ROLES[Role.user] < ROLES[Role.network_admin] < ROLES[Role.admin] < ROLES[Role.owner] == ALL_PERMISSIONS


def test_old_scopes_are_bundles() -> None:
    """Together they are everything, and none holds what another does; what is unknown allows nothing."""
    assert permissions_of(Scope) == ALL_PERMISSIONS
    assert not BUNDLES[Scope.read] & BUNDLES[Scope.admin]
    assert permissions_of(["read", "audit.read"]) == BUNDLES[Scope.read] | {Permission.audit_read}
    assert permissions_of(["nonsense", ""]) == frozenset()
    assert Permission.audit_read not in BUNDLES[Scope.read], "a token of before must not show more today"
