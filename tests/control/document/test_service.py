"""The inventory goes out as a document, comes back, and becomes what the document says."""

import pytest

from meshtrail.common.errors import CallerError, OutdatedError
from meshtrail.control.document.codec import Form, decode, encode
from meshtrail.control.document.entries import Document
from meshtrail.control.document.steps import Outcome
from meshtrail.control.inventory import Reference, Router
from meshtrail.control.service import Control
from meshtrail.model.activities import Activity
from meshtrail.model.network_map import Action, Mode, PortRange, Protocol
from tests.control.organisation import Clock, Organisation, rule, rule_between
from tests.control.told import codes, told

WHOLE = """
format = 1

[settings]
mode = "enforce"
network_traffic_logs_groups = ["Staff"]

[[groups]]
name = "Staff"
peers = ["laptop"]

[[groups]]
name = "Databases"

[[networks]]
name = "Office"
default_action = "drop"

[[networks.resources]]
name = "db"
address = "10.0.0.5"
groups = ["Databases"]

[[networks.resources]]
name = "wiki"
address = "wiki.example.org"

[[networks.routers]]
peer = "gateway"

[[policies]]
name = "Staff to databases"

[[policies.rules]]
name = "sql"
protocol = "tcp"
ports = [5432]
port_ranges = []
sources = ["Staff"]
destinations = ["Databases"]

[[policies.rules]]
name = "wiki"
protocol = "udp"
port_ranges = [{start = 1000, end = 2000}]
source_peer = "laptop"
destination_resource = "Office/wiki"

[[enrolment_keys]]
name = "laptops"
reusable = true
auto_groups = ["Staff"]
expires_at = 2026-12-31T00:00:00Z
"""


def document(text: str) -> Document:
    """A document in TOML."""
    return decode(text.encode(), Form.toml)


@pytest.fixture
def peers(organisation: Organisation) -> dict[str, str]:
    """Two peers by name, whose keys are gone."""
    return two_peers(organisation)


def two_peers(organisation: Organisation) -> dict[str, str]:
    """Two peers by name, whose keys are gone."""
    made = {name: organisation.peer(name, f"100.64.0.{number}") for number, name in enumerate(("laptop", "gateway"), 1)}
    for key in organisation.control.enrolment_keys.list(organisation.id):
        organisation.control.enrolment_keys.delete(organisation.by, key.id)
    return made


def applied(organisation: Organisation, text: str, *, prune: bool = False) -> Outcome:
    """Apply a document in TOML."""
    return organisation.control.documents.apply(organisation.by, document(text), prune=prune)


def said(outcome: Outcome) -> list[str]:
    """The steps in short."""
    return [f"{step.action} {step.kind} {step.name}" for step in outcome.steps]


def refused(organisation: Organisation, text: str, *, prune: bool = False) -> str:
    """What is said of a document that cannot be applied; nothing may have changed."""
    control = organisation.control
    before = control.documents.export(organisation.by)
    with pytest.raises(CallerError) as planned:
        control.documents.plan(organisation.by, document(text), prune=prune)
    with pytest.raises(CallerError) as caught:
        applied(organisation, text, prune=prune)
    assert control.documents.export(organisation.by) == before
    assert (planned.value.message, planned.value.remedy) == (caught.value.message, caught.value.remedy)
    return f"{caught.value.message} {caught.value.remedy}".strip()


