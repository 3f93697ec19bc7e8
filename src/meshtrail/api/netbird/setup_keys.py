"""`/api/setup-keys` in NetBird's shape: enrolment keys."""

import asyncio

import msgspec
from litestar import delete, get, post, put
from litestar.datastructures import State

from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.api.netbird.shapes import JSON_BYTES_MAX, NEVER, NOTHING, time
from meshtrail.api.once import once
from meshtrail.common.errors import UnusableError
from meshtrail.control.enrolment_keys import EnrolmentKey
from meshtrail.control.service import Permission

_ONE_OFF, _REUSABLE = "one-off", "reusable"


class SetupKeyShape(msgspec.Struct):
    """A key; `key` is masked in every answer but the first."""

    id: str
    key: str
    name: str
    expires: str
    type: str
    valid: bool
    revoked: bool
    used_times: int
    last_used: str
    state: str
    auto_groups: list[str]
    updated_at: str
    usage_limit: int
    ephemeral: bool = False
    allow_extra_dns_labels: bool = False


class NewSetupKey(msgspec.Struct):
    """A key to make: `expires_in` seconds, 0 for no end; `usage_limit` 0 for any number."""

    name: str
    type: str
    expires_in: int
    auto_groups: list[str] | None = None
    usage_limit: int | None = None
    ephemeral: bool | None = None
    allow_extra_dns_labels: bool | None = None


class SetupKeyRequest(msgspec.Struct):
    """What can be changed of a key."""

    revoked: bool = False
    auto_groups: list[str] | None = None


def _shape(key: EnrolmentKey, now: int) -> SetupKeyShape:
    state = key.state(now)
    return SetupKeyShape(
        key.id, f"{key.hint}****", key.name, NEVER if key.expires_at is None else time(key.expires_at),
        _REUSABLE if key.reusable else _ONE_OFF, state == "valid", key.revoked_at is not None, key.used_times,
        time(key.last_used_at), state, list(key.auto_groups), time(key.updated_at), key.usage_limit,
    )  # fmt: skip


async def _answer(request: AnyRequest, state: State, identifier: str) -> SetupKeyShape:
    key = await asyncio.to_thread(state.control.enrolment_keys.get, request.state.identity.org_id, identifier)
    return _shape(key, state.clock())


@get(
    "/api/setup-keys", opt={"permission": Permission.enrolment_keys_read},
    summary="List enrolment keys", operation_id="netbirdListSetupKeys",
)  # fmt: skip
async def list_setup_keys(request: AnyRequest, state: State) -> list[SetupKeyShape]:
    """All keys, the spent ones too, without their secrets."""
    keys = await asyncio.to_thread(state.control.enrolment_keys.list, request.state.identity.org_id)
    return [_shape(key, state.clock()) for key in keys]


@get(
    "/api/setup-keys/{identifier:str}", opt={"permission": Permission.enrolment_keys_read},
    summary="One enrolment key", operation_id="netbirdGetSetupKey",
)  # fmt: skip
async def get_setup_key(request: AnyRequest, state: State, identifier: str) -> SetupKeyShape:
    """The key with this id."""
    return await _answer(request, state, identifier)


@post(
    "/api/setup-keys", opt={"permission": Permission.enrolment_keys_write}, status_code=200, summary="Make an enrolment key",
    operation_id="netbirdCreateSetupKey", request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def create_setup_key(request: AnyRequest, state: State, data: NewSetupKey) -> SetupKeyShape:
    """The key is in this answer and nowhere else, not even in that of the same request sent again."""
    if data.type not in {_ONE_OFF, _REUSABLE}:
        raise UnusableError(f"type: {data.type[:20]!r} is neither {_ONE_OFF} nor {_REUSABLE}.")
    for field in ("ephemeral", "allow_extra_dns_labels"):
        if getattr(data, field):
            raise UnusableError(f"{field}: this is not offered here; leave it false.")

    by = actor(request)

    shown = ""

    def make() -> str:
        nonlocal shown
        made, shown = state.control.enrolment_keys.create(
            by, data.name, reusable=data.type == _REUSABLE, usage_limit=data.usage_limit or 0,
            lifetime_s=data.expires_in, auto_groups=data.auto_groups or (),
        )  # fmt: skip
        return str(made)

    identifier = await once(request, state, make)
    answer = await _answer(request, state, identifier)
    answer.key = shown or answer.key
    return answer


@put(
    "/api/setup-keys/{identifier:str}", opt={"permission": Permission.enrolment_keys_write},
    summary="Revoke an enrolment key, or change its groups",
    operation_id="netbirdPutSetupKey", request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def put_setup_key(request: AnyRequest, state: State, identifier: str, data: SetupKeyRequest) -> SetupKeyShape:
    """A revoked key stays revoked."""
    by = actor(request)

    def change() -> None:
        state.control.enrolment_keys.update(by, identifier, revoked=data.revoked, auto_groups=data.auto_groups)

    await asyncio.to_thread(change)
    return await _answer(request, state, identifier)


@delete(
    "/api/setup-keys/{identifier:str}", opt={"permission": Permission.enrolment_keys_write}, status_code=200,
    summary="Delete an enrolment key",
    operation_id="netbirdDeleteSetupKey",
)  # fmt: skip
async def delete_setup_key(request: AnyRequest, state: State, identifier: str) -> dict[str, str]:
    """The peers that were made with it stay."""
    await asyncio.to_thread(state.control.enrolment_keys.delete, actor(request), identifier)
    return NOTHING


ROUTES = [list_setup_keys, get_setup_key, create_setup_key, put_setup_key, delete_setup_key]
