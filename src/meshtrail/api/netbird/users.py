"""`/api/users` in NetBird's shape: people, and users for programs."""

import asyncio
from typing import Any

import msgspec
from litestar import delete, get, post, put
from litestar.datastructures import State

from meshtrail.api import parameters as read
from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest, query_string
from meshtrail.api.netbird.modules import modules
from meshtrail.api.netbird.shapes import JSON_BYTES_MAX, NOTHING, time
from meshtrail.common.errors import ForbiddenError, UnusableError
from meshtrail.control.inventory import Snapshot
from meshtrail.control.service import Identity, Permission, Role
from meshtrail.control.user import User, UserKind
from meshtrail.control.users import UserChange


class UserPermissions(msgspec.Struct):
    """What the user may, as NetBird's dashboard asks for it."""

    is_restricted: bool
    modules: dict[str, dict[str, bool]]


class UserShape(msgspec.Struct, omit_defaults=True):
    """A user. `password` is in the answer to a creation only, when the server made it up; `permissions` in that for `current`."""

    id: str
    email: str
    name: str
    role: str
    status: str
    auto_groups: list[str]
    is_blocked: bool
    pending_approval: bool
    last_login: str
    is_current: bool
    is_service_user: bool
    issued: str
    idp_id: str | None = None
    password: str | None = None
    permissions: UserPermissions | None = None


class NewUser(msgspec.Struct):
    """A user to make. A person gets a password, which is made up and shown once."""

    role: str = Role.user.value
    auto_groups: list[str] | None = None
    is_service_user: bool = False
    email: str | None = None
    name: str | None = None
    is_blocked: bool = False


class UserRequest(msgspec.Struct):
    """What is to be different; what is left out stays."""

    role: str | None = None
    auto_groups: list[str] | None = None
    is_blocked: bool | None = None
    name: str | None = None
    email: str | None = None


class Invitation(msgspec.Struct):
    """A link that signs in once, below the server's address; it is shown this once."""

    path: str
    expires_at: str


class PasswordRequest(msgspec.Struct):
    """Another password for oneself."""

    old_password: str
    new_password: str


def _role(text: str) -> Role:
    if text.lower() not in Role.__members__:
        raise UnusableError(f"role: {text[:20]!r} is none of {', '.join(Role)}.")
    return Role(text.lower())


def _shape(user: User, groups: Snapshot, identity: Identity) -> UserShape:
    return UserShape(
        id=user.id, email=user.email or "", name=user.name, role=user.role.value, status=user.status,
        auto_groups=[each for each in user.auto_groups if each in groups.groups], is_blocked=user.blocked_at is not None,
        pending_approval=user.pending, last_login=time(user.last_login_at),
        is_current=identity.user is not None and identity.user.id == user.id, is_service_user=user.kind is UserKind.service,
        issued="integration" if user.kind is UserKind.external else "api", idp_id=user.issuer,
    )  # fmt: skip


def _one(state: State, identity: Identity, identifier: str) -> UserShape:
    found: User = state.control.users.get(identity.org_id, identifier)
    return _shape(found, state.control.snapshot(identity.org_id), identity)


def _listed(state: State, identity: Identity, service: bool | None) -> list[UserShape]:
    """All users; only oneself for those who may not read users."""
    if Permission.users_read in identity.permissions:
        found: list[User] = state.control.users.list(identity.org_id)
    else:
        found = [] if identity.user is None else [identity.user]
    snapshot = state.control.snapshot(identity.org_id)
    return [_shape(user, snapshot, identity) for user in found if service is None or (user.kind is UserKind.service) is service]


def refuse_others(identity: Identity, identifier: str, needed: Permission) -> None:
    """`ForbiddenError` for who may not do this with other users, and asks for another one. Whether there is one is not said."""
    own = identity.user is not None and identity.user.id == identifier
    if not own and needed not in identity.permissions:
        raise ForbiddenError(f"This needs the right {needed}.", "Use a token that has it, or ask for another role.")


@get("/api/users", opt={"permission": Permission.profile_read}, summary="List users", operation_id="netbirdListUsers")
async def list_users(request: AnyRequest, state: State) -> list[UserShape]:
    """All users, `service_user=true` those for programs, `false` people; without the right `users.read` only oneself."""
    given = read.single(query_string(request), "service_user")
    if given not in {None, "true", "false"}:
        raise UnusableError(f"service_user: {str(given)[:20]!r} is neither true nor false.")
    service = None if given is None else given == "true"
    return await asyncio.to_thread(_listed, state, request.state.identity, service)


@get("/api/users/current", opt={"permission": Permission.profile_read}, summary="Oneself", operation_id="netbirdCurrentUser")
async def current_user(request: AnyRequest, state: State) -> UserShape:
    """With what one may do. 403 for users for programs, as NetBird has it, and for tokens without a user."""
    identity: Identity = request.state.identity
    if identity.user is None or identity.user.kind is UserKind.service:
        raise ForbiddenError("Only a person has a profile.", "Use a person's token, or sign in.")
    answer = await asyncio.to_thread(_one, state, identity, identity.user.id)
    restricted = identity.user.role is Role.user
    answer.permissions = UserPermissions(restricted, modules(identity.permissions))
    return answer


