"""Tokens: whose they are, what they may, when they end."""

import pytest

from meshtrail.common.errors import ForbiddenError, NotFoundError, UnauthenticatedError, UnusableError
from meshtrail.control.actor import system
from meshtrail.control.limits import TOKENS_PER_USER_MAX
from meshtrail.control.permissions import ALL_PERMISSIONS, BUNDLES, ROLES, Permission, Role, Scope
from meshtrail.control.service import Control
from meshtrail.control.users import UserChange
from tests.control.organisation import Clock, Organisation
from tests.control.told import codes, told

pytestmark = pytest.mark.usefixtures("cheap_passwords")


def service_user(organisation: Organisation, role: Role) -> str:
    """A new user for programs."""
    return organisation.control.users.create(system(organisation.id), ALL_PERMISSIONS, name=role, role=role, service=True)[0]


def test_a_token_works_until_it_expires_or_is_deleted(control: Control, organisation: Organisation, clock: Clock) -> None:
    """Its identity has the organisation and the rights it was made with."""
    by, tokens = system(organisation.id), control.tokens
    identifier, secret = tokens.create(by, ALL_PERMISSIONS, "test", {Scope.read}, lifetime_s=60)
    identity = control.token_identity(secret)
    assert (identity.org_id, identity.permissions, identity.token_id) == (organisation.id, BUNDLES[Scope.read], identifier)
    clock.pass_s(61)
    with pytest.raises(UnauthenticatedError):
        control.token_identity(secret)
    other, secret = tokens.create(by, ALL_PERMISSIONS, "other", {Permission.ingest})
    with pytest.raises(NotFoundError):
        tokens.delete(system(control.add_organisation("another")), other)
    tokens.delete(by, other)
    with pytest.raises(UnauthenticatedError):
        control.token_identity(secret)
    assert codes(control, organisation.id) == ["token.create", "token.create", "token.delete"]


def test_a_users_token_follows_the_role(control: Control, organisation: Organisation) -> None:
    """Its rights are what scopes and role have in common now; blocking the user refuses it, in the words NetBird's clients know."""
    by = system(organisation.id)
    user = service_user(organisation, Role.auditor)
    _, all_of_it = control.tokens.create_for(by, ALL_PERMISSIONS, user, "all")
    _, some = control.tokens.create_for(by, ALL_PERMISSIONS, user, "some", [Permission.audit_read, Permission.policies_read])
    assert control.token_identity(all_of_it).permissions == ROLES[Role.auditor]
    assert control.token_identity(some).permissions == {Permission.audit_read, Permission.policies_read}
    control.users.update(by, ALL_PERMISSIONS, user, UserChange(role=Role.user))
    assert control.token_identity(all_of_it).permissions == ROLES[Role.user]
    assert control.token_identity(some).permissions == frozenset()
    control.users.update(by, ALL_PERMISSIONS, user, UserChange(blocked=True))
    with pytest.raises(ForbiddenError, match="blocked"):
        control.token_identity(all_of_it)
    control.users.delete(by, ALL_PERMISSIONS, user)
    with pytest.raises(UnauthenticatedError):
        control.token_identity(some)


def test_no_token_has_more_rights_than_its_maker(control: Control, organisation: Organisation) -> None:
    """Neither one of the organisation, nor one of a user with a higher role, nor one without scopes."""
    by = system(organisation.id)
    rights = frozenset({Permission.tokens_write, Permission.traffic_read})
    control.tokens.create(by, rights, "same", [Permission.traffic_read])
    for scopes in (["audit.read"], ["read"], ["admin"]):
        with pytest.raises(ForbiddenError):
            control.tokens.create(by, rights, "more", scopes)
    auditor = service_user(organisation, Role.auditor)
    with pytest.raises(ForbiddenError):
        control.tokens.create_for(by, rights, auditor, "more")
    with pytest.raises(ForbiddenError):
        control.tokens.create_for(by, rights, auditor, "less", [Permission.traffic_read])
    plain = service_user(organisation, Role.user)
    with pytest.raises(ForbiddenError):
        control.tokens.create_for(by, rights, plain, "all of it")
    control.tokens.create_for(by, rights, plain, "less", [Permission.traffic_read])


def test_scopes_have_to_be_known(control: Control, organisation: Organisation) -> None:
    """And a token of the organisation needs one."""
    for scopes in (["everything"], [], ["read write"]):
        with pytest.raises(UnusableError, match="scopes"):
            control.tokens.create(system(organisation.id), ALL_PERMISSIONS, "t", scopes)


def test_tokens_are_listed_without_secrets(control: Control, organisation: Organisation) -> None:
    """Each with its user; those of the organisation apart; the events tell whose they are and no secret."""
    by = system(organisation.id)
    user = service_user(organisation, Role.user)
    ours, _ = control.tokens.create(by, ALL_PERMISSIONS, "ours", {Scope.read})
    theirs, secret = control.tokens.create_for(by, ALL_PERMISSIONS, user, "theirs", lifetime_s=86_400)
    assert [each.id for each in control.tokens.list_all(organisation.id)] == [ours]
    (listed,) = control.tokens.list_of(organisation.id, user)
    assert listed == control.tokens.get_of(organisation.id, user, theirs)
    assert (listed.id, listed.created_by, listed.user_id, listed.scopes) == (theirs, "sys", user, ())
    assert control.token_identity(secret).user == control.users.get(organisation.id, user)
    with pytest.raises(NotFoundError):
        control.tokens.get_of(organisation.id, user, ours)
    with pytest.raises(NotFoundError):
        control.tokens.delete(by, theirs)
    control.tokens.delete_of(by, ALL_PERMISSIONS, user, theirs)
    events = told(control, organisation.id)
    assert [each["activity_code"] for each in events[1:]] == [
        "token.create", "personal.access.token.create", "personal.access.token.delete",
    ]  # fmt: skip
    assert events[2]["meta"] == {"name": "theirs", "username": "user"}
    assert secret not in str(events)


def test_the_number_of_tokens_is_limited(control: Control, organisation: Organisation) -> None:
    """One too many is refused."""
    user = service_user(organisation, Role.user)
    for _ in range(TOKENS_PER_USER_MAX):
        control.tokens.create_for(system(organisation.id), ALL_PERMISSIONS, user, "t")
    with pytest.raises(UnusableError, match="more are not possible"):
        control.tokens.create_for(system(organisation.id), ALL_PERMISSIONS, user, "t")
