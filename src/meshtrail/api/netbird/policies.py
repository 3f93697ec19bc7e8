"""`/api/policies` in NetBird's shape."""

import asyncio
from functools import partial
from typing import Any

import msgspec
from litestar import delete, get, post, put
from litestar.datastructures import State

from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.api.netbird.shapes import JSON_BYTES_MAX, NOTHING, GroupMinimum, ResourceShape, groups_of
from meshtrail.api.once import once
from meshtrail.common.errors import NotFoundError, UnusableError
from meshtrail.control.inventory import Policy, PolicyRule, Reference, Snapshot
from meshtrail.control.service import Permission
from meshtrail.model.network_map import Action, PortRange, Protocol

_SSH = "netbird-ssh"


class RuleShape(msgspec.Struct, rename={"source_resource": "sourceResource", "destination_resource": "destinationResource"}):
    """A rule in an answer."""

    id: str
    name: str
    description: str
    enabled: bool
    action: str
    bidirectional: bool
    protocol: str
    ports: list[str]
    port_ranges: list[PortRange]
    sources: list[GroupMinimum]
    destinations: list[GroupMinimum]
    source_resource: ResourceShape | None
    destination_resource: ResourceShape | None


class PolicyShape(msgspec.Struct):
    """A policy in an answer; `version` is ours."""

    id: str
    name: str
    description: str
    enabled: bool
    source_posture_checks: list[str]
    rules: list[RuleShape]
    version: int


class RuleRequest(msgspec.Struct, rename={"source_resource": "sourceResource", "destination_resource": "destinationResource"}):
    """A rule to make. Groups by id, or as answers show them."""

    name: str
    enabled: bool
    action: Action
    bidirectional: bool
    protocol: str
    id: str | None = None
    description: str | None = None
    ports: list[str] | None = None
    port_ranges: list[PortRange] | None = None
    sources: list[str | dict[str, Any]] | None = None
    destinations: list[str | dict[str, Any]] | None = None
    source_resource: ResourceShape | None = None
    destination_resource: ResourceShape | None = None
    authorized_groups: dict[str, Any] | None = None


class PolicyRequest(msgspec.Struct):
    """A policy to make, or what it is to be from now on."""

    name: str
    enabled: bool
    rules: list[RuleRequest]
    description: str | None = None
    source_posture_checks: list[str] | None = None


def _resource(reference: Reference | None) -> ResourceShape | None:
    return None if reference is None else ResourceShape(reference.id, reference.type)


def _rule_shape(snapshot: Snapshot, rule: PolicyRule) -> RuleShape:
    return RuleShape(
        rule.id, rule.name, rule.description, rule.enabled, rule.action.value, rule.bidirectional, rule.protocol.value,
        [str(port) for port in rule.ports], list(rule.port_ranges), groups_of(snapshot, rule.sources),
        groups_of(snapshot, rule.destinations), _resource(rule.source_resource), _resource(rule.destination_resource),
    )  # fmt: skip


def _shape(snapshot: Snapshot, policy: Policy) -> PolicyShape:
    rules = [_rule_shape(snapshot, rule) for rule in policy.rules]
    return PolicyShape(policy.id, policy.name, policy.description, policy.enabled, list(policy.posture_checks), rules, policy.version)


def _groups(given: list[str | dict[str, Any]] | None, field: str) -> tuple[str, ...]:
    ids = [each if isinstance(each, str) else each.get("id") for each in given or ()]
    if not all(isinstance(each, str) for each in ids):
        raise UnusableError(f"{field}: a group needs its id.")
    return tuple(str(each) for each in ids)


