"""Users of an identity provider."""

import pytest

from meshtrail.common.errors import ForbiddenError, UnauthenticatedError, UnusableError
from meshtrail.control.actor import Origin, system
from meshtrail.control.owners import OWNER_NAME
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from meshtrail.control.service import Control
from meshtrail.control.user import User, UserKind
from meshtrail.control.users import UserChange
from tests.control.organisation import Organisation
from tests.control.told import codes, told

ISSUER, HERE = "https://id.example.org", Origin("192.0.2.7", "browser")

pytestmark = pytest.mark.usefixtures("cheap_passwords")


def vouched(organisation: Organisation, subject: str = "s1", email: str | None = "ana@example.org", **more: object) -> User:
    """The user whom the provider vouches for."""
    return organisation.control.users.sign_in_external(organisation.id, ISSUER, subject, email, "Ana", ("dev",), where=HERE, **more)  # type: ignore[arg-type]


def test_somebody_new_joins(control: Control, organisation: Organisation) -> None:
    """In the role for new users, once; a session can be started then."""
    user = vouched(organisation, new_role=Role.auditor)
    assert (user.kind, user.role, user.claimed_groups, user.issuer, user.subject) == (
        UserKind.external,
        Role.auditor,
        ("dev",),
        ISSUER,
        "s1",
    )
    assert vouched(organisation).id == user.id
    started = control.sessions.start(user, "oidc", HERE)
    identity = control.session_identity(started.secret)
    assert identity.user is not None and identity.user.id == user.id
    assert codes(control, organisation.id) == ["user.join", "dashboard.login"]
    assert told(control, organisation.id)[0]["initiator_ip"] == "192.0.2.7"


def test_subjects_are_of_their_issuer_and_organisation(control: Control, organisation: Organisation) -> None:
    """The same subject elsewhere is somebody else."""
    user = vouched(organisation)
    other = control.users.sign_in_external(organisation.id, "https://other.example.org", "s1", None, "Eve")
    another = control.users.sign_in_external(control.add_organisation("another"), ISSUER, "s1", None, "Ana")
    assert len({user.id, other.id, another.id}) == 3


def test_what_the_provider_says_is_followed(control: Control, organisation: Organisation) -> None:
    """Name, address and role change with it; the last owner keeps the role."""
    user = vouched(organisation)
    changed = control.users.sign_in_external(organisation.id, ISSUER, "s1", "ana@new.example.org", "Ana Lima", ("ops",), role=Role.admin)
    assert (changed.id, changed.name, changed.email, changed.role) == (user.id, "Ana Lima", "ana@new.example.org", Role.admin)
    assert codes(control, organisation.id) == ["user.join", "user.role.update", "user.update"]
    assert vouched(organisation, role=Role.owner).role is Role.owner
    control.users.delete(
        system(organisation.id), ALL_PERMISSIONS, next(each.id for each in control.users.list(organisation.id) if each.name == OWNER_NAME)
    )
    assert vouched(organisation, role=Role.user).role is Role.owner


def test_an_address_takes_nobody_over(control: Control, organisation: Organisation) -> None:
    """Only who was invited, never signed in, and has an address that the provider verified becomes the one who comes."""
    by = system(organisation.id)
    local, password = control.users.create(by, ALL_PERMISSIONS, email="ana@example.org", role=Role.admin)
    assert vouched(organisation).id != local
    assert password is not None
    control.sign_in.with_password("ana@example.org", password)
    assert vouched(organisation, "s2", email_verified=True).id != local
    invited, password = control.users.create(by, ALL_PERMISSIONS, email="bob@example.org", role=Role.auditor)
    bob = vouched(organisation, "s3", "Bob@example.org", email_verified=True)
    assert (bob.id, bob.kind, bob.role) == (invited, UserKind.external, Role.auditor)
    with pytest.raises(UnauthenticatedError):
        control.sign_in.with_password("bob@example.org", password or "")


def test_who_is_blocked_or_waits_stays_out(control: Control, organisation: Organisation) -> None:
    """It is written down; who is let in comes in, who is turned away is gone."""
    by = system(organisation.id)
    for _ in range(2):
        with pytest.raises(ForbiddenError, match="pending"):
            vouched(organisation, new_waits=True)
    (waiting,) = [each for each in control.users.list(organisation.id) if each.pending]
    with pytest.raises(ForbiddenError):
        control.session_identity(control.sessions.start(waiting, "oidc").secret)
    control.users.approve(by, ALL_PERMISSIONS, waiting.id)
    with pytest.raises(UnusableError, match="does not wait"):
        control.users.reject(by, ALL_PERMISSIONS, waiting.id)
    assert vouched(organisation).id == waiting.id
    control.users.update(by, ALL_PERMISSIONS, waiting.id, UserChange(blocked=True))
    with pytest.raises(ForbiddenError, match="blocked"):
        vouched(organisation)
    with pytest.raises(ForbiddenError):
        vouched(organisation, "s2", new_waits=True)
    control.users.reject(by, ALL_PERMISSIONS, next(each.id for each in control.users.list(organisation.id) if each.pending))
    assert [code for code in codes(control, organisation.id) if code != "dashboard.login"] == [
        "user.join", "sign_in.fail", "sign_in.fail", "user.approve", "user.block", "sign_in.fail", "user.join", "sign_in.fail",
        "user.reject",
    ]  # fmt: skip


@pytest.mark.parametrize(("issuer", "subject"), [("", "s"), (ISSUER, ""), (ISSUER, "s" * 301), ("i" * 501, "s")])
def test_nobody_is_nobody(organisation: Organisation, issuer: str, subject: str) -> None:
    """An identity that cannot be kept whole is refused."""
    with pytest.raises(UnusableError):
        organisation.control.users.sign_in_external(organisation.id, issuer, subject, None, "")


def test_hostile_claims_are_cut(organisation: Organisation) -> None:
    """Names of any length and with control characters are made fit."""
    user = organisation.control.users.sign_in_external(
        organisation.id, ISSUER, "s", "e" * 999, "A\x1b[31m" + "a" * 999, tuple(f"g{n}\n" for n in range(5_000))
    )
    assert (user.email, len(user.name), user.claimed_groups[0], len(user.claimed_groups)) == (None, 200, "g0", 1_000)
