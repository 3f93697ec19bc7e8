"""Columns of a batch: what is filled, what stays, and what time has to do with it."""

import random
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from meshtrail.control.inventory import Group, Network, PeerRecord, Policy, PolicyRule, Resource, Router, Settings, Snapshot
from meshtrail.control.material import material_of
from meshtrail.enrich.directory import Directory, Peer
from meshtrail.enrich.geo import NullAtlas
from meshtrail.enrich.resolver import addresses, book
from meshtrail.enrich.resolver.book import Book
from meshtrail.enrich.resolver.books import NO_BOOKS
from meshtrail.enrich.resolver.resolve import resolve
from meshtrail.enrich.service import Enricher
from meshtrail.model.enums import Attribution
from meshtrail.model.network_map import Mode, Protocol, ResourceType
from tests.enrich.resolver.fixed import Fixed
from tests.enrich.resolver.organisations import resolved, table_of, told
from tests.rows import NOON_US, report

RULE = {"policy_id": "o1", "policy_name": "policy 1", "policy_version": 1}


def machine(number: int) -> PeerRecord:
    """An enrolled peer with one address."""
    return PeerRecord(f"p{number}", f"peer {number}", Peer(f"p{number}", f"peer {number}"), 1, {f"100.64.0.{number}": 1})


def policy(number: int, *ports: int, version: int = 1, rules: int = 1) -> Policy:
    """Everybody may reach everybody on these ports, said once or several times."""
    rule = PolicyRule(id="", name="rule", ports=ports, protocol=Protocol.tcp, sources=("g",), destinations=("g",))
    made = tuple(msgspec.structs.replace(rule, id=f"u{number}.{at}") for at in range(rules))
    return Policy(id=f"o{number}", name=f"policy {number}", version=version, created_at=number, rules=made)


def organisation(*policies: Policy, mode: Mode = Mode.observe, **more: Any) -> Snapshot:
    """Two peers in one group."""
    peers = {f"p{number}": machine(number) for number in (1, 2)}
    return Snapshot(
        "org", Settings(mode=mode), peers, {"g": Group("g", "All", True, (), ("r",))}, {each.id: each for each in policies}, **more
    )


def connection(**fields: Any) -> dict[str, Any]:
    """A report of a connection between the two peers."""
    return report(NOON_US, **{"reporter_id": "p1", "source_address": "100.64.0.1", "destination_address": "100.64.0.2", **fields})


def test_one_rule() -> None:
    """Is told whole; a port that none is about, and what rules do not govern, is told as it is."""
    denied = {"verdict": "denied", "state": "denied"}
    rows = [
        connection(), connection(destination_port=80, **denied), connection(source_address="192.0.2.1"), connection(destination_port=80),
    ]  # fmt: skip
    assert resolved(organisation(policy(1, 443)), rows) == [
        RULE | {"attribution": "resolved", "rule_id": "u1.0"}, {"attribution": "default_deny"}, {}, {},
    ]  # fmt: skip


def test_several_rules_are_listed() -> None:
    """Of one policy: the policy is certain. Of several: nothing but the list. In the order in which they were made."""
    one = organisation(policy(1, 443, rules=2))
    assert resolved(one, [connection()]) == [RULE | {"attribution": "resolved", "rule_candidates": ["u1.0", "u1.1"]}]
    two = organisation(policy(1, 443), policy(2), policy(3, 80))
    first, second, third = resolved(two, [connection(), connection(destination_port=22), connection(verdict="denied", state="denied")])
    assert first == {"attribution": "ambiguous", "rule_candidates": ["u1.0", "u2.0"]}
    assert second["rule_id"] == "u2.0"
    assert third == {}
    many = organisation(*(policy(number, 443) for number in range(20)))
    assert len(resolved(many, [connection()])[0]["rule_candidates"]) == 16


def test_enforced_rules_have_an_order() -> None:
    """The first one decides."""
    both = organisation(policy(2), policy(1, 443), mode=Mode.enforce)
    assert resolved(both, [connection()])[0]["rule_id"] == "u1.0"


def test_denials_are_said_at_the_end() -> None:
    """A connection that waits for an answer may still get one: only what lets it in is said, until it ends without."""
    snapshot = organisation(policy(1, 443), mode=Mode.enforce)
    waiting = [connection(verdict=None), connection(verdict="unknown", destination_port=80)]
    assert [answer.get("policy_id") for answer in resolved(snapshot, waiting)] == ["o1", None]
    assert "attribution" not in resolved(snapshot, waiting)[1]
    ended = [connection(verdict=None, destination_port=80, state=state) for state in ("attempted", "denied", "closed", "lost")]
    assert [answer.get("attribution") for answer in resolved(snapshot, ended)] == ["default_deny", "default_deny", None, None]