def _port(text: str, field: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        raise UnusableError(f"{field}: {text[:20]!r} is no port.", "Write numbers, and ranges as port_ranges.")
    return int(text)


def _rule(asked: RuleRequest, field: str) -> PolicyRule:
    if asked.protocol == _SSH or asked.authorized_groups:
        raise UnusableError(f"{field}.protocol: {_SSH} is not offered here.", "Use tcp with port 22.")
    if asked.protocol not in Protocol.__members__:
        raise UnusableError(f"{field}.protocol: {asked.protocol[:20]!r} is none of {', '.join(Protocol)}.")
    return PolicyRule(
        id=asked.id or "", name=asked.name, description=asked.description or "", enabled=asked.enabled, action=asked.action,
        bidirectional=asked.bidirectional, protocol=Protocol(asked.protocol),
        ports=tuple(_port(port, f"{field}.ports") for port in asked.ports or ()), port_ranges=tuple(asked.port_ranges or ()),
        sources=_groups(asked.sources, f"{field}.sources"), destinations=_groups(asked.destinations, f"{field}.destinations"),
        source_resource=_reference(asked.source_resource), destination_resource=_reference(asked.destination_resource),
    )  # fmt: skip


def _reference(given: ResourceShape | None) -> Reference | None:
    return given.reference() if given is not None and given.id else None


def _policy(asked: PolicyRequest) -> Policy:
    return Policy(
        id="", name=asked.name, description=asked.description or "", enabled=asked.enabled,
        posture_checks=tuple(asked.source_posture_checks or ()),
        rules=tuple(_rule(rule, f"rules[{position}]") for position, rule in enumerate(asked.rules)),
    )  # fmt: skip


async def _answer(request: AnyRequest, state: State, identifier: str) -> PolicyShape:
    snapshot: Snapshot = await asyncio.to_thread(state.control.snapshot, request.state.identity.org_id)
    policy = snapshot.policies.get(identifier)
    if policy is None:
        raise NotFoundError(f"There is no policy {identifier[:60]!r}.")
    return _shape(snapshot, policy)


@get("/api/policies", opt={"permission": Permission.policies_read}, summary="List policies", operation_id="netbirdListPolicies")
async def list_policies(request: AnyRequest, state: State) -> list[PolicyShape]:
    """All policies in the order in which they were made."""
    snapshot: Snapshot = await asyncio.to_thread(state.control.snapshot, request.state.identity.org_id)
    return [_shape(snapshot, policy) for policy in snapshot.policies.values()]


@get("/api/policies/{identifier:str}", opt={"permission": Permission.policies_read}, summary="One policy", operation_id="netbirdGetPolicy")
async def get_policy(request: AnyRequest, state: State, identifier: str) -> PolicyShape:
    """The policy with this id."""
    return await _answer(request, state, identifier)


@post(
    "/api/policies", opt={"permission": Permission.policies_write}, status_code=200,
    summary="Make a policy", operation_id="netbirdCreatePolicy",
    request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def create_policy(request: AnyRequest, state: State, data: PolicyRequest) -> PolicyShape:
    """Answers the policy. Posture checks are kept and not looked at."""
    made = await once(request, state, partial(state.control.policies.create, actor(request), _policy(data)))
    return await _answer(request, state, made)


@put(
    "/api/policies/{identifier:str}", opt={"permission": Permission.policies_write},
    summary="Change a policy", operation_id="netbirdPutPolicy",
    request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def put_policy(request: AnyRequest, state: State, identifier: str, data: PolicyRequest) -> PolicyShape:
    """Replaces the policy; its version grows when something differs."""
    await asyncio.to_thread(state.control.policies.update, actor(request), identifier, _policy(data))
    return await _answer(request, state, identifier)


@delete(
    "/api/policies/{identifier:str}", opt={"permission": Permission.policies_write}, status_code=200, summary="Delete a policy",
    operation_id="netbirdDeletePolicy",
)  # fmt: skip
async def delete_policy(request: AnyRequest, state: State, identifier: str) -> dict[str, str]:
    """Its versions stay known."""
    await asyncio.to_thread(state.control.policies.delete, actor(request), identifier)
    return NOTHING


ROUTES = [list_policies, get_policy, create_policy, put_policy, delete_policy]
