"""Whether a connection would be allowed, by which rule, and why, at any moment."""

from collections.abc import Callable

import pytest

from meshtrail.common.errors import UnusableError
from meshtrail.control.checked import Checked, Outcome, Question
from meshtrail.control.inventory import Policy, PolicyRule, Reference, Router
from meshtrail.control.policy_check import PolicyCheck
from meshtrail.control.rulebooks import Rulebooks
from meshtrail.control.service import Control
from meshtrail.model.network_map import Action, Protocol
from tests.control.organisation import Clock, Organisation, rule, rule_between

TCP, UDP, ICMP = 6, 17, 1


class Asking:
    """Asks about one organisation."""

    def __init__(self, organisation: Organisation) -> None:
        control = organisation.control
        self._organisation = organisation
        self._check = PolicyCheck(control.database, control.snapshots, Rulebooks(control.snapshots), organisation.clock)

    def __call__(
        self, source: str, destination: str, protocol: int = TCP, port: int | None = 443, at: int | None = None, via: str | None = None,
        icmp_type: int | None = None,
    ) -> Checked:  # fmt: skip
        """The answer; ports are left out where there are none."""
        port = port if protocol in {TCP, UDP} else None
        return self._check.check(self._organisation.id, Question(source, destination, protocol, port, at, via, icmp_type))


@pytest.fixture
def ask(organisation: Organisation) -> Asking:
    """Asks about the organisation, which enforces."""
    organisation.control.settings.update(organisation.by, {"mode": "enforce"})
    return Asking(organisation)


@pytest.fixture
def office(organisation: Organisation, ask: Asking) -> dict[str, str]:
    """A laptop of the staff, a server, a database behind a router; who may reach whom."""
    staff, servers, things = (organisation.group(name) for name in ("Staff", "Servers", "Databases"))
    peers = {
        "laptop": organisation.peer("laptop", "100.64.0.1", groups=(staff,)),
        "crm": organisation.peer("crm", "100.64.0.9", groups=(servers,)),
        "router": organisation.peer("router", "100.64.0.7"),
    }
    network = organisation.control.networks.create(organisation.by, "office")
    db = organisation.control.networks.create_resource(organisation.by, network, "db", "10.1.0.0/24", [things])
    wiki = organisation.control.networks.create_resource(organisation.by, network, "wiki", "*.wiki.example.org", [things])
    organisation.control.networks.create_router(organisation.by, Router(id="", network_id=network, peer=peers["router"]))
    web = organisation.policy(rule(staff, servers, ports=(443,)), name="Web")
    telnet = organisation.policy(rule(staff, servers, ports=(23,), action=Action.drop), name="No telnet")
    databases = organisation.policy(rule(staff, things, ports=(5432,)), name="Databases")
    return {"staff": staff, "servers": servers, "db": db, "wiki": wiki, "web": web, "telnet": telnet, "databases": databases, **peers}


def by(checked: Checked) -> str | None:
    """The name of the policy that decides."""
    return None if checked.rule is None else checked.rule.policy_name


def test_the_rule_and_why(organisation: Organisation, office: dict[str, str], ask: Asking) -> None:
    """By names, ids or addresses; the rule in words, its version, and the groups that make it concern both."""
    for source, destination in (("laptop", "crm"), (office["laptop"], office["crm"]), ("100.64.0.1", "100.64.0.9")):
        found = ask(source, destination)
        assert (found.outcome, found.attribution, by(found)) == (Outcome.allowed, "resolved", "Web")
    assert found.rule is not None
    assert found.rule.text == "Staff may reach Servers by TCP on port 443"
    assert (found.rule.policy_id, found.rule.policy_version, found.rule.valid_until) == (office["web"], 1, None)
    assert [(each.type, each.name) for each in (*found.rule.source, *found.rule.destination)] == [("group", "Staff"), ("group", "Servers")]
    assert [group.name for group in found.groups[0]] == ["All", "Staff"]
    assert found.source.peer is not None
    assert found.source.peer.name == "laptop"