def test_a_document_becomes_the_inventory(organisation: Organisation, peers: dict[str, str]) -> None:
    """Things that name each other are made in the order that they need; the key is shown once; the second time nothing is left."""
    outcome = applied(organisation, WHOLE)
    assert said(outcome) == [
        "create group Staff", "create group Databases", "create network Office", "create resource Office/db", "create resource Office/wiki",
        "create router Office through gateway", "create policy Staff to databases", "update settings settings",
        "create enrolment key laptops",
    ]  # fmt: skip
    snapshot = organisation.snapshot
    groups = {group.name: group for group in snapshot.groups.values()}
    assert groups["Staff"].peers == (peers["laptop"],)
    resources = {each.name: each for each in snapshot.resources.values()}
    assert resources["db"].address == "10.0.0.5/32"
    assert groups["Databases"].resources == (resources["db"].id,)
    assert [(router.peer, router.masquerade, router.enabled) for router in snapshot.routers.values()] == [(peers["gateway"], True, True)]
    assert [network.default for network in snapshot.networks.values()] == [Action.drop]
    (policy,) = snapshot.policies.values()
    sql, wiki = policy.rules
    assert (sql.ports, sql.sources, sql.destinations) == ((5432,), (groups["Staff"].id,), (groups["Databases"].id,))
    assert (wiki.source_resource, wiki.destination_resource) == (
        Reference(peers["laptop"], "peer"), Reference(resources["wiki"].id, "domain"),
    )  # fmt: skip
    assert wiki.port_ranges == (PortRange(1000, 2000),)
    assert (snapshot.settings.mode, snapshot.settings.network_traffic_logs_groups) == (Mode.enforce, (groups["Staff"].id,))
    (key,) = outcome.keys
    assert organisation.control.enrolment_keys.get(organisation.id, key.id).auto_groups == (groups["Staff"].id,)
    again = applied(organisation, WHOLE)
    assert again.steps == []
    assert again.keys == []
    assert organisation.snapshot.policies[policy.id].version == 1


def test_what_is_exported_changes_nothing(organisation: Organisation, peers: dict[str, str]) -> None:
    """In either form, also with pruning, also where names are not unique."""
    applied(organisation, WHOLE)
    by = organisation.by
    networks = organisation.control.networks
    for _ in range(2):
        network = networks.create(by, "Twin")
        networks.create_router(by, Router(id="", network_id=network, peer=peers["gateway"], metric=5))
        networks.create_router(by, Router(id="", network_id=network, peer=peers["gateway"], metric=6, enabled=False))
        resource = networks.create_resource(by, network, "same", "10.9.0.0/24", [])
        organisation.policy(
            rule_between(peers["laptop"] and Reference(peers["laptop"], "peer"), Reference(resource, "subnet")), name="Same"
        )
    organisation.peer("laptop", "100.64.0.9")
    before = organisation.control.documents.export(organisation.by)
    for form in Form:
        written = encode(before, form)
        assert decode(written, form) == before
        outcome = organisation.control.documents.apply(by, decode(written, form), prune=True)
        assert outcome.steps == [], written.decode()


def test_an_organisation_is_copied(organisation: Organisation, peers: dict[str, str], clock: Clock) -> None:
    """Names are enough: another organisation, whose ids are others, gets the same."""
    applied(organisation, WHOLE)
    control = organisation.control
    other = Organisation(control, control.add_organisation("other"), clock)
    assert peers.keys() == two_peers(other).keys()
    exported = control.documents.export(organisation.by)
    control.documents.apply(other.by, exported)
    assert control.documents.export(other.by) == exported
    assert not set(other.snapshot.groups) & set(organisation.snapshot.groups)


def test_a_plan_changes_nothing(organisation: Organisation, peers: dict[str, str]) -> None:
    """It says what would be done, before and after; no event, no revision, nobody is woken."""
    assert peers
    control = organisation.control
    before, generation = control.documents.export(organisation.by), control.changes.generation(organisation.id)
    plan = control.documents.plan(organisation.by, document(WHOLE))
    assert not plan.applied
    assert plan.steps[0].after == {"name": "Staff", "peers": ["laptop"]}
    assert plan.steps[-2].before == {"mode": "observe", "network_traffic_logs_groups": []}
    assert plan.keys == []
    assert control.documents.export(organisation.by) == before
    assert control.changes.generation(organisation.id) == generation
    done = control.documents.apply(organisation.by, document(WHOLE), plan=plan.plan)
    assert done.steps == plan.steps
    assert control.changes.generation(organisation.id) == generation + 1


def test_a_plan_that_is_outdated_is_not_done(organisation: Organisation, peers: dict[str, str]) -> None:
    """What was shown is what is done, or nothing is."""
    assert peers
    control = organisation.control
    plan = control.documents.plan(organisation.by, document(WHOLE))
    organisation.group("Staff")
    with pytest.raises(OutdatedError):
        control.documents.apply(organisation.by, document(WHOLE), plan=plan.plan)
    assert [group.name for group in organisation.snapshot.groups.values()] == ["All", "Staff"]


