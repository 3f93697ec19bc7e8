"""Sessions and sign-in links: whose they are and when they end."""

import pytest

from meshtrail.common.errors import ForbiddenError, NotFoundError, UnauthenticatedError, UnusableError
from meshtrail.control.actor import Origin, system
from meshtrail.control.limits import INVITE_S, SESSION_S, SESSIONS_PER_USER_MAX, SIGN_IN_LINK_S
from meshtrail.control.permissions import ALL_PERMISSIONS, BUNDLES, ROLES, Role, Scope
from meshtrail.control.service import Control
from meshtrail.control.user_rows import actor_of
from meshtrail.control.users import UserChange
from tests.control.organisation import Clock, Organisation
from tests.control.told import told

HERE = Origin("192.0.2.7", "browser", "request")

pytestmark = pytest.mark.usefixtures("cheap_passwords")


def person(organisation: Organisation, email: str = "ana@example.org", role: Role = Role.auditor) -> str:
    """A new person."""
    return organisation.control.users.create(system(organisation.id), ALL_PERMISSIONS, email=email, role=role)[0]


def test_a_link_signs_its_user_in_once_and_not_for_long(control: Control, organisation: Organisation, clock: Clock) -> None:
    """The owner, when no user is named; a second use and a late use are refused."""
    by = system(organisation.id)
    code = control.sessions.add_link(by)
    started = control.sessions.use_link(code, HERE)
    identity = control.session_identity(started.secret)
    assert (identity.role, identity.permissions, identity.session_id) == (Role.owner, ALL_PERMISSIONS, started.id)
    with pytest.raises(UnauthenticatedError):
        control.sessions.use_link(code)
    user = person(organisation)
    other = control.session_identity(control.sessions.use_link(control.sessions.add_link(by, user)).secret)
    assert other.user is not None and other.user.id == user and other.permissions == ROLES[Role.auditor]
    late = control.sessions.add_link(by)
    clock.pass_s(SIGN_IN_LINK_S + 1)
    with pytest.raises(UnauthenticatedError):
        control.sessions.use_link(late)


def test_the_events_say_who_and_from_where(control: Control, organisation: Organisation) -> None:
    """Not the session's secret."""
    started = control.sessions.use_link(control.sessions.add_link(system(organisation.id)), HERE)
    made, login, used = told(control, organisation.id)
    assert [each["activity_code"] for each in (made, login, used)] == ["sign_in.link.create", "dashboard.login", "sign_in.link.use"]
    assert (login["initiator_ip"], login["user_agent"], login["request_id"]) == ("192.0.2.7", "browser", "request")
    assert (login["initiator_name"], login["session_id"], login["meta"]) == ("Owner", started.id, {"method": "link"})
    assert started.secret not in str([made, login, used])


def test_a_session_ends(control: Control, organisation: Organisation, clock: Clock) -> None:
    """By itself after its time, when it is ended, and when its user is blocked or deleted."""
    by, user = system(organisation.id), person(organisation)
    first, second, third = (control.sessions.start(control.users.get(organisation.id, user), "test") for _ in range(3))
    assert len({first.id, second.id, third.id}) == 3
    control.sessions.end(by, first.secret)
    control.sessions.end(by, first.secret)
    control.sessions.revoke(by, ALL_PERMISSIONS, user, second.id)
    for ended in (first, second):
        with pytest.raises(UnauthenticatedError):
            control.session_identity(ended.secret)
    assert control.session_identity(third.secret).user is not None
    control.users.update(by, ALL_PERMISSIONS, user, UserChange(blocked=True))
    with pytest.raises(UnauthenticatedError):
        control.session_identity(third.secret)
    control.users.update(by, ALL_PERMISSIONS, user, UserChange(blocked=False))
    late = control.sessions.start(control.users.get(organisation.id, user), "test")
    clock.pass_s(SESSION_S + 1)
    with pytest.raises(UnauthenticatedError):
        control.session_identity(late.secret)


def test_a_tokens_session_ends_with_the_token(control: Control, organisation: Organisation, clock: Clock) -> None:
    """It has the token's rights, and no longer than the token."""
    by = system(organisation.id)
    token, _ = control.tokens.create(by, ALL_PERMISSIONS, "t", {Scope.read})
    started = control.sessions.start_with_token(token, organisation.id, by)
    assert control.session_identity(started.secret).permissions == BUNDLES[Scope.read]
    control.tokens.delete(by, token)
    with pytest.raises(UnauthenticatedError):
        control.session_identity(started.secret)
    short, _ = control.tokens.create(by, ALL_PERMISSIONS, "t", {Scope.read}, lifetime_s=60)
    started = control.sessions.start_with_token(short, organisation.id, by)
    clock.pass_s(61)
    with pytest.raises(UnauthenticatedError):
        control.session_identity(started.secret)
    with pytest.raises(NotFoundError):
        control.sessions.start_with_token(short, control.add_organisation("another"), by)


