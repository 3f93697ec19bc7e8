"""Users: who may make, change and delete whom."""

import pytest

from meshtrail.common.errors import ConflictError, ForbiddenError, NotFoundError, UnauthenticatedError, UnusableError
from meshtrail.control.actor import Actor, system
from meshtrail.control.owners import OWNER_NAME
from meshtrail.control.permissions import ALL_PERMISSIONS, ROLES, Permission, Role
from meshtrail.control.service import Control
from meshtrail.control.user import User, UserKind
from meshtrail.control.user_rows import actor_of
from meshtrail.control.users import UserChange
from tests.control.organisation import Organisation
from tests.control.told import codes, told

pytestmark = pytest.mark.usefixtures("cheap_passwords")


def made(organisation: Organisation, email: str, role: Role = Role.user) -> str:
    """A new person."""
    return organisation.control.users.create(system(organisation.id), ALL_PERMISSIONS, email=email, role=role)[0]


def owner_of(organisation: Organisation) -> User:
    """The owner that the organisation came with."""
    return next(each for each in organisation.control.users.list(organisation.id) if each.name == OWNER_NAME)


def test_a_person_gets_a_password_once(control: Control, organisation: Organisation) -> None:
    """It works; a user for programs has none. The events tell all but the password."""
    by, staff = system(organisation.id), organisation.group("Staff")
    ana, password = control.users.create(by, ALL_PERMISSIONS, name="Ana", email=" Ana@Example.org ", role=Role.admin, auto_groups=[staff])
    robot, none = control.users.create(by, ALL_PERMISSIONS, name="robot", service=True)
    assert password is not None and none is None
    user = control.users.get(organisation.id, ana)
    assert (user.kind, user.name, user.email, user.role, user.auto_groups) == (
        UserKind.local,
        "Ana",
        "Ana@Example.org",
        Role.admin,
        (staff,),
    )
    assert control.users.get(organisation.id, robot).status == "active"
    assert user.status == "invited"
    assert control.sign_in.with_password("ANA@example.ORG", password).org_id == organisation.id
    assert control.users.get(organisation.id, ana).status == "active"
    events = [each for each in told(control, organisation.id) if each["activity_code"].endswith("user.create")]
    assert [(each["activity_code"], each["target_name"], each["after"]["role"]) for each in events] == [
        ("user.create", "Ana", "admin"), ("service.user.create", "robot", "user"),
    ]  # fmt: skip
    assert password not in str(told(control, organisation.id))


def test_each_change_leaves_its_event(control: Control, organisation: Organisation) -> None:
    """With before and after; what stays as it is leaves none."""
    by, staff, admins = system(organisation.id), organisation.group("Staff"), organisation.group("Admins")
    ana = made(organisation, "ana@example.org")
    before = len(told(control, organisation.id))
    control.users.update(by, ALL_PERMISSIONS, ana, UserChange(role=Role.auditor, auto_groups=(staff, admins), name="Ana"))
    control.users.update(by, ALL_PERMISSIONS, ana, UserChange(auto_groups=(admins,), blocked=True, email="a@example.org"))
    control.users.update(by, ALL_PERMISSIONS, ana, UserChange(blocked=False, name="Ana", role=Role.auditor))
    control.users.update(by, ALL_PERMISSIONS, ana, UserChange(blocked=False))
    events = told(control, organisation.id)[before:]
    assert [each["activity_code"] for each in events] == [
        "user.group.add", "user.group.add", "user.update", "user.role.update", "user.block", "user.group.delete", "user.update",
        "user.unblock",
    ]  # fmt: skip
    assert (events[3]["before"], events[3]["after"]) == ({"role": "user"}, {"role": "auditor"})
    assert events[5]["meta"] == {"group_id": staff, "group": "Staff"}
    assert (events[6]["before"], events[6]["after"]) == ({"email": "ana@example.org"}, {"email": "a@example.org"})
    control.users.delete(by, ALL_PERMISSIONS, ana)
    last = told(control, organisation.id)[-1]
    assert (last["activity_code"], last["before"]["email"]) == ("user.delete", "a@example.org")


def test_nobody_gets_above_oneself(control: Control, organisation: Organisation) -> None:
    """Neither by making, changing, deleting somebody with more rights, nor by setting their password."""
    admin, by = ROLES[Role.admin], system(organisation.id)
    owner, plain = owner_of(organisation).id, made(organisation, "plain@example.org")
    for attempt in (
        lambda: control.users.create(by, admin, email="x@example.org", role=Role.owner),
        lambda: control.users.update(by, admin, owner, UserChange(name="Mine")),
        lambda: control.users.update(by, admin, plain, UserChange(role=Role.owner)),
        lambda: control.users.delete(by, admin, owner),
        lambda: control.sign_in.reset_password(by, admin, owner, "four words of ana"),
        lambda: control.users.create(by, frozenset({Permission.users_write}), email="x@example.org", role=Role.auditor),
    ):
        with pytest.raises(ForbiddenError):
            attempt()
    control.users.create(by, frozenset({Permission.users_write}), email="y@example.org")
    control.users.update(by, admin, plain, UserChange(role=Role.admin))


