"""The inventory as one document: export, plan, apply."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import State
from msgspec import UNSET

from meshtrail.api import parameters as read
from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest, query_string
from meshtrail.common.errors import ForbiddenError, InvalidError, UnsupportedError
from meshtrail.control.document.codec import Form, decode, encode
from meshtrail.control.document.entries import Document
from meshtrail.control.document.steps import Doing, Outcome, Step
from meshtrail.control.limits import DOCUMENT_BYTES_MAX
from meshtrail.control.service import Permission

_TYPES = {"application/toml": Form.toml, "text/toml": Form.toml, "application/json": Form.json, "": Form.json}
_MEDIA = {Form.toml: "application/toml", Form.json: "application/json"}
_READ = {
    "groups": Permission.groups_read, "networks": Permission.networks_read, "policies": Permission.policies_read,
    "settings": Permission.settings_read, "enrolment_keys": Permission.enrolment_keys_read,
}  # fmt: skip
"""What each section of a document needs."""

_NAMES = (Permission.groups_read, Permission.peers_read)
"""What a document with any section needs: names in it are looked up, and errors say which there are."""

_WRITE = {
    "group": Permission.groups_write, "network": Permission.networks_write, "resource": Permission.networks_write,
    "router": Permission.networks_write, "policy": Permission.policies_write, "settings": Permission.settings_write,
    "enrolment key": Permission.enrolment_keys_write,
}  # fmt: skip
"""What a change of each kind of thing needs."""


def _refuse_without(request: AnyRequest, needed: Iterable[Permission]) -> None:
    for permission in needed:
        if permission not in request.state.identity.permissions:
            raise ForbiddenError(f"This needs the right {permission}.", "Use a token that has it, or ask for another role.")


def _may_write(request: AnyRequest) -> Callable[[Sequence[Step]], None]:
    """A check of steps: each needs the right that the same change alone would need."""

    def check(steps: Sequence[Step]) -> None:
        _refuse_without(request, sorted({_WRITE[step.kind] for step in steps}))
        if any(step.kind == "network" and step.action != Doing.delete and _sets_default(step) for step in steps):
            _refuse_without(request, [Permission.settings_write])

    return check


def _sets_default(step: Step) -> bool:
    return bool(step.after.get("default_action") or step.before.get("default_action"))


def _form(request: AnyRequest) -> Form:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in _TYPES:
        raise UnsupportedError(f"A document cannot be {given[:60]!r}.", "Send application/toml or application/json.")
    return _TYPES[given]


def _pruning(request: AnyRequest) -> bool:
    given = read.single(query_string(request), "prune")
    if given not in {None, "true", "false"}:
        raise InvalidError("prune: it is neither true nor false.")
    return given == "true"


async def _document(request: AnyRequest) -> Document:
    form, content = _form(request), await request.body()
    document = await asyncio.to_thread(decode, content, form)
    sections = [permission for name, permission in _READ.items() if getattr(document, name) is not UNSET]
    _refuse_without(request, [*sections, *(_NAMES if sections else ())])
    return document


@get("/inventory", opt={"permission": Permission.policies_read}, summary="The inventory as a document", operation_id="exportInventory")
async def export_inventory(request: AnyRequest, state: State) -> Response[bytes]:
    """Groups, networks, policies, settings and enrolment keys (without secrets) as `format=json` or `toml`. Sections that may not be
    read are left out."""
    given = read.single(query_string(request), "format") or Form.json
    if given not in set(Form):
        raise InvalidError(f"format: {given[:20]!r} is neither json nor toml.")
    document: Document = await asyncio.to_thread(state.control.documents.export, actor(request))
    hidden = {name: UNSET for name, permission in _READ.items() if permission not in request.state.identity.permissions}
    document = msgspec.structs.replace(document, **hidden)
    return Response(encode(document, Form(given)), media_type=_MEDIA[Form(given)])


@post(
    "/inventory/plan", opt={"permission": Permission.policies_read}, status_code=200, summary="What a document would change",
    operation_id="planInventory", request_max_body_size=DOCUMENT_BYTES_MAX,
)  # fmt: skip
async def plan_inventory(request: AnyRequest, state: State) -> Outcome:
    """Nothing is changed, so the right to read is enough. `prune=true`: what is not in the document, of the sections it has, would
    be deleted."""
    prune, document = _pruning(request), await _document(request)
    by = actor(request)

    def plan() -> Any:
        return state.control.documents.plan(by, document, prune=prune)

    outcome: Outcome = await asyncio.to_thread(plan)
    return outcome


@post(
    "/inventory/apply", opt={"permission": Permission.policies_read}, status_code=200, summary="Make the inventory as a document says",
    operation_id="applyInventory", request_max_body_size=DOCUMENT_BYTES_MAX,
)  # fmt: skip
async def apply_inventory(request: AnyRequest, state: State) -> Outcome:
    """All of it or nothing. `plan`: the digest that a plan answered; 412 when other things would be done by now. Keys that are made
    are in this answer and nowhere else."""
    prune, document = _pruning(request), await _document(request)
    by, allowed, digest = actor(request), _may_write(request), read.single(query_string(request), "plan")

    def apply() -> Any:
        return state.control.documents.apply(by, document, prune=prune, plan=digest, check=allowed)

    outcome: Outcome = await asyncio.to_thread(apply)
    return outcome


ROUTES = [export_inventory, plan_inventory, apply_inventory]
