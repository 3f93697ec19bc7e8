"""Whatever a document says: applied twice is applied once, and what is exported says the same again."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshtrail.control.document.codec import Form, decode, encode
from meshtrail.control.document.entries import (
    Document,
    GroupEntry,
    KeyEntry,
    NetworkEntry,
    PolicyEntry,
    ResourceEntry,
    RouterEntry,
    RuleEntry,
    SettingsEntry,
)
from meshtrail.control.service import Control
from meshtrail.model.network_map import Action, Mode, PortRange, Protocol
from meshtrail.server import CONTROL_FILE
from tests.control.organisation import Clock, Organisation

GROUPS = ("Staff", "Ünïcode ☃", 'quo"te', "a/b", "x = [1]")
NAMES = st.sampled_from(["a", "b", "with blank", "näme", "n/m", "'single'", "# no comment", "true"])
TEXTS = st.sampled_from(["", "A sentence.", 'It says "so".', "two\nlines", "tab\there"])
FLAGS = st.booleans()
SOME_GROUPS = st.lists(st.sampled_from(GROUPS), min_size=1, max_size=3).map(tuple)
ANY_GROUPS = st.lists(st.sampled_from(GROUPS), max_size=3).map(tuple)


def unique(entries: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    """A few entries whose names differ."""
    return st.lists(entries, max_size=3, unique_by=lambda entry: entry.name).map(tuple)  # type: ignore[attr-defined]


@st.composite
def rules(draw: st.DrawFn) -> RuleEntry:
    """A rule between groups, or to a peer."""
    protocol = draw(st.sampled_from(list(Protocol)))
    ported = protocol in {Protocol.tcp, Protocol.udp}
    ranged = draw(FLAGS)
    to_peer = draw(FLAGS)
    return RuleEntry(
        name=draw(NAMES), description=draw(TEXTS), enabled=draw(FLAGS), action=draw(st.sampled_from(list(Action))),
        bidirectional=draw(FLAGS), protocol=protocol, ports=(22, 443) if ported and not ranged else (),
        port_ranges=(PortRange(1, 9), PortRange(50, 60)) if ported and ranged else (), sources=draw(SOME_GROUPS),
        destinations=() if to_peer else draw(SOME_GROUPS), destination_peer="laptop" if to_peer else "",
    )  # fmt: skip


RESOURCES = st.builds(
    ResourceEntry, name=NAMES, address=st.sampled_from(["10.0.0.5", "10.1.0.0/16", "*.example.org", "fd00::/64"]), description=TEXTS,
    groups=ANY_GROUPS, enabled=FLAGS,
)  # fmt: skip
ROUTERS = st.one_of(
    st.just(()),
    st.builds(RouterEntry, peer=st.just("laptop"), metric=st.integers(1, 9_999), masquerade=FLAGS).map(lambda router: (router,)),
    st.builds(RouterEntry, peer_groups=SOME_GROUPS, enabled=FLAGS).map(lambda router: (router,)),
)
NETWORKS = st.builds(
    NetworkEntry, name=NAMES, description=TEXTS, default_action=st.sampled_from(["", "accept", "drop"]), resources=unique(RESOURCES),
    routers=ROUTERS,
)  # fmt: skip
POLICIES = st.builds(PolicyEntry, name=NAMES, description=TEXTS, enabled=FLAGS, rules=st.lists(rules(), min_size=1, max_size=3).map(tuple))
KEYS = st.builds(
    KeyEntry, name=NAMES, reusable=st.just(True), usage_limit=st.integers(0, 5), auto_groups=ANY_GROUPS,
    expires_at=st.sampled_from(["", "2027-01-31T12:00:00Z", "2027-01-31T13:00:00.5+01:00"]),
)  # fmt: skip
SETTINGS = st.builds(SettingsEntry, mode=st.sampled_from(list(Mode)), collect_dns=FLAGS, network_traffic_logs_groups=ANY_GROUPS)
DOCUMENTS = st.builds(
    Document, settings=SETTINGS, networks=unique(NETWORKS), policies=unique(POLICIES), enrolment_keys=unique(KEYS),
    groups=st.just(tuple(GroupEntry(name=name, peers=("laptop",) if name == "Staff" else ()) for name in GROUPS)),
)  # fmt: skip


@pytest.fixture
def with_peer(empty_store: Path, tmp_path: Path) -> Path:
    """A store with one organisation that has one peer, to be copied."""
    path = tmp_path / "template.sqlite"
    shutil.copy(empty_store, path)
    clock = Clock()
    control = Control(path, clock)
    control.open()
    organisation = Organisation(control, control.first_organisation()[0], clock)
    organisation.peer("laptop", "100.64.0.1")
    for key in control.enrolment_keys.list(organisation.id):
        control.enrolment_keys.delete(organisation.by, key.id)
    control.close()
    return path


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(first=DOCUMENTS, second=DOCUMENTS)
def test_documents(with_peer: Path, first: Document, second: Document) -> None:
    """From nothing to one, and from one to another, with pruning: each way is done in one step and leaves nothing to do."""
    path = with_peer.with_name(CONTROL_FILE)
    shutil.copy(with_peer, path)
    clock = Clock()
    control = Control(path, clock)
    control.open()
    try:
        organisation = Organisation(control, control.first_organisation()[0], clock)
        control.documents.apply(organisation.by, first, prune=True)
        assert control.documents.apply(organisation.by, first, prune=True).steps == []
        fixed = {key.name for key in first.enrolment_keys} & {key.name for key in second.enrolment_keys}  # type: ignore[union-attr]
        wanted = Document(groups=second.groups, networks=second.networks, policies=second.policies, settings=second.settings)
        plan = control.documents.plan(organisation.by, second if not fixed else wanted, prune=True)
        done = control.documents.apply(organisation.by, second if not fixed else wanted, prune=True, plan=plan.plan)
        assert done.steps == plan.steps
        exported = control.documents.export(organisation.by)
        for form in Form:
            written = encode(exported, form)
            assert decode(written, form) == exported
            assert control.documents.apply(organisation.by, decode(written, form), prune=True).steps == []
        assert control.documents.apply(organisation.by, wanted, prune=True).steps == []
    finally:
        control.close()