def test_nobody_changes_oneself(control: Control, organisation: Organisation) -> None:
    """One's own role, block and deletion are for others."""
    ana = made(organisation, "ana@example.org", Role.owner)
    oneself = actor_of(control.users.get(organisation.id, ana))
    for change in (UserChange(role=Role.user), UserChange(blocked=True)):
        with pytest.raises(UnusableError, match="oneself"):
            control.users.update(oneself, ALL_PERMISSIONS, ana, change)
    with pytest.raises(UnusableError, match="oneself"):
        control.users.delete(oneself, ALL_PERMISSIONS, ana)
    with pytest.raises(UnusableError, match="old one"):
        control.sign_in.reset_password(oneself, ALL_PERMISSIONS, ana, "four words of ana")
    control.users.update(oneself, ALL_PERMISSIONS, ana, UserChange(name="Ana"))


def test_the_last_owner_stays(control: Control, organisation: Organisation) -> None:
    """Neither blocked nor deleted nor of another role, until there is another one who can sign in."""
    by, owner = system(organisation.id), owner_of(organisation).id
    control.users.create(by, ALL_PERMISSIONS, name="robot", role=Role.owner, service=True)
    for change in (UserChange(role=Role.admin), UserChange(blocked=True)):
        with pytest.raises(UnusableError, match="last owner"):
            control.users.update(by, ALL_PERMISSIONS, owner, change)
    with pytest.raises(UnusableError, match="last owner"):
        control.users.delete(by, ALL_PERMISSIONS, owner)
    made(organisation, "ana@example.org", Role.owner)
    control.users.delete(by, ALL_PERMISSIONS, owner)
    assert not any(code == "user.block" for code in codes(control, organisation.id))


def test_addresses_are_one_users_each(control: Control, organisation: Organisation) -> None:
    """Inside an organisation, whatever the capitals; another organisation may have the same one and is not told of it."""
    made(organisation, "ana@example.org")
    bob = made(organisation, "bob@example.org")
    with pytest.raises(ConflictError):
        made(organisation, "ANA@example.org")
    with pytest.raises(ConflictError):
        control.users.update(system(organisation.id), ALL_PERMISSIONS, bob, UserChange(email="Ana@example.org"))
    another = Organisation(control, control.add_organisation("another"), organisation.clock)
    made(another, "ana@example.org")


@pytest.mark.parametrize("email", ["", "ana", "@example.org", "ana@", "ana@b@c", "a na@example.org", "ana@exa\nmple.org", "a@" + "b" * 400])
def test_addresses_have_to_be_some(organisation: Organisation, email: str) -> None:
    """Those that nobody can have are refused."""
    with pytest.raises(UnusableError, match=r"^email|^name"):
        made(organisation, email)


def test_organisations_do_not_see_each_others_users(control: Control, organisation: Organisation) -> None:
    """By no call and no id."""
    ana = made(organisation, "ana@example.org")
    another = control.add_organisation("another")
    by: Actor = system(another)
    assert ana not in {each.id for each in control.users.list(another)}
    for attempt in (
        lambda: control.users.get(another, ana),
        lambda: control.users.update(by, ALL_PERMISSIONS, ana, UserChange(name="Mine")),
        lambda: control.users.delete(by, ALL_PERMISSIONS, ana),
        lambda: control.users.approve(by, ALL_PERMISSIONS, ana),
        lambda: control.tokens.create_for(by, ALL_PERMISSIONS, ana, "t"),
        lambda: control.tokens.list_of(another, ana),
        lambda: control.sessions.add_link(by, ana),
        lambda: control.sign_in.reset_password(by, ALL_PERMISSIONS, ana, "four words of ana"),
        lambda: control.sign_in.change_password(by, ana, "x", "four words of ana"),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    with pytest.raises(UnusableError, match="auto_groups"):
        control.users.create(by, ALL_PERMISSIONS, email="x@example.org", auto_groups=[organisation.group("Staff")])


def test_a_deleted_users_password_is_gone(control: Control, organisation: Organisation) -> None:
    """Nobody signs in with it any more."""
    ana, password = control.users.create(system(organisation.id), ALL_PERMISSIONS, email="ana@example.org")
    control.users.delete(system(organisation.id), ALL_PERMISSIONS, ana)
    with pytest.raises(UnauthenticatedError):
        control.sign_in.with_password("ana@example.org", password or "")
