"""Settings of the organisation's agents, all in one place."""

import asyncio

import msgspec
from litestar import get, put
from litestar.datastructures import State

from meshtrail.api.auth import actor
from meshtrail.api.native.traffic import AnyRequest
from meshtrail.control.inventory import Snapshot
from meshtrail.control.service import Permission
from meshtrail.model.network_map import Action, Mode


class SettingsView(msgspec.Struct):
    """What the organisation has set."""

    mode: Mode
    """`observe`: agents only report; `enforce`: they also program the policies' rules."""
    overlay_default: Action
    """With `enforce`: what becomes of connections from the overlay that no rule matches."""
    network_defaults: dict[str, Action | None]
    """The same for connections into a network, by its id; null: what `overlay_default` says."""
    network_range: str
    """The overlay's IPv4 addresses (CIDR)."""
    network_range_v6: str
    """The overlay's IPv6 addresses (CIDR); empty: IPv6 is not governed."""
    network_traffic_logs_enabled: bool
    """Agents report connections."""
    network_traffic_logs_groups: list[str]
    """Only peers of these groups do; none: all."""
    network_traffic_packet_counter_enabled: bool
    """Agents count packets and bytes."""
    collect_dns: bool
    """Connections to port 53 are reported."""
    collect_exit_node: bool
    """Connections that are forwarded to public addresses are reported."""
    progress_interval_s: int
    """How often an open connection is reported again; 0: only its start and end."""


class SettingsChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be different. What is left out stays."""

    mode: Mode | msgspec.UnsetType = msgspec.UNSET
    overlay_default: Action | msgspec.UnsetType = msgspec.UNSET
    network_defaults: dict[str, Action | None] | msgspec.UnsetType = msgspec.UNSET
    network_range: str | msgspec.UnsetType = msgspec.UNSET
    network_range_v6: str | msgspec.UnsetType = msgspec.UNSET
    network_traffic_logs_enabled: bool | msgspec.UnsetType = msgspec.UNSET
    network_traffic_logs_groups: list[str] | msgspec.UnsetType = msgspec.UNSET
    network_traffic_packet_counter_enabled: bool | msgspec.UnsetType = msgspec.UNSET
    collect_dns: bool | msgspec.UnsetType = msgspec.UNSET
    collect_exit_node: bool | msgspec.UnsetType = msgspec.UNSET
    progress_interval_s: int | msgspec.UnsetType = msgspec.UNSET


def view(snapshot: Snapshot) -> SettingsView:
    """The settings as they are shown."""
    values = msgspec.structs.asdict(snapshot.settings)
    values["network_traffic_logs_groups"] = list(snapshot.settings.network_traffic_logs_groups)
    return SettingsView(network_defaults={network.id: network.default for network in snapshot.networks.values()}, **values)


@get("/settings", opt={"permission": Permission.settings_read}, summary="Settings of the agents", operation_id="getSettings")
async def get_settings(request: AnyRequest, state: State) -> SettingsView:
    """All settings, also those that were never changed."""
    return view(await asyncio.to_thread(state.control.snapshot, request.state.identity.org_id))


@put("/settings", opt={"permission": Permission.settings_write}, summary="Change settings of the agents", operation_id="putSettings")
async def put_settings(request: AnyRequest, state: State, data: SettingsChange) -> SettingsView:
    """Agents follow within seconds."""
    org_id = request.state.identity.org_id
    changed = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    defaults = changed.pop("network_defaults", None)
    await asyncio.to_thread(state.control.settings.update, actor(request), changed, defaults)
    return view(await asyncio.to_thread(state.control.snapshot, org_id))


ROUTES = [get_settings, put_settings]
