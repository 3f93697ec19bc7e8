"""Who is let in, and for how long."""

import pytest

from meshtrail.common.errors import ForbiddenError, InvalidError, PeerRemovedError, UnauthenticatedError, UnusableError
from meshtrail.control import enrolment_keys, peers
from meshtrail.control.limits import CLOCK_SKEW_S_MAX, TOKEN_LIFETIME_S, TOKEN_OVERLAP_S
from meshtrail.control.service import Control, Permission
from tests.control.organisation import Clock, Machine, Organisation


@pytest.fixture
def laptop() -> Machine:
    """A machine that is no peer yet."""
    return Machine("laptop", "100.64.0.1", "10.0.0.5")


def test_a_key_makes_a_peer(control: Control, organisation: Organisation, laptop: Machine) -> None:
    """It has an id of its own, its addresses, and the groups of the key; its token is bound to it."""
    staff = organisation.group("Staff")
    let_in = organisation.enrol(laptop, staff)
    peer = organisation.snapshot.peers[let_in.peer_id]
    assert (peer.name, peer.facts.os, peer.facts.addresses) == ("laptop", "Debian 12", ("100.64.0.1", "10.0.0.5"))
    assert [group.name for group in organisation.snapshot.groups_of_peers[let_in.peer_id]] == ["All", "Staff"]
    identity = control.token_identity(let_in.token)
    assert (identity.org_id, identity.peer_id, identity.permissions) == (organisation.id, let_in.peer_id, frozenset({Permission.ingest}))


def test_a_one_off_key_works_once(control: Control, organisation: Organisation, laptop: Machine) -> None:
    """A second machine is refused, and told why."""
    key = organisation.key(reusable=False, uses=7)
    control.enrolment.enrol(laptop.asks(key, organisation.clock.now))
    with pytest.raises(ForbiddenError, match="as often as it may be"):
        control.enrolment.enrol(Machine("other").asks(key, organisation.clock.now))
    assert [(each.used_times, each.state(0)) for each in control.enrolment_keys.list(organisation.id)] == [(1, "overused")]


def test_a_reusable_key_works_up_to_its_limit(control: Control, organisation: Organisation) -> None:
    """Twice here, not three times."""
    key = organisation.key(uses=2)
    made = {control.enrolment.enrol(Machine(name).asks(key, organisation.clock.now)).peer_id for name in ("a", "b")}
    assert len(made) == 2
    with pytest.raises(ForbiddenError):
        control.enrolment.enrol(Machine("c").asks(key, organisation.clock.now))


def test_keys_that_do_not_let_in(control: Control, organisation: Organisation, laptop: Machine, clock: Clock) -> None:
    """Unknown, expired, revoked, deleted."""
    with pytest.raises(ForbiddenError, match="unknown"):
        control.enrolment.enrol(laptop.asks("mte_nonsense", clock.now))
    short, revoked, deleted = organisation.key(lifetime_s=60), organisation.key(), organisation.key()
    clock.pass_s(61)
    with pytest.raises(ForbiddenError, match="expired"):
        control.enrolment.enrol(laptop.asks(short, clock.now))
    ids = [each.id for each in control.enrolment_keys.list(organisation.id)]
    hints = {each.hint: each.id for each in control.enrolment_keys.list(organisation.id)}
    assert len(ids) == 3
    control.enrolment_keys.update(organisation.by, hints[revoked[:8]], revoked=True)
    with pytest.raises(ForbiddenError, match="revoked"):
        control.enrolment.enrol(laptop.asks(revoked, clock.now))
    control.enrolment_keys.delete(organisation.by, hints[deleted[:8]])
    with pytest.raises(ForbiddenError, match="unknown"):
        control.enrolment.enrol(laptop.asks(deleted, clock.now))
    assert not organisation.snapshot.peers


def test_signatures_and_clocks_that_are_wrong(control: Control, organisation: Organisation, laptop: Machine, clock: Clock) -> None:
    """A signature of another key, of another time, or none; a clock more than five minutes off."""
    key = organisation.key()
    for signature in (b"", b"x" * 64, Machine("other").asks(key, clock.now).signature, laptop.asks(key, clock.now - 1).signature):
        with pytest.raises(UnauthenticatedError):
            control.enrolment.enrol(laptop.asks(key, clock.now, signature or b"-"))
    for skew_s in (-CLOCK_SKEW_S_MAX - 1, CLOCK_SKEW_S_MAX + 1, 10**9, -(10**10)):
        with pytest.raises(InvalidError, match="clock"):
            control.enrolment.enrol(laptop.asks(key, clock.now + skew_s * 1_000_000))
    control.enrolment.enrol(laptop.asks(key, clock.now - CLOCK_SKEW_S_MAX * 1_000_000))


def test_names_that_cannot_be_shown(control: Control, organisation: Organisation) -> None:
    """Empty, too long, or with control characters."""
    for name in ("", "  ", "x" * 201, "a\x1b[31m", "a\nb", "a\tb"):
        with pytest.raises(UnusableError, match="name"):
            control.enrolment.enrol(Machine(name).asks(organisation.key(), organisation.clock.now))