def test_denials(organisation: Organisation, office: dict[str, str], ask: Asking) -> None:
    """By a rule, by default; the other way round nothing is allowed."""
    assert (ask("laptop", "crm", port=23).outcome, by(ask("laptop", "crm", port=23))) == (Outcome.denied, "No telnet")
    default = ask("laptop", "crm", port=80)
    assert (default.outcome, default.attribution, default.rule) == (Outcome.denied, "default_deny", None)
    assert ask("crm", "laptop").outcome is Outcome.denied
    organisation.control.settings.update(organisation.by, {"overlay_default": Action.accept})
    assert (ask("crm", "laptop").outcome, ask("crm", "laptop").attribution) == (Outcome.allowed, "default_allow")


def test_behind_a_router(organisation: Organisation, office: dict[str, str], ask: Asking) -> None:
    """A resource by name, id, address, an address in it, a host of its domain."""
    for destination in ("db", office["db"], "10.1.0.0/24", "10.1.0.5", "wiki", "*.wiki.example.org", "en.wiki.example.org"):
        found = ask("laptop", destination, port=5432)
        assert (found.outcome, by(found)) == (Outcome.allowed, "Databases"), destination
        assert [each.name for each in found.rule.destination] == ["Databases"] if found.rule else False
    assert ask("laptop", "10.1.0.5", port=5433).attribution == "default_deny"
    assert ask("laptop", "10.1.0.5", port=5432, via="router").outcome is Outcome.allowed
    assert ask("laptop", "10.1.0.5", port=5432, via="crm").attribution == "default_deny"
    elsewhere = ask("laptop", "10.9.9.9", port=5432)
    assert (elsewhere.outcome, elsewhere.attribution) == (Outcome.unknown, "ambiguous")
    assert [each.policy_name for each in elsewhere.candidates] == ["Databases"]


def test_what_no_rule_is_about(office: dict[str, str], ask: Asking) -> None:
    """Other sources, a peer and itself, neighbour discovery; an address of the overlay that nobody has."""
    for found in (ask("192.0.2.1", "crm"), ask("crm", "100.64.0.9")):
        assert (found.outcome, found.attribution, found.rule) == (Outcome.not_governed, "none", None)
    assert ask("100.64.9.9", "crm").attribution == "default_deny"
    assert ask("laptop", "100.64.9.9").outcome is Outcome.unknown


def test_both_families(organisation: Organisation, ask: Asking) -> None:
    """The family of the address that is given, else the one that both have; ICMP is that of the family."""
    organisation.control.settings.update(organisation.by, {"network_range_v6": "fd00::/64"})
    staff = organisation.group("Staff")
    old = organisation.peer("old", "100.64.0.1", groups=(staff,))
    both = organisation.peer("both", "100.64.0.2", "fd00::2", groups=(staff,))
    six = organisation.peer("six", "fd00::3", groups=(staff,))
    organisation.policy(rule(staff, staff, protocol=Protocol.icmp))
    assert ask(old, both, ICMP).outcome is Outcome.allowed
    assert str(ask(both, six, ICMP).source.address) == "fd00::2"
    assert ask(both, six, ICMP).outcome is Outcome.allowed
    assert ask("fd00::3", "both", ICMP, icmp_type=135).outcome is Outcome.not_governed
    for source, destination in ((old, six), ("100.64.0.1", "fd00::3"), ("fd00::3", "old")):
        with pytest.raises(UnusableError, match="family"):
            ask(source, destination, ICMP)


