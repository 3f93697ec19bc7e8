"""`/api/accounts` in NetBird's shape: one account, the organisation. What it sets steers the agents; what this server does not
do can be read and not switched on."""

import asyncio
from typing import Any

import msgspec
from litestar import get, put
from litestar.datastructures import State

from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.api.netbird.shapes import JSON_BYTES_MAX, time
from meshtrail.common.errors import NotFoundError, UnusableError
from meshtrail.control.service import Permission

_OURS = ("network_range", "network_range_v6")
_OURS_EXTRA = ("network_traffic_logs_enabled", "network_traffic_logs_groups", "network_traffic_packet_counter_enabled")

NOT_OFFERED: dict[str, Any] = {
    "peer_login_expiration_enabled": False, "peer_login_expiration": 86_400, "peer_inactivity_expiration_enabled": False,
    "peer_inactivity_expiration": 600, "regular_users_view_blocked": False, "peer_expose_enabled": False,
    "peer_expose_groups": [], "groups_propagation_enabled": False, "jwt_groups_enabled": False, "jwt_groups_claim_name": "",
    "jwt_allow_groups": [], "routing_peer_dns_resolution_enabled": False, "dns_domain": "", "lazy_connection_enabled": False,
    "auto_update_version": "disabled", "auto_update_always": False, "metrics_push_enabled": False, "ipv6_enabled_groups": [],
    "local_mfa_enabled": False, "embedded_idp_enabled": False, "local_auth_disabled": False, "agent_network_only": False,
    "dashboard_features": {"agent_network": False},
}  # fmt: skip
"""Settings of NetBird that this server has only one value for. A request that wants another is refused and told so, because
nobody should believe in a protection that is not there. Durations of what is switched off are not looked at."""

NOT_OFFERED_EXTRA: dict[str, Any] = {"peer_approval_enabled": False, "user_approval_required": False}
_NOT_LOOKED_AT = frozenset({"peer_login_expiration", "peer_inactivity_expiration", "jwt_groups_claim_name"})


class AccountRequest(msgspec.Struct):
    """Settings to change; what is left out stays, and what no server knows is ignored."""

    settings: dict[str, Any]
    onboarding: dict[str, Any] | None = None


class _Known(msgspec.Struct):
    """Types of the settings that steer agents."""

    network_range: str | None = None
    network_range_v6: str | None = None
    network_traffic_logs_enabled: bool | None = None
    network_traffic_logs_groups: list[str] | None = None
    network_traffic_packet_counter_enabled: bool | None = None


def _shape(state: State, org_id: str) -> dict[str, Any]:
    settings = msgspec.structs.asdict(state.control.snapshot(org_id).settings)
    organisation = state.control.organisation(org_id)
    extra = {**NOT_OFFERED_EXTRA, **{name: settings[name] for name in _OURS_EXTRA}}
    return {
        "id": org_id, "domain": organisation.name, "domain_category": "private", "created_at": time(organisation.created_at),
        "created_by": "", "settings": {**NOT_OFFERED, **{name: settings[name] for name in _OURS}, "extra": extra},
        "onboarding": {"signup_form_pending": False, "onboarding_flow_pending": False},
    }  # fmt: skip


def _changes(settings: dict[str, Any]) -> dict[str, Any]:
    extra = settings.get("extra")
    extra = {} if extra is None else extra
    if not isinstance(extra, dict):
        raise UnusableError("settings.extra: it must be an object.")
    for place, given, offered in (("settings", settings, NOT_OFFERED), ("settings.extra", extra, NOT_OFFERED_EXTRA)):
        for name, value in offered.items():
            if name not in _NOT_LOOKED_AT and given.get(name) not in (None, value):
                raise UnusableError(f"{place}.{name}: this server offers {msgspec.json.encode(value).decode()} only.")
    wanted = {**{name: settings.get(name) for name in _OURS}, **{name: extra.get(name) for name in _OURS_EXTRA}}
    try:
        known = msgspec.convert(wanted, _Known)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        raise UnusableError(f"settings.{path.rstrip('`')}: {reason}.") from None
    return {name: value for name, value in msgspec.structs.asdict(known).items() if value is not None}


@get(
    "/api/accounts", opt={"permission": Permission.settings_read},
    summary="The account and its settings", operation_id="netbirdListAccounts",
)  # fmt: skip
async def list_accounts(request: AnyRequest, state: State) -> list[dict[str, Any]]:
    """A list with one account."""
    return [await asyncio.to_thread(_shape, state, request.state.identity.org_id)]


@put(
    "/api/accounts/{identifier:str}", opt={"permission": Permission.settings_write}, summary="Change the account's settings",
    operation_id="netbirdPutAccount", request_max_body_size=JSON_BYTES_MAX,
)  # fmt: skip
async def put_account(request: AnyRequest, state: State, identifier: str, data: AccountRequest) -> dict[str, Any]:
    """Agents follow `settings.extra.network_traffic_*` and the network ranges within seconds."""
    org_id = request.state.identity.org_id
    if identifier != org_id:
        raise NotFoundError(f"There is no account {identifier[:60]!r}.")
    await asyncio.to_thread(state.control.settings.update, actor(request), _changes(data.settings))
    return await asyncio.to_thread(_shape, state, org_id)


ROUTES = [list_accounts, put_account]
