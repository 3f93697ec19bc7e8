"""Whether a map that came is one to enforce: signed by our server, for this peer, not older, and making sense. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from meshtrail.agent import prefix
from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.addresses import parse
from meshtrail.agent.firewall.matches import PORT_MAX
from meshtrail.model.network_map import RULES_MAX, SIGNED_PREFIX, Envelope, Governed, NetworkMap, PortRange, ResourceType, Rule


class Reason(StrEnum):
    """Why a map is refused."""

    too_large = "too_large"
    no_envelope = "no_envelope"
    unknown_key = "unknown_key"
    bad_signature = "bad_signature"
    malformed = "malformed"
    wrong_peer = "wrong_peer"
    older = "older"
    too_many_rules = "too_many_rules"


class RefusedError(Exception):
    """A map that is not to be enforced; the one in force stays."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"the network map is refused ({reason}): {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose maps are enforced, from enrolment."""

    org_id: str
    peer_id: str
    key_id: str
    key: bytes
    """The server's Ed25519 public key, 32 bytes."""


class Verifier:
    """Checks maps, and counts the refused ones."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._key = Ed25519PublicKey.from_public_bytes(trust.key)
        self.refused: Counter[str] = Counter()
        """By reason."""

    def check(self, body: bytes, serial: int = 0) -> tuple[NetworkMap, Envelope]:
        """The map in an envelope as it came or was kept, when the one in force has this serial. `RefusedError` for any
        that is not to be enforced."""
        try:
            envelope = _envelope(body)
            return self._open(envelope, serial), envelope
        except RefusedError as error:
            self.refused[error.reason] += 1
            raise

    def _open(self, envelope: Envelope, serial: int) -> NetworkMap:
        if envelope.key_id != self._trust.key_id:
            raise RefusedError(
                Reason.unknown_key, f"it is signed with the key {envelope.key_id!r:.80}; if that is the server's, enrol again"
            )
        try:
            self._key.verify(envelope.signature, SIGNED_PREFIX + envelope.payload)
        except InvalidSignature:
            raise RefusedError(Reason.bad_signature, "it is not signed by the server that enrolled this peer") from None
        try:
            network_map = msgspec.json.decode(envelope.payload, type=NetworkMap)
        except (ValueError, RecursionError) as error:
            raise RefusedError(Reason.malformed, str(error)) from None
        if (network_map.org_id, network_map.peer_id) != (self._trust.org_id, self._trust.peer_id):
            raise RefusedError(Reason.wrong_peer, f"it is for the peer {network_map.peer_id!r:.80}")
        if network_map.serial < serial:
            raise RefusedError(Reason.older, f"its serial {network_map.serial} is smaller than {serial}, which is in force")
        check_content(network_map)
        return network_map


def _envelope(body: bytes) -> Envelope:
    if len(body) > limits.ENVELOPE_BYTES_MAX:
        raise RefusedError(Reason.too_large, f"it has {len(body)} bytes, more than {limits.ENVELOPE_BYTES_MAX}")
    try:
        return msgspec.json.decode(body, type=Envelope)
    except (ValueError, RecursionError) as error:
        raise RefusedError(Reason.no_envelope, str(error)) from None


def check_content(network_map: NetworkMap) -> None:
    """Whether rules can be made of a map. `RefusedError` says what cannot."""
    if len(network_map.rules) > RULES_MAX:
        raise RefusedError(Reason.too_many_rules, f"it has {len(network_map.rules)} rules, more than {RULES_MAX}")
    if len(network_map.governed) > limits.GOVERNED_MAX:
        raise RefusedError(Reason.too_many_rules, f"{len(network_map.governed)} kinds of traffic, more than {limits.GOVERNED_MAX}")
    parts: list[Rule | Governed] = [*network_map.rules, *network_map.governed]
    count = sum(len(each.sources) + len(each.destinations) for each in parts)
    if count > limits.NETWORKS_MAX:
        raise RefusedError(Reason.too_many_rules, f"its rules have {count} networks, more than {limits.NETWORKS_MAX}")
    try:
        _check_networks(dict.fromkeys(part for each in parts for part in (each.sources, each.destinations)))
        _check_networks([tuple(each.address for each in network_map.resources if each.type is not ResourceType.domain)])
        for rule in network_map.rules:
            _check_rule(rule)
    except ValueError as error:
        raise RefusedError(Reason.malformed, str(error)) from None


def _check_networks(collections: Iterable[tuple[str, ...]]) -> None:
    for collection in collections:
        for text in collection:
            parse(text)


def _check_rule(rule: Rule) -> None:
    if not 0 <= rule.policy_version <= prefix.VERSION_MAX:
        raise ValueError(f"rule {rule.rule_id!r:.80}: the version {rule.policy_version} is not one of 32 bits")
    if not rule.policy_id:
        raise ValueError(f"rule {rule.rule_id!r:.80} has no policy")
    wrong = next((ports for ports in rule.ports if not _is_range(ports)), None)
    if wrong is not None:
        raise ValueError(f"rule {rule.rule_id!r:.80}: {wrong.start} to {wrong.end} are no ports")


def _is_range(ports: PortRange) -> bool:
    return 0 <= ports.start <= ports.end <= PORT_MAX
