"""Saved views: whose they are, who sees them, who may change them."""

import pytest

from meshtrail.common.errors import ConflictError, ForbiddenError, NotFoundError, UnusableError
from meshtrail.control.actor import Actor, system
from meshtrail.control.limits import VIEW_NAME_CHARACTERS_MAX, VIEW_QUERY_CHARACTERS_MAX, VIEWS_PER_USER_MAX, VIEWS_SHARED_MAX
from meshtrail.control.permissions import ALL_PERMISSIONS, ROLES, Permission, Role
from meshtrail.control.service import Control
from meshtrail.control.views import Listing, Shown
from meshtrail.model.enums import InitiatorType
from tests.control.organisation import Organisation
from tests.control.told import codes, told

pytestmark = pytest.mark.usefixtures("cheap_passwords")
AUDITOR = ROLES[Role.auditor]
DENIED = Shown("Denied", "verdict=denied&columns=time,source")


@pytest.fixture
def ana(organisation: Organisation) -> Actor:
    """Somebody with a user."""
    return person(organisation, "ana")


@pytest.fixture
def ben(organisation: Organisation) -> Actor:
    """Somebody else of the organisation."""
    return person(organisation, "ben")


def person(organisation: Organisation, name: str) -> Actor:
    """A new user, as who acts."""
    made, _ = organisation.control.users.create(system(organisation.id), ALL_PERMISSIONS, name=name, role=Role.auditor, service=True)
    return Actor(organisation.id, made, InitiatorType.user, name)


def names(control: Control, by: Actor, rights: frozenset[Permission] = AUDITOR) -> list[str]:
    """Names of the views that somebody has."""
    return [view.shown.name for view in control.views.list(by, rights)]


def test_a_view_is_made_changed_and_deleted(control: Control, organisation: Organisation, ana: Actor) -> None:
    """By its owner, and the audit trail tells each step; a change to the same changes nothing."""
    identifier = control.views.create(ana, AUDITOR, Listing.traffic, DENIED)
    (view,) = control.views.list(ana, AUDITOR)
    assert view == control.views.get(ana, AUDITOR, identifier)
    assert (view.id, view.family, view.owner_id, view.owner_name, view.shown) == (identifier, Listing.traffic, ana.id, "ana", DENIED)
    control.views.update(ana, AUDITOR, identifier, Shown("  Denied now ", "verdict=denied&last=15m"))
    control.views.update(ana, AUDITOR, identifier, Shown("Denied now", "verdict=denied&last=15m"))
    assert control.views.get(ana, AUDITOR, identifier).shown.name == "Denied now"
    control.views.delete(ana, AUDITOR, identifier)
    assert names(control, ana) == []
    made, changed, gone = told(control, organisation.id)[-3:]
    assert (made["activity_code"], changed["activity_code"]) == ("view.create", "view.update")
    assert made["after"] == {"family": "traffic", "name": "Denied", "query": DENIED.query, "shared": False}
    assert changed["before"] == {"name": "Denied", "query": DENIED.query}
    assert changed["after"] == {"name": "Denied now", "query": "verdict=denied&last=15m"}
    assert (gone["activity_code"], gone["target_type"], gone["before"]["name"]) == ("view.delete", "view", "Denied now")


def test_private_views_are_nobody_elses(control: Control, ana: Actor, ben: Actor) -> None:
    """Not even those of somebody with all rights."""
    identifier = control.views.create(ana, AUDITOR, Listing.traffic, DENIED)
    assert names(control, ben, ALL_PERMISSIONS) == []
    with pytest.raises(NotFoundError):
        control.views.get(ben, ALL_PERMISSIONS, identifier)
    with pytest.raises(NotFoundError):
        control.views.update(ben, ALL_PERMISSIONS, identifier, DENIED)
    with pytest.raises(NotFoundError):
        control.views.delete(ben, ALL_PERMISSIONS, identifier)


def test_sharing_needs_the_right(control: Control, ana: Actor, ben: Actor) -> None:
    """To make, to change and to delete what others see; to take back one's own, and to delete it, needs none."""
    shared = Shown("Denied", DENIED.query, shared=True)
    with pytest.raises(ForbiddenError, match=r"views\.share"):
        control.views.create(ana, AUDITOR, Listing.traffic, shared)
    identifier = control.views.create(ana, ALL_PERMISSIONS, Listing.traffic, shared)
    assert names(control, ben) == ["Denied"]
    for by, wanted in ((ben, Shown("Mine", "", shared=True)), (ben, DENIED), (ana, Shown("Other", "", shared=True))):
        with pytest.raises(ForbiddenError):
            control.views.update(by, AUDITOR, identifier, wanted)
    with pytest.raises(ForbiddenError):
        control.views.delete(ben, AUDITOR, identifier)
    with pytest.raises(UnusableError, match="take it back"):
        control.views.update(ben, ALL_PERMISSIONS, identifier, DENIED)
    control.views.update(ben, ALL_PERMISSIONS, identifier, Shown("Refused", "verdict=denied", shared=True))
    assert control.views.get(ana, AUDITOR, identifier).owner_id == ana.id
    control.views.update(ana, AUDITOR, identifier, DENIED)
    assert names(control, ben) == []
    again = control.views.create(ana, ALL_PERMISSIONS, Listing.traffic, Shown("Again", "", shared=True))
    control.views.delete(ben, ALL_PERMISSIONS, again)
    assert names(control, ana) == ["Denied"]