def test_sessions_are_listed_and_few(control: Control, organisation: Organisation, clock: Clock) -> None:
    """Past the limit the oldest ends; another organisation sees and ends none."""
    user = person(organisation)
    secrets = []
    for _ in range(SESSIONS_PER_USER_MAX + 1):
        clock.pass_s(1)
        secrets.append(control.sessions.start(control.users.get(organisation.id, user), "test", HERE).secret)
    listed = control.sessions.list_of(organisation.id, user)
    assert len(listed) == SESSIONS_PER_USER_MAX
    assert (listed[0].address, listed[0].user_agent) == ("192.0.2.7", "browser")
    with pytest.raises(UnauthenticatedError):
        control.session_identity(secrets[0])
    another = control.add_organisation("another")
    with pytest.raises(NotFoundError):
        control.sessions.list_of(another, user)
    with pytest.raises(NotFoundError):
        control.sessions.revoke(system(another), ALL_PERMISSIONS, user, listed[0].id)


def test_sessions_of_a_token_are_few(control: Control, organisation: Organisation, clock: Clock) -> None:
    """The oldest one goes."""
    by = system(organisation.id)
    identifier, _ = control.tokens.create(by, ALL_PERMISSIONS, "t", [Scope.read])
    started = []
    for _ in range(SESSIONS_PER_USER_MAX + 1):
        clock.pass_s(1)
        started.append(control.sessions.start_with_token(identifier, organisation.id, by).secret)
    with pytest.raises(UnauthenticatedError):
        control.session_identity(started[0])
    assert control.session_identity(started[1]).token_id == control.session_identity(started[-1]).token_id == identifier


def test_nobody_ends_sessions_of_the_more_powerful(control: Control, organisation: Organisation) -> None:
    """An administrator those of an owner."""
    owner = control.users.list(organisation.id)[0]
    started = control.sessions.start(owner, "test")
    with pytest.raises(ForbiddenError):
        control.sessions.revoke(system(organisation.id), ROLES[Role.admin], owner.id, started.id)


def test_an_invitation_is_for_who_never_signed_in(control: Control, organisation: Organisation, clock: Clock) -> None:
    """It signs in once, within days; the made-up password ends, and the first one is set in the session. Nobody else is invited."""
    by = system(organisation.id)
    ana, made_up = control.users.create(by, ALL_PERMISSIONS, email="ana@example.org")
    former, _ = control.sessions.invite(by, ALL_PERMISSIONS, ana)
    code, expires_at = control.sessions.invite(by, ALL_PERMISSIONS, ana)
    assert expires_at == clock.now + INVITE_S * 1_000_000
    with pytest.raises(UnauthenticatedError):
        control.sessions.use_link(former)
    with pytest.raises(UnauthenticatedError):
        control.sign_in.with_password("ana@example.org", made_up or "")
    clock.pass_s(INVITE_S - 1)
    started = control.sessions.use_link(code, HERE)
    user = control.session_identity(started.secret).user
    assert user is not None and user.id == ana
    control.sign_in.change_password(actor_of(user, HERE, started.id), ana, "", "four words of ana")
    control.sign_in.with_password("ana@example.org", "four words of ana")
    robot, _ = control.users.create(by, ALL_PERMISSIONS, name="robot", service=True)
    for other in (ana, robot):
        with pytest.raises(UnusableError, match="never signed in"):
            control.sessions.invite(by, ALL_PERMISSIONS, other)
    owner = next(each.id for each in control.users.list(organisation.id) if each.role is Role.owner)
    with pytest.raises(ForbiddenError):
        control.sessions.invite(by, ROLES[Role.admin], owner)


def test_a_link_of_a_blocked_user_is_refused(control: Control, organisation: Organisation) -> None:
    """Whoever blocked the user after the link was made wins."""
    by, user = system(organisation.id), person(organisation)
    code = control.sessions.add_link(by, user)
    control.users.update(by, ALL_PERMISSIONS, user, UserChange(blocked=True))
    with pytest.raises(UnauthenticatedError):
        control.sessions.use_link(code)
    with pytest.raises(ForbiddenError):
        control.sessions.use_link(control.sessions.add_link(by, user))