def test_what_a_sender_said_stays() -> None:
    """A rule, a default; an attribution of none is no word about it. Gaps are no connections."""
    rows = [
        connection(policy_id="mine", rule_id="r"), connection(attribution="default_deny"), connection(attribution="none"),
        connection(state="gap", gap_cause="restart"), connection(),
    ]  # fmt: skip
    answers = resolved(organisation(policy(1, 443)), rows)
    assert [answer.get("policy_id") for answer in answers] == ["mine", None, "o1", None, "o1"]
    assert [answer.get("attribution") for answer in answers] == [None, "default_deny", "resolved", None, "resolved"]


def test_a_batch_without_anything_to_say_is_left_alone() -> None:
    """No books, no rows that want an answer, none that gets one: the table is the very same."""
    table = table_of([connection()])
    assert resolve(table, NO_BOOKS) is table
    assert resolve(table, Fixed(Book(material_of(organisation())))) is table
    said = table_of([connection(policy_id="mine")])
    assert resolve(said, Fixed(Book(material_of(organisation(policy(1)))))) is said
    bare = table.drop_columns(["protocol"])
    assert resolve(bare, Fixed(Book(material_of(organisation(policy(1)))))) is bare


def test_the_book_of_the_beginning_decides() -> None:
    """Each connection is judged by the rules that were in force when it began; before anything is known nothing is said."""
    before, after = organisation(policy(1, 443)), organisation(policy(1, 443, 80, version=2), policy(2, 22))
    books = Fixed(
        Book(material_of(before)), Book(material_of(after)), None,
        starts=(NOON_US, NOON_US + 100, NOON_US + 200),
    )  # fmt: skip
    starts = [NOON_US - 1, NOON_US, NOON_US + 99, NOON_US + 100, NOON_US + 199, NOON_US + 200]
    rows = [report(start, source_address="100.64.0.1", destination_address="100.64.0.2") for start in starts]
    rows.append(report(NOON_US + 150, source_address="100.64.0.1", destination_address="100.64.0.2", destination_port=22))
    answers = told(resolve(table_of(rows), books))
    assert [answer.get("policy_version") for answer in answers] == [None, 1, 1, 2, 2, None, 1]
    assert answers[-1]["policy_name"] == "policy 2"


def test_dictionaries_hold_each_text_once() -> None:
    """Where a column has values already, and where a batch is smaller than the book."""
    snapshot = organisation(*(policy(number, number) for number in range(1, 40)))
    rows = [connection(destination_port=number, policy_name=f"policy {number}" if number == 3 else None) for number in (5, 3, 5, 4)]
    table = resolve(table_of(rows), Fixed(Book(material_of(snapshot))))
    names = table["policy_name"].combine_chunks()
    assert names.to_pylist() == ["policy 5", "policy 3", "policy 5", "policy 4"]
    texts = names.dictionary.to_pylist()
    assert len(texts) == len(set(texts)) == 3
    assert pa.types.is_dictionary(table["policy_id"].type)


def test_domains_are_known_by_the_sender() -> None:
    """A resource that is a domain is one where the sender says so; else its rules are candidates, whatever there is besides."""
    resources = {"r": Resource(id="r", network_id="n", name="wiki", type=ResourceType.domain, address="wiki.test")}
    behind = organisation(
        policy(1, 443), mode=Mode.enforce, resources=resources, networks={"n": Network("n", "office")},
        routers={"t": Router(id="t", network_id="n", peer="p2")},
    )  # fmt: skip
    outside = connection(destination_address="192.0.2.80", verdict="allowed")
    named, unnamed, other = resolved(behind, [outside | {"destination_resource_id": "r"}, outside, outside | {"destination_port": 80}])
    assert named == RULE | {"attribution": "resolved", "rule_id": "u1.0"}
    assert unnamed == RULE | {"attribution": "resolved", "rule_candidates": ["u1.0"]}
    assert other == {}


def test_the_enricher_asks_the_directory() -> None:
    """The rules come with everything else that the server knows."""
    book = Book(material_of(organisation(policy(1, 443))))
    table = Enricher(NullAtlas()).enrich(table_of([connection()]), Directory({}, {}, books=Fixed(book)))
    assert table["attribution"].to_pylist() == [Attribution.resolved]


def test_answers_are_remembered_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """More questions than a book remembers are answered all the same."""
    snapshot = organisation(*(policy(number, number) for number in range(1, 200)))
    ports = random.Random(1).choices(range(1, 250), k=500)
    rows = [connection(destination_port=port) for port in ports]
    monkeypatch.setattr(book, "ANSWERS_REMEMBERED", 8)
    monkeypatch.setattr(book, "_SLOT_BITS", 3)
    monkeypatch.setattr(book, "QUESTIONS_AT_ONCE", 7)
    monkeypatch.setattr(addresses, "ADDRESSES_REMEMBERED", 1)
    made = Book(material_of(snapshot))
    for _ in range(2):
        assert [answer.get("rule_id") for answer in resolved(made, rows)] == [f"u{port}.0" if port < 200 else None for port in ports]