def test_saving_a_view_wakes_no_agent(control: Control, organisation: Organisation, ana: Actor) -> None:
    """Nothing that an agent gets depends on it; who relies on a revision still sees that there is another one."""
    revision = control.database.revision(organisation.id)
    before = control.changes.generation(organisation.id)
    identifier = control.views.create(ana, AUDITOR, Listing.traffic, DENIED)
    control.idempotency.once(ana, "key", b"request", lambda: control.views.create(ana, AUDITOR, Listing.audit, DENIED))
    control.views.delete(ana, AUDITOR, identifier)
    assert control.changes.generation(organisation.id) == before
    assert control.database.revision(organisation.id) == revision + 3
    assert control.changes.generation(organisation.id) == before, "this process knows its own revisions"
    organisation.group("a")
    assert control.changes.generation(organisation.id) == before + 1


def test_a_list_that_may_not_be_read_has_no_views(control: Control, ana: Actor) -> None:
    """Who loses the right loses sight of them, and has them back with it."""
    only_traffic = frozenset({Permission.traffic_read})
    control.views.create(ana, AUDITOR, Listing.traffic, DENIED)
    identifier = control.views.create(ana, AUDITOR, Listing.audit, DENIED)
    assert len(control.views.list(ana, AUDITOR, [Listing.audit])) == 1
    assert control.views.list(ana, only_traffic, [Listing.audit]) == []
    assert control.views.list(ana, frozenset()) == []
    with pytest.raises(NotFoundError):
        control.views.get(ana, only_traffic, identifier)
    with pytest.raises(ForbiddenError, match=r"audit\.read"):
        control.views.create(ana, only_traffic, Listing.audit, Shown("x", ""))


def test_organisations_see_nothing_of_each_other(control: Control, ana: Actor) -> None:
    """Also shared views, and for somebody with the same id."""
    identifier = control.views.create(ana, ALL_PERMISSIONS, Listing.traffic, Shown("Denied", "", shared=True))
    other = Actor(control.add_organisation("other"), ana.id, InitiatorType.user)
    assert names(control, other) == []
    with pytest.raises(NotFoundError):
        control.views.delete(other, ALL_PERMISSIONS, identifier)
    control.views.create(other, ALL_PERMISSIONS, Listing.traffic, Shown("Denied", ""))
    assert names(control, ana) == ["Denied"]


def test_a_name_is_there_once(control: Control, ana: Actor, ben: Actor) -> None:
    """For each owner and list."""
    control.views.create(ana, AUDITOR, Listing.traffic, DENIED)
    other = control.views.create(ana, AUDITOR, Listing.traffic, Shown("Other", ""))
    control.views.create(ana, AUDITOR, Listing.connections, DENIED)
    control.views.create(ben, AUDITOR, Listing.traffic, DENIED)
    with pytest.raises(ConflictError, match="name"):
        control.views.create(ana, AUDITOR, Listing.traffic, Shown(" Denied ", ""))
    with pytest.raises(ConflictError, match="name"):
        control.views.update(ana, AUDITOR, other, DENIED)


def test_views_go_with_their_owner(control: Control, organisation: Organisation, ana: Actor, ben: Actor) -> None:
    """The private ones; shared ones stay, and have nobody's name. The same with a token of the organisation."""
    token, _ = control.tokens.create(system(organisation.id), ALL_PERMISSIONS, "t", ["read"])
    robot = Actor(organisation.id, token, InitiatorType.token, "t")
    for by, name in ((ana, "ana's"), (robot, "robot's")):
        control.views.create(by, ALL_PERMISSIONS, Listing.traffic, Shown(f"{name} own", ""))
        control.views.create(by, ALL_PERMISSIONS, Listing.traffic, Shown(f"{name} shared", "", shared=True))
    control.users.delete(system(organisation.id), ALL_PERMISSIONS, ana.id)
    control.tokens.delete(system(organisation.id), token)
    assert names(control, ana) == names(control, robot) == names(control, ben) == ["ana's shared", "robot's shared"]
    assert {view.owner_name for view in control.views.list(ben, AUDITOR)} == {None}
    assert "view.delete" not in codes(control, organisation.id)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (Shown("", ""), "name"),
        (Shown("x" * (VIEW_NAME_CHARACTERS_MAX + 1), ""), "name"),
        (Shown("a\u202eb", ""), "name"),
        (Shown("x", "y" * (VIEW_QUERY_CHARACTERS_MAX + 1)), "query"),
    ],
)
def test_what_does_not_fit_is_refused(control: Control, ana: Actor, shown: Shown, said: str) -> None:
    """With the field's name."""
    with pytest.raises(UnusableError, match=f"^{said}: "):
        control.views.create(ana, AUDITOR, Listing.traffic, shown)


def test_their_number_is_limited(control: Control, organisation: Organisation, ana: Actor) -> None:
    """Of one user, and of those that everybody sees."""
    for number in range(VIEWS_PER_USER_MAX):
        control.views.create(ana, ALL_PERMISSIONS, Listing.traffic, Shown(f"v{number}", "", shared=True))
    with pytest.raises(UnusableError, match="more are not possible"):
        control.views.create(ana, ALL_PERMISSIONS, Listing.traffic, Shown("one more", ""))
    for number in range(VIEWS_SHARED_MAX - VIEWS_PER_USER_MAX):
        by = Actor(organisation.id, f"user {number // VIEWS_PER_USER_MAX}", InitiatorType.user)
        control.views.create(by, ALL_PERMISSIONS, Listing.audit, Shown(f"v{number}", "", shared=True))
    other = Actor(organisation.id, "other", InitiatorType.user)
    with pytest.raises(UnusableError, match="shared views"):
        control.views.create(other, ALL_PERMISSIONS, Listing.audit, Shown("one more", "", shared=True))
    mine = control.views.create(other, ALL_PERMISSIONS, Listing.audit, Shown("mine", ""))
    with pytest.raises(UnusableError, match="shared views"):
        control.views.update(other, ALL_PERMISSIONS, mine, Shown("mine", "", shared=True))
