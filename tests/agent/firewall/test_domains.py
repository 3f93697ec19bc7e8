"""Addresses of names."""

import threading
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.domains import Domains, Names
from tests.agent.netns import until


def _texts(names: Names, name: str) -> set[str]:
    return {str(address) for address in names.addresses().get(name, ())}


def test_answers() -> None:
    """New addresses are in force at once, those that are gone for a while longer; what did not change is no change."""
    names = Names()
    assert names.answer("a", ["10.0.0.1", "fd00::1"], 0)
    assert not names.answer("a", ["fd00::1", "10.0.0.1"], 60)
    assert names.answer("a", ["10.0.0.2"], 120) and _texts(names, "a") == {"10.0.0.1", "10.0.0.2", "fd00::1"}
    assert names.answer("a", ["10.0.0.2"], 61 + limits.DOMAIN_KEEP_S) and _texts(names, "a") == {"10.0.0.2"}
    names.keep(["b"])
    assert not names.addresses()


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "169.254.1.1", "fe80::1%eth0", "224.0.0.1", "0.0.0.0", "nonsense", ""])
def test_unusable_addresses(text: str) -> None:
    """A name must not open the machine itself, nor what is no other machine."""
    names = Names()
    assert not names.answer("a", [text], 0) and names.refused == 1 and not names.found("a")


def test_addresses_are_bounded() -> None:
    """A name has no more than so many addresses at a time."""
    names = Names()
    names.answer("a", [f"10.0.{number >> 8}.{number & 255}" for number in range(1_000)], 0)
    assert len(_texts(names, "a")) == limits.DOMAIN_ADDRESSES_MAX and names.refused == 1_000 - limits.DOMAIN_ADDRESSES_MAX


class Resolver:
    """Answers as the test says, at a time that the test moves."""

    def __init__(self) -> None:
        self.answers: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.now_s = 0.0
        self.silent = threading.Event()
        self.silent.set()
        self.changes = 0

    def lookup(self, name: str) -> list[str]:
        """An answer, or none."""
        self.asked.append(name)
        if name == "silent.test":
            self.silent.wait(10)
        if name not in self.answers:
            raise OSError("no such name")
        return self.answers[name]

    def changed(self) -> None:
        """Called when addresses changed."""
        self.changes += 1


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    """A name server."""
    made = Resolver()
    yield made
    made.silent.set()


@pytest.fixture
def domains(resolver: Resolver) -> Iterator[Domains]:
    """Domains that ask it."""
    made = Domains(resolver.changed, resolver.lookup, lambda: resolver.now_s)
    made.start()
    yield made
    made.stop()


def test_lookup(resolver: Resolver, domains: Domains) -> None:
    """Wanted names are looked up at once, and told; a wildcard is the name below which it stands."""
    resolver.answers = {"db.test": ["10.0.0.1"], "wild.test": ["10.0.0.2"]}
    domains.want(["db.test", "*.wild.test", "wild.test", "unknown.test", "", "x" * 300])
    expected = {"db.test": "10.0.0.1", "wild.test": "10.0.0.2", "*.wild.test": "10.0.0.2"}
    until(lambda: domains.addresses() == {name: {ip_address(text)} for name, text in expected.items()}, "addresses")
    until(lambda: domains.failed == 1 and resolver.changes == 2, "the failure is counted")
    assert domains.left_out == 2
    domains.want([])
    assert domains.addresses() == {}


def test_silent_server(resolver: Resolver, domains: Domains) -> None:
    """A name server that does not answer holds up neither the others nor the end."""
    resolver.silent.clear()
    resolver.answers = {"db.test": ["10.0.0.1"]}
    domains.want(["silent.test", "db.test"])
    until(lambda: "db.test" in domains.addresses(), "the other name is resolved")
    domains.stop()


def test_again_and_again(resolver: Resolver, domains: Domains) -> None:
    """A name is looked up again after its interval; when there is no answer any more, its addresses stay."""
    resolver.answers = {"db.test": ["10.0.0.1"]}
    domains.want(["db.test"])
    until(lambda: resolver.changes == 1, "resolved")
    resolver.answers = {}
    resolver.now_s += limits.DOMAIN_INTERVAL_S + 1
    domains.want(["db.test"])
    until(lambda: domains.failed == 1, "asked again")
    assert set(map(str, domains.addresses()["db.test"])) == {"10.0.0.1"} and resolver.asked == ["db.test", "db.test"]


def test_too_many(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit names are left out."""
    monkeypatch.setattr(limits, "DOMAINS_MAX", 2)
    domains = Domains(resolver.changed, resolver.lookup)
    domains.want(["a", "b", "c"])
    assert domains.left_out == 1