def test_what_is_left_out_stays_or_goes(organisation: Organisation, peers: dict[str, str]) -> None:
    """Without pruning everything stays; with it, what the document's sections leave out goes, the naming before the named."""
    assert peers
    applied(organisation, WHOLE)
    only = 'groups = [{name = "Staff"}]\npolicies = []\nenrolment_keys = []\nsettings = {network_traffic_logs_groups = []}\nnetworks = []'
    assert said(applied(organisation, only)) == ["update settings settings"]
    pruned = applied(organisation, only, prune=True)
    assert said(pruned) == [
        "delete enrolment key laptops", "delete policy Staff to databases", "delete network Office", "delete group Databases",
    ]  # fmt: skip
    assert pruned.steps[-1].before == {"name": "Databases", "peers": []}
    snapshot = organisation.snapshot
    assert [group.name for group in snapshot.groups.values()] == ["All", "Staff"]
    assert not snapshot.networks
    assert not snapshot.resources
    assert not snapshot.policies


def test_sections_that_are_not_there_are_left_alone(organisation: Organisation, peers: dict[str, str]) -> None:
    """A document of groups prunes groups only."""
    assert peers
    applied(organisation, WHOLE)
    assert refused(organisation, 'groups = [{name = "Staff"}]', prune=True).startswith(
        "the group 'Databases', which is not in the document: The group is used by the policy 'Staff to databases'."
    )
    assert said(applied(organisation, 'groups = [{name = "Staff"}, {name = "Databases"}]', prune=True)) == []


def test_things_are_changed_in_place(organisation: Organisation, peers: dict[str, str]) -> None:
    """Only what the document says differs; a rule keeps its id by its name, a thing with its id may get another name."""
    applied(organisation, WHOLE)
    (policy,) = organisation.snapshot.policies.values()
    staff = next(group.id for group in organisation.snapshot.groups.values() if group.name == "Staff")
    change = f"""
groups = [{{id = "{staff}", name = "Everybody", peers = ["{peers["gateway"]}"]}}]
settings = {{collect_dns = false}}
[[policies]]
name = "Staff to databases"
enabled = false
[[policies.rules]]
name = "new"
sources = ["Everybody"]
destinations = ["All"]
[[policies.rules]]
name = "sql"
protocol = "tcp"
ports = [5433]
sources = ["Everybody"]
destinations = ["Databases"]
"""
    outcome = applied(organisation, change)
    assert said(outcome) == ["update group Everybody", "update policy Staff to databases", "update settings settings"]
    assert outcome.steps[0].before == {"name": "Staff", "peers": ["laptop"]}
    assert outcome.steps[0].after == {"name": "Everybody", "peers": ["gateway"]}
    assert outcome.steps[2].after == {"collect_dns": False}
    now = organisation.snapshot.policies[policy.id]
    assert now.version == 2
    assert not now.enabled
    assert [each.name for each in now.rules] == ["new", "sql"]
    assert now.rules[1].id == policy.rules[0].id
    assert organisation.snapshot.settings.mode is Mode.enforce
    assert organisation.snapshot.groups[staff].peers == (peers["gateway"],)


