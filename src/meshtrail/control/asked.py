"""A question about policies in the words of a book of rules. Pure."""

import numpy as np

from meshtrail.common.errors import UnusableError
from meshtrail.control import check_ends
from meshtrail.control.check_ends import End, of_family
from meshtrail.control.checked import Checked, Outcome, Question, RuleFound
from meshtrail.control.inventory import Snapshot
from meshtrail.control.reasons import Reasons, Times, groups_of
from meshtrail.enrich.resolver.answers import Found, answer
from meshtrail.enrich.resolver.book import OUTSIDE, Book, packed
from meshtrail.enrich.resolver.kinds import HARMLESS_TYPES, ICMP, ICMPV6, NO_PORT
from meshtrail.enrich.resolver.places import EVERYBODY, NOTHING
from meshtrail.model.enums import Verdict


class Asked:
    """A question in the words of a book."""

    def __init__(self, snapshot: Snapshot, book: Book, question: Question, at: int) -> None:
        self._snapshot, self._book, self._question, self._at = snapshot, book, question, at
        source, destination = check_ends.source(snapshot, question.source), check_ends.destination(snapshot, question.destination)
        given: list[int] = [end.address.version for end in (source, destination) if end.address is not None]
        version = given[0] if given else _common_family(snapshot, source, destination)
        self._source, self._destination = self._with_address(source, version), self._with_address(destination, version)
        self._version = version
        self._check_families()
        self._view = self._viewed()
        self._numbers = self._classes()
        self._matching = book.matching(*self._numbers)

    def _with_address(self, end: End, version: int | None) -> End:
        if end.peer is None or end.address is not None:
            return end
        return End(end.peer, None, of_family(self._snapshot, end.peer, version))

    def _check_families(self) -> None:
        for name, end in (("source", self._source), ("destination", self._destination)):
            if end.peer is not None and end.address is None:
                raise UnusableError(f"{name}: the peer {end.peer.name!r} had no address in the overlay of the other end's family.")
        if self._source.address and self._destination.address and self._source.address.version != self._destination.address.version:
            raise UnusableError("destination: its family (IPv4, IPv6) is not that of source.")

    def _viewed(self) -> int:
        if self._question.via is None:
            return EVERYBODY
        peer = check_ends.peer(self._snapshot, self._question.via, "via")
        if peer is None:
            raise UnusableError(
                f"via: {self._question.via[:60]!r} was no peer at that moment.", "Use the id or the name of a routing peer."
            )
        return self._book.places.views.get(peer.id, NOTHING)

    def _classes(self) -> tuple[int, int, int]:
        book, end = self._book, self._destination
        address = self._source.address
        source = book.class_of_source(packed(str(address))) if address is not None else OUTSIDE
        if end.peer is not None and self._question.via is None:
            destination = int(book.classes_of_peers[book.peers[end.peer.id]])
        else:
            place = self._place(end)
            forwarded = self._question.via is not None or end.address is None or not book.in_overlay(packed(str(end.address)))
            one = book.classes_of_places(np.array([place]), np.array([self._view]), np.array([forwarded]))
            destination = int(one[0])
        return source, destination, self._kind()

    def _place(self, end: End) -> int:
        if end.resource is None:
            return self._book.places.of(packed(str(end.address)))
        place = self._book.places.resources.get(end.resource.id)
        if place is None:
            raise UnusableError(f"destination: the resource {end.resource.name!r} was switched off, or nobody routed to it.")
        return place

    def _kind(self) -> int:
        is_v4 = self._version != 6
        protocol = self._question.protocol
        if protocol in {ICMP, ICMPV6}:
            protocol = ICMP if is_v4 else ICMPV6
        port = NO_PORT if self._question.port is None else self._question.port
        return int(self._book.kinds.of(np.array([protocol]), np.array([port]), np.array([is_v4]))[0])

    def ungoverned(self) -> Checked | None:
        """The answer where rules do not matter."""
        source, target = self._source.peer, self._destination.peer
        if source is not None and target is not None and source.id == target.id:
            return self._checked(Outcome.not_governed, Found.nothing, "A peer reaches itself without asking anybody.")
        if self._numbers[0] == OUTSIDE:
            return self._checked(
                Outcome.not_governed, Found.nothing, "The source is not in the overlay: the rules govern what comes from it."
            )
        if self._version == 6 and self._question.icmp_type in HARMLESS_TYPES and self._question.via is None:
            return self._checked(Outcome.not_governed, Found.nothing, "Neighbour discovery is let through: without it there is no IPv6.")
        return None

    def policies(self) -> set[str]:
        """Policies that have rules about the connection."""
        return {self._book.lines[number].policy_id for number in self._matching}

    def explained(self, times: Times) -> Checked:
        """The answer with the rules, and why they are about the connection."""
        source, destination, kind = (np.array([number]) for number in self._numbers)
        said = answer(self._book, source, destination, kind, np.array([int(Verdict.unknown)]))
        found, accepts = Found(int(said.found[0])), bool(said.accept[0])
        reasons = Reasons(self._snapshot, self._source, self._destination, times)
        rules = {number: reasons.of(self._book.lines[number]) for number in self._matching}
        decided = rules[int(said.rule[0])] if found is Found.rule else None
        lines = self._book.lines
        candidates = tuple(rule for number, rule in rules.items() if found is Found.candidates and lines[number].accept is accepts)
        also = tuple(rule for rule in rules.values() if rule is not decided and rule not in candidates)
        outcome, reason = self._outcome(found, accepts=accepts)
        return self._checked(outcome, found, reason, decided, candidates, also)

    def _outcome(self, found: Found, *, accepts: bool) -> tuple[Outcome, str]:
        outcome = Outcome.allowed if accepts else Outcome.denied
        enforced = self._book.ordered[self._numbers[1]]
        match found:
            case Found.rule:
                return outcome, "It is the first rule that matches." if enforced else "It is the only rule that matches."
            case Found.candidates if self._book.doubtful[self._numbers[1]]:
                return Outcome.unknown, "These rules are about domains, and it is not known whether the address is one of theirs."
            case Found.candidates:
                return outcome, "Several rules match, and whoever enforces them may try them in any order."
            case Found.default_deny:
                return Outcome.denied, "No rule matches, and what no rule names is dropped."
            case Found.default_allow:
                return Outcome.allowed, "No rule matches, and what no rule names is let in."
            case _:
                return Outcome.unknown, "No rule matches, and it is not known who would decide."

    def _checked(
        self, outcome: Outcome, found: Found, reason: str, rule: RuleFound | None = None, candidates: tuple[RuleFound, ...] = (),
        also: tuple[RuleFound, ...] = (),
    ) -> Checked:  # fmt: skip
        words = {Found.rule: "resolved", Found.candidates: "ambiguous", Found.nothing: "none"}
        snapshot = self._snapshot
        groups = groups_of(snapshot, self._source), groups_of(snapshot, self._destination)
        return Checked(
            self._at, snapshot.revision, snapshot.settings.mode.value, self._source, self._destination, outcome,
            words.get(found, found.name), reason, rule, candidates, also, groups,
        )  # fmt: skip


def _common_family(snapshot: Snapshot, source: End, destination: End) -> int | None:
    """The family in which both peers have addresses, IPv4 before IPv6; None: any."""
    peers = [end.peer for end in (source, destination) if end.peer is not None]
    return next((version for version in (4, 6) if all(of_family(snapshot, each, version) for each in peers)), None)