def test_a_request_heard_on_the_way_is_worth_nothing(control: Control, organisation: Organisation, laptop: Machine, clock: Clock) -> None:
    """The same request again is refused; the machine itself may ask again, and stays the same peer, also when its one-off key
    is spent."""
    key = organisation.key(reusable=False)
    asked = laptop.asks(key, clock.now)
    first = control.enrolment.enrol(asked)
    with pytest.raises(InvalidError, match="used before"):
        control.enrolment.enrol(asked)
    clock.pass_s(1)
    again = control.enrolment.enrol(laptop.asks(key, clock.now))
    assert (again.peer_id, again.token != first.token) == (first.peer_id, True)
    assert [each.used_times for each in control.enrolment_keys.list(organisation.id)] == [1]
    (known,) = control.enrolment_keys.list(organisation.id)
    control.enrolment_keys.update(organisation.by, known.id, revoked=True)
    clock.pass_s(1)
    with pytest.raises(ForbiddenError, match="revoked"):
        control.enrolment.enrol(laptop.asks(key, clock.now))


def test_a_token_ends_and_is_renewed(control: Control, organisation: Organisation, laptop: Machine, clock: Clock) -> None:
    """The one before works ten more minutes, and none is older than a day."""
    first = organisation.enrol(laptop)
    assert first.token_expires_at == clock.now + TOKEN_LIFETIME_S * 1_000_000
    clock.pass_s(3_600)
    second = control.enrolment.renew(laptop.renews(first.peer_id, clock.now))
    clock.pass_s(TOKEN_OVERLAP_S - 1)
    assert control.token_identity(first.token) == control.token_identity(second.token)
    clock.pass_s(1)
    with pytest.raises(UnauthenticatedError):
        control.token_identity(first.token)
    clock.pass_s(TOKEN_LIFETIME_S)
    with pytest.raises(UnauthenticatedError):
        control.token_identity(second.token)
    third = control.enrolment.renew(laptop.renews(first.peer_id, clock.now))
    assert control.token_identity(third.token).peer_id == first.peer_id


def test_who_gets_no_new_token(control: Control, organisation: Organisation, laptop: Machine, clock: Clock) -> None:
    """Somebody else, a request heard before, a peer that is none, a clock that is wrong."""
    let_in = organisation.enrol(laptop)
    clock.pass_s(1)
    asked = laptop.renews(let_in.peer_id, clock.now)
    control.enrolment.renew(asked)
    with pytest.raises(InvalidError, match="used before"):
        control.enrolment.renew(asked)
    clock.pass_s(1)
    for wrong in (Machine("other").renews(let_in.peer_id, clock.now), laptop.renews("nobody", clock.now)):
        with pytest.raises(UnauthenticatedError):
            control.enrolment.renew(wrong)
    with pytest.raises(InvalidError, match="clock"):
        control.enrolment.renew(laptop.renews(let_in.peer_id, clock.now + 400 * 1_000_000))


def test_a_removed_peer_is_refused_everywhere(control: Control, organisation: Organisation, laptop: Machine, clock: Clock) -> None:
    """With its token, for a new one, and with a key that still lets others in."""
    let_in = organisation.enrol(laptop)
    control.peers.remove(organisation.by, let_in.peer_id)
    clock.pass_s(1)
    with pytest.raises(PeerRemovedError):
        control.token_identity(let_in.token)
    with pytest.raises(PeerRemovedError):
        control.enrolment.renew(laptop.renews(let_in.peer_id, clock.now))
    with pytest.raises(PeerRemovedError):
        control.enrolment.enrol(laptop.asks(organisation.key(), clock.now))
    assert not organisation.snapshot.peers


def test_an_organisation_has_only_so_many(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next machine is refused and its key stays unused; a removed one makes room."""
    monkeypatch.setattr(peers, "PEERS_MAX", 1)
    first = organisation.peer("a")
    key = organisation.key()
    with pytest.raises(ForbiddenError, match="not possible"):
        organisation.control.enrolment.enrol(Machine("b").asks(key, organisation.clock.now))
    assert sorted(each.used_times for each in organisation.control.enrolment_keys.list(organisation.id)) == [0, 1]
    organisation.control.peers.remove(organisation.by, first)
    organisation.control.enrolment.enrol(Machine("b").asks(key, organisation.clock.now))


def test_keys_are_bounded(organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number, their life, their uses; and the groups they name are there, and not the built-in one."""
    keys = organisation.control.enrolment_keys
    everybody = next(iter(organisation.snapshot.groups))
    with pytest.raises(UnusableError, match="expires_in"):
        keys.create(organisation.by, "x", lifetime_s=10**10)
    with pytest.raises(UnusableError, match="usage_limit"):
        keys.create(organisation.by, "x", usage_limit=-1)
    with pytest.raises(UnusableError, match="auto_groups"):
        keys.create(organisation.by, "x", auto_groups=["nothing"])
    with pytest.raises(UnusableError, match="auto_groups"):
        keys.create(organisation.by, "x", auto_groups=[everybody])
    identifier, _ = keys.create(organisation.by, "x")
    keys.update(organisation.by, identifier, revoked=True)
    with pytest.raises(UnusableError, match="revoked"):
        keys.update(organisation.by, identifier, revoked=False)
    monkeypatch.setattr(enrolment_keys, "ENROLMENT_KEYS_MAX", 1)
    with pytest.raises(UnusableError, match="not possible"):
        keys.create(organisation.by, "x")