def test_every_step_leaves_its_events(organisation: Organisation, peers: dict[str, str]) -> None:
    """The same as single changes, by the same person; a plan leaves none."""
    assert peers
    control = organisation.control
    before = codes(control, organisation.id)
    control.documents.plan(organisation.by, document(WHOLE))
    assert codes(control, organisation.id) == before
    control.documents.apply(organisation.by, document(WHOLE))
    events = told(control, organisation.id)[len(before) :]
    assert {event["initiator_id"] for event in events} == {organisation.by.id}
    assert {Activity.group_add, Activity.policy_add, Activity.network_create, Activity.setupkey_add} <= {
        event["activity_code"] for event in events
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('groups = [{name = ""}]', "groups[0].name: it must not be empty."),
        ('groups = [{name = "a"}, {name = "a"}]', "groups[1]: 'a' is in groups[0] already. Give things of one kind names that differ."),
        ('groups = [{name = "a", peers = ["laptop", "lapdog"]}]',
         "groups[0].peers[1]: there is no peer 'lapdog'. Did you mean 'laptop'?"),
        ('networks = [{name = "n", resources = [{name = "r", address = "10.0.0.300"}]}]',
         "networks[0].resources[0].address: '10.0.0.300' is no address, network or domain"),
        ('networks = [{name = "n", resources = [{name = "r"}]}]', "networks[0].resources[0].address: '' is no address"),
        ('networks = [{name = "n", routers = [{}]}]', "networks[0].routers[0].peer: exactly one of peer and peer_groups is needed."),
        ('networks = [{name = "n", routers = [{peer = "laptop", metric = 0}]}]',
         "networks[0].routers[0].metric: it is 0; it must be from 1 to 9999."),
        ('policies = [{name = "p"}]', "policies[0].rules: a policy needs at least one rule."),
        ('policies = [{name = "p", rules = [{name = "r", sources = ["All"], destinations = ["All"], ports = [1]}]}]',
         "policies[0].rules[0].ports: the protocol all has no ports. Use tcp or udp."),
        ('policies = [{name = "p", rules = [{name = "r", sources = ["all"], destinations = ["All"]}]}]',
         "policies[0].rules[0].sources[0]: there is no group 'all'. Did you mean 'All'?"),
        ('policies = [{name = "p", rules = [{name = "r", destinations = ["All"]}]}]',
         "policies[0].rules[0].sources: exactly one of sources and source_peer is needed."),
        ('settings = {network_range = "10.0.0.1/8"}', "settings.network_range: 10.0.0.1/8 has host bits set."),
        ('enrolment_keys = [{name = "k", expires_at = "soon"}]', "enrolment_keys[0].expires_at: 'soon' is no time."),
        ('enrolment_keys = [{name = "k", auto_groups = ["All"]}]', "enrolment_keys[0].auto_groups: the group All cannot be chosen here"),
        ('enrolment_keys = [{name = "k", expires_at = 2020-01-01T00:00:00Z}]', "enrolment_keys[0].expires_at: it is -"),
    ],
)  # fmt: skip
def test_errors_name_the_place(text: str, message: str, organisation: Organisation, peers: dict[str, str]) -> None:
    """In the document, with what may have been meant; what came before them in the document is undone."""
    assert peers
    assert message in refused(organisation, text)
    assert message in refused(organisation, f'{text}\n[settings]\nmode = "enforce"\n' if "settings" not in text else text)


def test_a_key_is_not_changed(organisation: Organisation, peers: dict[str, str]) -> None:
    """Who has it relies on it; its groups may differ."""
    assert peers
    applied(organisation, WHOLE)
    assert "enrolment_keys[0].reusable: it is True, and cannot be changed." in refused(
        organisation, 'enrolment_keys = [{name = "laptops", reusable = false}]'
    )
    outcome = applied(organisation, 'enrolment_keys = [{name = "laptops", auto_groups = []}]')
    assert [(step.before, step.after) for step in outcome.steps] == [({"auto_groups": ["Staff"]}, {"auto_groups": []})]
    assert outcome.keys == []


def test_ambiguous_names_need_ids(organisation: Organisation, control: Control) -> None:
    """The error says which there are."""
    by = organisation.by
    first, second = control.networks.create(by, "Twin"), control.networks.create(by, "Twin")
    said_then = refused(organisation, 'networks = [{name = "Twin", description = "x"}]')
    assert said_then.startswith("networks[0]: there are 2 of the name 'Twin'. Add the id: ")
    assert {first, second} == set(said_then.rpartition(": ")[2].rstrip(".").split(" or "))
    applied(organisation, f'networks = [{{name = "Twin", id = "{second}", description = "x"}}]')
    assert [organisation.snapshot.networks[each].description for each in (first, second)] == ["", "x"]


def test_protocols_and_rules_are_the_same_after_a_round(organisation: Organisation) -> None:
    """What single changes can make, a document can say."""
    group = organisation.group("g")
    for protocol in Protocol:
        ports = (80, 443) if protocol in {Protocol.tcp, Protocol.udp} else ()
        organisation.policy(
            rule(group, group, protocol=protocol, ports=ports, action=Action.drop, bidirectional=True, enabled=False), name=protocol
        )
    exported = organisation.control.documents.export(organisation.by)
    for policy in list(organisation.snapshot.policies):
        organisation.control.policies.delete(organisation.by, policy)
    organisation.control.documents.apply(organisation.by, decode(encode(exported, Form.toml), Form.toml))
    assert organisation.control.documents.export(organisation.by) == exported
