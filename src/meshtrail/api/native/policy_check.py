"""Whether a connection would be allowed, and by which rule."""

import asyncio
from typing import Annotated

import msgspec
from litestar import post
from litestar.datastructures import State

from meshtrail.api.native.traffic import AnyRequest
from meshtrail.common.clock import microseconds, rfc3339
from meshtrail.common.errors import UnusableError
from meshtrail.control.check_ends import End
from meshtrail.control.checked import Checked, Named, Question, RuleFound
from meshtrail.control.inventory import Group, PolicyRule
from meshtrail.control.service import Permission
from meshtrail.enrich.resolver.kinds import ICMP, ICMPV6, TCP, UDP

BODY_BYTES_MAX = 16_384
"""A question is some hundred bytes."""

PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP}
"""Protocols that have names here; the others have their IANA number."""

_PORT_MAX, _BYTE_MAX = 65_535, 255
_WITH_PORTS = {TCP, UDP}


class PolicyCheckRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A connection that somebody asks about."""

    source: Annotated[str, msgspec.Meta(description="Who opens it: a peer's id, name or address in the overlay, or any address.")]
    destination: Annotated[str, msgspec.Meta(description="The same, or the id, name, address or domain of a network resource.")]
    protocol: Annotated[str | int, msgspec.Meta(description="tcp, udp, icmp, or an IANA protocol number.")]
    port: Annotated[int | None, msgspec.Meta(description="Destination port; TCP and UDP need one.")] = None
    at: Annotated[str | None, msgspec.Meta(description="The moment (RFC 3339); without it, now.")] = None
    via: Annotated[str | None, msgspec.Meta(description="The routing peer, by id or name, through which it would go.")] = None
    icmp_type: Annotated[int | None, msgspec.Meta(description="ICMP type; neighbour discovery is never governed.")] = None


class NamedShape(msgspec.Struct):
    """What an end of a rule names that holds the connection's end: a group, a peer or a resource."""

    type: str
    id: str
    name: str


class RuleFoundShape(msgspec.Struct):
    """A rule as it was at that moment, and why it is about the connection."""

    policy_id: str
    policy_name: str
    policy_version: int
    valid_from: str | None
    valid_until: str | None
    rule_id: str
    rule_name: str
    action: str
    text: str
    reversed: bool
    source: list[NamedShape]
    destination: list[NamedShape]
    rule: PolicyRule


class EndShape(msgspec.Struct):
    """An end of the connection, as it was found: `peer`, `resource` or `address`."""

    type: str
    id: str | None
    name: str | None
    address: str | None
    groups: list[NamedShape]


class PolicyCheckAnswer(msgspec.Struct):
    """What would become of the connection: `allowed`, `denied`, `not_governed` (the rules are not about it) or `unknown`; and the rule
    that decides, or the rules of which one does."""

    verdict: str
    attribution: str
    reason: str
    at: str
    known_since: str | None
    mode: str
    source: EndShape
    destination: EndShape
    rule: RuleFoundShape | None
    candidates: list[RuleFoundShape]
    also: list[RuleFoundShape]


def question(asked: PolicyCheckRequest) -> Question:
    """The question; `UnusableError` names the field that cannot be."""
    protocol = _protocol(asked.protocol)
    if protocol in _WITH_PORTS and asked.port is None:
        raise UnusableError("port: TCP and UDP need one.", "Say to which port the connection goes.")
    if protocol not in _WITH_PORTS and asked.port is not None:
        raise UnusableError("port: only TCP and UDP have ports.", "Leave it out.")
    _within("port", asked.port, _PORT_MAX)
    _within("icmp_type", asked.icmp_type, _BYTE_MAX)
    for name in ("source", "destination", "via"):
        if getattr(asked, name) == "":
            raise UnusableError(f"{name}: it is empty.")
    return Question(asked.source, asked.destination, protocol, asked.port, _moment(asked.at), asked.via, asked.icmp_type)


def _protocol(given: str | int) -> int:
    if isinstance(given, str):
        found = PROTOCOLS.get(given.lower(), int(given) if given.isascii() and given.isdigit() and len(given) <= 3 else -1)
    else:
        found = given
    if not 0 <= found <= _BYTE_MAX:
        raise UnusableError(f"protocol: {str(given)[:20]!r} is none.", f"Use {', '.join(PROTOCOLS)}, or an IANA number.")
    return ICMP if found == ICMPV6 else found


def _within(name: str, value: int | None, most: int) -> None:
    if value is not None and not 0 <= value <= most:
        raise UnusableError(f"{name}: {value} is not from 0 to {most}.")


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return microseconds(text)
    except (ValueError, OverflowError):
        raise UnusableError(f"at: {text[:40]!r} is no time.", "Write an RFC 3339 time such as 2026-11-21T09:00:00Z.") from None


def shape(found: Checked) -> PolicyCheckAnswer:
    """The answer as it is told."""
    return PolicyCheckAnswer(
        found.outcome.value, found.attribution, found.reason, rfc3339(found.at),
        None if found.revision is None else rfc3339(found.revision.at), found.mode,
        _end(found.source, found.groups[0]), _end(found.destination, found.groups[1]),
        None if found.rule is None else _rule(found.rule), [_rule(each) for each in found.candidates], [_rule(each) for each in found.also],
    )  # fmt: skip


def _end(end: End, groups: tuple[Group, ...]) -> EndShape:
    named = [NamedShape("group", group.id, group.name) for group in groups]
    address = None if end.address is None else str(end.address)
    if end.peer is not None:
        return EndShape("peer", end.peer.id, end.peer.name, address, named)
    if end.resource is not None:
        return EndShape("resource", end.resource.id, end.resource.name, end.resource.address, named)
    return EndShape("address", None, None, address, named)


def _rule(found: RuleFound) -> RuleFoundShape:
    return RuleFoundShape(
        found.policy_id, found.policy_name, found.policy_version, _time(found.valid_from), _time(found.valid_until), found.rule.id,
        found.rule.name, found.rule.action.value, found.text, found.reversed, _named(found.source), _named(found.destination), found.rule,
    )  # fmt: skip


def _time(moment: int | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _named(found: tuple[Named, ...]) -> list[NamedShape]:
    return [NamedShape(each.type, each.id, each.name) for each in found]


@post(
    "/policy/check", opt={"permission": Permission.policies_read}, status_code=200,
    summary="Whether a connection would be allowed, and by which rule", operation_id="checkPolicy", request_max_body_size=BODY_BYTES_MAX,
)  # fmt: skip
async def check_policy(request: AnyRequest, state: State, data: PolicyCheckRequest) -> PolicyCheckAnswer:
    """Asks the policies as they were in force at any moment, with the groups, addresses and resources of that moment. Nothing is
    changed. `candidates`: rules of which one decides, where it is not known which; `also`: rules that match too and do not decide."""
    found = await asyncio.to_thread(state.policy_check.check, request.state.identity.org_id, question(data))
    return shape(found)


ROUTES = (check_policy,)
"""Routes below /api/v1."""
