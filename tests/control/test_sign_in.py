"""Signing in: who gets in, who has to wait, and what the others are told."""

import pytest

from meshtrail.common.errors import (
    BusyError,
    ForbiddenError,
    MeshTrailError,
    NotFoundError,
    ThrottledError,
    UnauthenticatedError,
    UnusableError,
)
from meshtrail.control import passwords
from meshtrail.control.actor import Origin, system
from meshtrail.control.limits import SIGN_IN_FAILURES_MAX, SIGN_IN_FAILURES_OF_ADDRESS_MAX, SIGN_IN_WINDOW_S
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from meshtrail.control.service import Control
from meshtrail.control.user_rows import actor_of
from meshtrail.control.users import UserChange
from tests.control.organisation import Clock, Organisation
from tests.control.told import told

pytestmark = pytest.mark.usefixtures("cheap_passwords")
HERE, THERE = Origin("192.0.2.7", "browser"), Origin("198.51.100.9", "browser")
EMAIL, PASSWORD, OTHER = "ana@example.org", "four words of ana", "four others of ana"


@pytest.fixture
def ana(organisation: Organisation) -> str:
    """A person with a password."""
    by = system(organisation.id)
    return organisation.control.users.create(by, ALL_PERMISSIONS, name="A. Lima", email=EMAIL, role=Role.auditor, password=PASSWORD)[0]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Comparing a password costs nothing, and with what it was compared is noted: for tests of many guesses."""
    compared: list[str] = []

    def matches(password: str, kept: str) -> bool:
        compared.append(kept)
        return password == PASSWORD and kept != passwords.NOBODYS

    monkeypatch.setattr(passwords, "matches", matches)
    return compared


def refusal(control: Control, email: str, password: str, where: Origin = HERE) -> tuple[type[MeshTrailError], str, str]:
    """How a sign-in is refused."""
    with pytest.raises(MeshTrailError) as caught:
        control.sign_in.with_password(email, password, where)
    return type(caught.value), caught.value.message, caught.value.remedy


def test_the_right_password_gets_in(control: Control, organisation: Organisation, ana: str) -> None:
    """With the role of the user; the event says how and from where, and nowhere is the password."""
    started = control.sign_in.with_password(EMAIL, PASSWORD, HERE)
    identity = control.session_identity(started.secret)
    assert identity.user is not None and identity.user.id == ana and identity.role is Role.auditor
    event = told(control, organisation.id)[-1]
    assert (event["activity_code"], event["meta"], event["initiator_ip"]) == ("dashboard.login", {"method": "password"}, "192.0.2.7")
    assert PASSWORD not in str(told(control, organisation.id))


def test_nobody_learns_who_is_there(control: Control, organisation: Organisation, ana: str, quick: list[str]) -> None:
    """A wrong password, an unknown address, a user without a password and a blocked one are told the same, after one comparison."""
    owner = next(each.id for each in control.users.list(organisation.id) if each.id != ana)
    control.users.update(system(organisation.id), ALL_PERMISSIONS, owner, UserChange(email="owner@example.org"))
    wrong = [refusal(control, email, "wrong", HERE) for email in (EMAIL, "nobody@example.org", "owner@example.org", "", "x" * 5_000)]
    assert {each[0] for each in wrong} == {UnauthenticatedError}
    assert len(set(wrong)) == 1
    assert len(quick) == 5
    control.users.update(system(organisation.id), ALL_PERMISSIONS, ana, UserChange(blocked=True))
    assert refusal(control, EMAIL, "wrong") == wrong[0]
    assert refusal(control, EMAIL, PASSWORD)[:2] == (ForbiddenError, "The user is blocked.")


def test_guessing_one_account_is_throttled(control: Control, organisation: Organisation, clock: Clock, ana: str, quick: list[str]) -> None:
    """From wherever it comes, also with the right password then, and the same for an address that nobody has; it ends after a
    while. One event tells that it began."""
    for email in (EMAIL, "nobody@example.org"):
        for number in range(SIGN_IN_FAILURES_MAX):
            assert refusal(control, email, "wrong", Origin(f"203.0.113.{number}"))[0] is UnauthenticatedError
        assert refusal(control, email, PASSWORD, THERE)[0] is ThrottledError
    assert len(quick) == 2 * SIGN_IN_FAILURES_MAX
    mine = [each for each in told(control, organisation.id) if each.get("target_id") == ana]
    assert sum(each["activity_code"] == "sign_in.throttle" for each in mine) == 1
    assert {each["outcome"] for each in mine if each["activity_code"].startswith("sign_in")} == {"failure"}
    clock.pass_s(SIGN_IN_WINDOW_S + 1)
    control.sign_in.with_password(EMAIL, PASSWORD, THERE)


def test_one_address_that_tries_many_accounts_is_throttled(control: Control, ana: str, quick: list[str]) -> None:
    """Others are not, and getting in with an own account does not make the rest be forgotten."""
    for number in range(SIGN_IN_FAILURES_OF_ADDRESS_MAX):
        assert refusal(control, f"user{number}@example.org", "wrong")[0] is UnauthenticatedError
        if number % 10 == 0:
            control.sign_in.with_password(EMAIL, PASSWORD, HERE)
    assert refusal(control, EMAIL, PASSWORD)[0] is ThrottledError
    control.sign_in.with_password(EMAIL, PASSWORD, THERE)
    assert len(quick) == SIGN_IN_FAILURES_OF_ADDRESS_MAX + 3 + 1


def test_the_right_password_forgives_the_wrong_ones(control: Control, ana: str, quick: list[str]) -> None:
    """Somebody who mistypes and then remembers starts afresh."""
    for _ in range(3):
        for _ in range(SIGN_IN_FAILURES_MAX - 1):
            refusal(control, EMAIL, "wrong", Origin(None))
        control.sign_in.with_password(EMAIL, PASSWORD, THERE)
        control.sign_in._addresses.forgive("", all_of_them=True)
    assert quick


def test_the_same_address_in_two_organisations(control: Control, organisation: Organisation, ana: str) -> None:
    """The password says which one is meant; both are told of a wrong one."""
    another = control.add_organisation("another")
    control.users.create(system(another), ALL_PERMISSIONS, email=EMAIL.upper(), password=OTHER)
    assert control.sign_in.with_password(EMAIL, PASSWORD).org_id == organisation.id
    assert control.sign_in.with_password(EMAIL, OTHER).org_id == another
    refusal(control, EMAIL, "wrong")
    for org_id in (organisation.id, another):
        assert told(control, org_id)[-1]["activity_code"] == "sign_in.fail"


def test_an_address_that_nobody_has_is_told_to_the_oldest_organisation(control: Control, organisation: Organisation, ana: str) -> None:
    """Which address it was only as long as there is no other organisation whose it may be."""
    refusal(control, "nobody@example.org", "wrong")
    assert told(control, organisation.id)[-1]["meta"] == {"email": "nobody@example.org"}
    organisation.clock.pass_s(1)
    another = control.add_organisation("another")
    refusal(control, "nobody@example.org", "wrong")
    last = told(control, organisation.id)[-1]
    assert (last["activity_code"], last["meta"], last["initiator_ip"]) == ("sign_in.fail", {}, "192.0.2.7")
    assert told(control, another) == []


def test_another_password_ends_the_other_sessions(control: Control, organisation: Organisation, ana: str) -> None:
    """The one that asks stays; the old password has to be right, and counts as a guess when it is not."""
    here, there = (control.sign_in.with_password(EMAIL, PASSWORD, where) for where in (HERE, THERE))
    by = actor_of(control.users.get(organisation.id, ana), HERE, here.id)
    with pytest.raises(ForbiddenError):
        control.sign_in.change_password(by, ana, "wrong", OTHER)
    for bad in ("short", "a.lima@a.lima", EMAIL):
        with pytest.raises(UnusableError, match=r"^password"):
            control.sign_in.change_password(by, ana, PASSWORD, bad)
    control.sign_in.change_password(by, ana, PASSWORD, OTHER)
    assert control.session_identity(here.secret).session_id == here.id
    with pytest.raises(UnauthenticatedError):
        control.session_identity(there.secret)
    assert refusal(control, EMAIL, PASSWORD)[0] is UnauthenticatedError
    control.sign_in.with_password(EMAIL, OTHER)
    events = [each for each in told(control, organisation.id) if each["activity_code"] == "user.password.change"]
    assert [each["meta"] for each in events] == [{"sessions_ended": "1"}]


def test_old_passwords_are_guessed_slowly_too(control: Control, organisation: Organisation, ana: str, quick: list[str]) -> None:
    """Who took over a session does not find the password out."""
    by = actor_of(control.users.get(organisation.id, ana), HERE)
    for _ in range(SIGN_IN_FAILURES_MAX):
        with pytest.raises(ForbiddenError):
            control.sign_in.change_password(by, ana, "wrong", OTHER)
    with pytest.raises(ThrottledError):
        control.sign_in.change_password(by, ana, PASSWORD, OTHER)
    assert len(quick) == SIGN_IN_FAILURES_MAX


def test_a_password_set_by_another_ends_all_sessions(control: Control, organisation: Organisation, ana: str) -> None:
    """And signs in from now on; users for programs have none."""
    started = control.sign_in.with_password(EMAIL, PASSWORD)
    by = system(organisation.id)
    control.sign_in.reset_password(by, ALL_PERMISSIONS, ana, OTHER)
    with pytest.raises(UnauthenticatedError):
        control.session_identity(started.secret)
    control.sign_in.with_password(EMAIL, OTHER)
    robot, _ = control.users.create(by, ALL_PERMISSIONS, name="robot", service=True)
    with pytest.raises(UnusableError, match="local user"):
        control.sign_in.reset_password(by, ALL_PERMISSIONS, robot, OTHER)


def test_the_first_password_is_set_after_a_link(control: Control, organisation: Organisation) -> None:
    """By oneself, in a session; not by a token, nor in a session of one, which may have fewer rights; and not once there is one."""
    by = system(organisation.id)
    started = control.sessions.use_link(control.sessions.add_link(by))
    owner = control.session_identity(started.secret).user
    assert owner is not None
    control.users.update(by, ALL_PERMISSIONS, owner.id, UserChange(email="owner@example.org"))
    with pytest.raises(UnusableError, match="no password"):
        control.sign_in.change_password(actor_of(owner), owner.id, "", PASSWORD)
    with pytest.raises(UnusableError, match="no password"):
        control.sign_in.change_password(actor_of(owner, HERE, started.id, "the token of the session"), owner.id, "", PASSWORD)
    oneself = actor_of(owner, HERE, started.id)
    control.sign_in.change_password(oneself, owner.id, "", PASSWORD)
    control.sign_in.with_password("owner@example.org", PASSWORD)
    with pytest.raises(ForbiddenError):
        control.sign_in.change_password(oneself, owner.id, "", OTHER)


def test_a_password_that_changes_meanwhile_starts_nothing(control: Control, organisation: Organisation, ana: str) -> None:
    """What was compared has to be what is kept when the session starts; a deleted user has none."""
    user = control.users.get(organisation.id, ana)
    with pytest.raises(UnauthenticatedError):
        control.sessions.start(user, "password", HERE, "what was kept before")
    control.users.delete(system(organisation.id), ALL_PERMISSIONS, ana)
    with pytest.raises(NotFoundError):
        control.sessions.start(user, "oidc", HERE)


def test_what_could_not_be_compared_was_no_failure(control: Control, ana: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many sign in at once, nobody is throttled for it."""

    def busy(*_: object) -> bool:
        raise BusyError("too many")

    with monkeypatch.context() as patch:
        patch.setattr(passwords, "matches", busy)
        for _ in range(SIGN_IN_FAILURES_OF_ADDRESS_MAX + 1):
            assert refusal(control, EMAIL, PASSWORD)[0] is BusyError
    control.sign_in.with_password(EMAIL, PASSWORD, HERE)


def test_old_parameters_are_replaced_at_sign_in(control: Control, ana: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password stays the same."""
    monkeypatch.setattr(passwords, "is_outdated", lambda _: True)
    control.sign_in.with_password(EMAIL, PASSWORD)
    monkeypatch.undo()
    control.sign_in.with_password(EMAIL, PASSWORD)