@get("/api/users/{identifier:str}", opt={"permission": Permission.profile_read}, summary="One user", operation_id="netbirdGetUser")
async def get_user(request: AnyRequest, state: State, identifier: str) -> UserShape:
    """The user with this id."""
    refuse_others(request.state.identity, identifier, Permission.users_read)
    return await asyncio.to_thread(_one, state, request.state.identity, identifier)


@post(
    "/api/users", opt={"permission": Permission.users_write}, status_code=200, summary="Make a user", operation_id="netbirdCreateUser",
    request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def create_user(request: AnyRequest, state: State, data: NewUser) -> UserShape:
    """A person, who signs in with the password of this answer, or by the identity provider; or a user for programs."""
    identity: Identity = request.state.identity
    role = _role(data.role)

    def make() -> tuple[str, str | None]:
        made: tuple[str, str | None] = state.control.users.create(
            actor(request), identity.permissions, name=data.name or "", email=data.email, role=role,
            auto_groups=data.auto_groups or (), service=data.is_service_user,
        )  # fmt: skip
        if data.is_blocked:
            state.control.users.update(actor(request), identity.permissions, made[0], UserChange(blocked=True))
        return made

    identifier, password = await state.sign_ins.run(make)
    answer = await asyncio.to_thread(_one, state, identity, identifier)
    answer.password = password
    return answer


@put(
    "/api/users/{identifier:str}", opt={"permission": Permission.users_write}, summary="Change a user", operation_id="netbirdPutUser",
    request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def put_user(request: AnyRequest, state: State, identifier: str, data: UserRequest) -> UserShape:
    """Role, groups, name, and whether the user is blocked. It holds at once."""
    identity: Identity = request.state.identity
    given: dict[str, Any] = {
        "role": None if data.role is None else _role(data.role), "blocked": data.is_blocked, "name": data.name, "email": data.email,
        "auto_groups": None if data.auto_groups is None else tuple(data.auto_groups),
    }  # fmt: skip
    change = UserChange(**{name: value for name, value in given.items() if value is not None})
    await asyncio.to_thread(state.control.users.update, actor(request), identity.permissions, identifier, change)
    state.gate.forget_user(identifier)
    return await asyncio.to_thread(_one, state, identity, identifier)


@delete(
    "/api/users/{identifier:str}", opt={"permission": Permission.users_write}, status_code=200, summary="Delete a user",
    operation_id="netbirdDeleteUser",
)  # fmt: skip
async def delete_user(request: AnyRequest, state: State, identifier: str) -> dict[str, str]:
    """The user's tokens and sessions end; what the user did stays known."""
    await asyncio.to_thread(state.control.users.delete, actor(request), request.state.identity.permissions, identifier)
    state.gate.forget_user(identifier)
    return NOTHING


@post(
    "/api/users/{identifier:str}/invite", opt={"permission": Permission.users_write}, status_code=200, summary="Invite a user",
    operation_id="netbirdInviteUser",
)  # fmt: skip
async def invite_user(request: AnyRequest, state: State, identifier: str) -> Invitation:
    """A link for somebody who never signed in; nobody sends it but you. The one of before ends, and so does a first password."""
    rights = request.state.identity.permissions
    code, expires_at = await asyncio.to_thread(state.control.sessions.invite, actor(request), rights, identifier)
    return Invitation(f"/sign-in/{code}", time(expires_at))


@post(
    "/api/users/{identifier:str}/approve", opt={"permission": Permission.approve}, status_code=200, summary="Let a waiting user in",
    operation_id="netbirdApproveUser",
)  # fmt: skip
async def approve_user(request: AnyRequest, state: State, identifier: str) -> UserShape:
    """422 when the user does not wait."""
    identity = request.state.identity
    await asyncio.to_thread(state.control.users.approve, actor(request), identity.permissions, identifier)
    state.gate.forget_user(identifier)
    return await asyncio.to_thread(_one, state, identity, identifier)


@delete(
    "/api/users/{identifier:str}/reject", opt={"permission": Permission.approve}, status_code=200, summary="Turn a waiting user away",
    operation_id="netbirdRejectUser",
)  # fmt: skip
async def reject_user(request: AnyRequest, state: State, identifier: str) -> dict[str, str]:
    """422 when the user does not wait."""
    await asyncio.to_thread(state.control.users.reject, actor(request), request.state.identity.permissions, identifier)
    state.gate.forget_user(identifier)
    return NOTHING


@put(
    "/api/users/{identifier:str}/password", opt={"permission": Permission.profile_write}, status_code=200,
    summary="Change one's own password", operation_id="netbirdPutPassword", request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def put_password(request: AnyRequest, state: State, identifier: str, data: PasswordRequest) -> dict[str, str]:
    """All other sessions end. 403 when the old password is wrong, or it is not one's own."""
    identity: Identity = request.state.identity
    if identity.user is None or identity.user.id != identifier:
        raise ForbiddenError("Only one's own password is changed here.", "Set another one's: PUT /api/v1/users/{id}/password")
    await state.sign_ins.run(state.control.sign_in.change_password, actor(request), identifier, data.old_password, data.new_password)
    state.gate.forget_user(identifier)
    return NOTHING


ROUTES = [list_users, current_user, get_user, create_user, put_user, delete_user, invite_user, approve_user, reject_user, put_password]