def test_any_moment(organisation: Organisation, office: dict[str, str], ask: Asking, clock: Clock) -> None:
    """Policies, groups, addresses and names as they were then."""
    control, by_whom = organisation.control, organisation.by
    wider = Policy(id="", name="Web and more", rules=(rule(office["staff"], office["servers"], ports=(443, 80)),))
    deeds: list[Callable[[], None]] = [
        lambda: control.policies.update(by_whom, office["web"], wider),
        lambda: control.groups.update(by_whom, office["staff"], "People", []),
        lambda: control.policies.delete(by_whom, office["web"]),
    ]
    moments = [clock.now]
    for deed in deeds:
        clock.pass_s(60)
        deed()
        moments.append(clock.now + 30_000_000)
    clock.pass_s(60)
    told = [ask("laptop", "100.64.0.9", port=443, at=moment) for moment in moments]
    assert [(each.outcome, by(each)) for each in told] == [
        (Outcome.allowed, "Web"), (Outcome.allowed, "Web and more"), (Outcome.denied, None), (Outcome.denied, None),
    ]  # fmt: skip
    assert [each.rule.policy_version for each in told if each.rule] == [1, 2]
    assert [each.rule.text for each in told if each.rule][1] == "Staff may reach Servers by TCP on ports 443, 80"
    first, second = (each.rule for each in told[:2])
    assert first is not None
    assert second is not None
    assert first.valid_until == second.valid_from
    assert ask("laptop", "crm", port=80, at=moments[0]).outcome is Outcome.denied
    with pytest.raises(UnusableError, match="at: nothing is known"):
        ask("laptop", "crm", at=1)
    with pytest.raises(UnusableError, match="at: that moment is still to come"):
        ask("laptop", "crm", at=clock.now + 1)


def test_observed_rules_have_no_order(organisation: Organisation, office: dict[str, str], ask: Asking) -> None:
    """Where others enforce, several rules are candidates; a drop still comes before an accept."""
    organisation.policy(rule(office["staff"], office["servers"]), name="Everything")
    enforced = ask("laptop", "crm")
    assert (by(enforced), [each.policy_name for each in enforced.also]) == ("Web", ["Everything"])
    organisation.control.settings.update(organisation.by, {"mode": "observe"})
    found = ask("laptop", "crm")
    assert (found.outcome, found.attribution, found.rule) == (Outcome.allowed, "ambiguous", None)
    assert [each.policy_name for each in found.candidates] == ["Web", "Everything"]
    assert by(ask("laptop", "crm", port=23)) == "No telnet"


def test_the_way_back(organisation: Organisation, ask: Asking) -> None:
    """A rule that works both ways says that it was reversed; single peers are named as such."""
    one, other = organisation.peer("one", "100.64.0.1"), organisation.peer("other", "100.64.0.2")
    both = rule_between(Reference(one, "peer"), Reference(other, "peer"))
    organisation.policy(
        PolicyRule(**{name: getattr(both, name) for name in both.__struct_fields__ if name != "bidirectional"}, bidirectional=True)
    )
    found = ask("other", "one", UDP, 53)
    assert found.rule is not None
    assert (found.rule.reversed, found.rule.text) == (True, "one may reach other by any protocol, and back")
    assert [each.name for each in (*found.rule.source, *found.rule.destination)] == ["other", "one"]


def test_every_problem_names_its_field(organisation: Organisation, office: dict[str, str], ask: Asking) -> None:
    """Names that nobody has or that two have, resources that cannot be reached, peers without addresses."""
    organisation.peer("crm", "100.64.0.10")
    organisation.peer("bare")
    network = organisation.control.networks.create(organisation.by, "nowhere")
    organisation.control.networks.create_resource(organisation.by, network, "island", "10.5.0.1", [])
    for match, source, destination in (
        ("source: 'nobody' was no peer", "nobody", "crm"), ("destination: 'nowhere' was no peer or resource", "laptop", "nowhere"),
        ("destination: 2 peers were named 'crm'", "laptop", "crm"), ("source: the peer 'bare' had no address", "bare", "laptop"),
        ("destination: the resource 'island'", "laptop", "island"), ("source: .* has a zone", "fe80::1%eth0", "laptop"),
    ):  # fmt: skip
        with pytest.raises(UnusableError, match=match):
            ask(source, destination)
    with pytest.raises(UnusableError, match="via: 'nobody'"):
        ask("laptop", "db", via="nobody")


def test_before_the_first_change(control: Control, clock: Clock) -> None:
    """An organisation that has nothing has its defaults."""
    organisation = Organisation(control, control.add_organisation("new"), clock)
    assert Asking(organisation)("100.64.0.1", "10.0.0.1").outcome is Outcome.unknown
