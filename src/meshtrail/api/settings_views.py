"""What the settings page reads from the control store."""

import asyncio

import msgspec

from meshtrail.api.native.settings import view
from meshtrail.api.preconditions import tag
from meshtrail.api.service import Rooms
from meshtrail.common.clock import rfc3339
from meshtrail.control.service import TokenInfo
from meshtrail.control.settings import PROGRESS_INTERVAL_S_MAX
from meshtrail.web.inventory_lines import Named
from meshtrail.web.settings import AgentSettings, SessionLine, SettingsPage, TokenLine
from meshtrail.web.viewer import Viewer


class StoredSettings:
    """Settings for the page (`web.settings.SettingsPages`)."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def read(self, org_id: str, who: Viewer) -> SettingsPage:
        """See `SettingsPages`."""
        return await asyncio.to_thread(self._read, org_id, who)

    def _read(self, org_id: str, who: Viewer) -> SettingsPage:
        control = self._rooms.control
        tokens = control.tokens.list_of(org_id, who.user_id) if who.user_id else []
        return SettingsPage(
            control.organisation(org_id).name,
            self._agents(org_id) if who.may("settings.read") else None,
            self._sessions(org_id, who),
            tuple(_token(each) for each in tokens),
            tuple(_token(each) for each in control.tokens.list_all(org_id)) if who.may("tokens.read") else None,
        )

    def _agents(self, org_id: str) -> AgentSettings:
        snapshot = self._rooms.control.snapshot(org_id)
        shown = view(snapshot)
        values = {name: value for name, value in msgspec.structs.asdict(shown).items() if name != "network_defaults"}
        values |= {"mode": shown.mode.value, "overlay_default": shown.overlay_default.value}
        values["network_traffic_logs_groups"] = tuple(shown.network_traffic_logs_groups)
        groups = tuple(Named(group.id, group.name) for group in snapshot.groups.values())
        return AgentSettings(**values, progress_interval_s_max=PROGRESS_INTERVAL_S_MAX, groups=groups, tag=tag(shown))

    def _sessions(self, org_id: str, who: Viewer) -> tuple[SessionLine, ...]:
        if who.user_id is None:
            return ()
        return tuple(
            SessionLine(
                each.id, each.user_agent or "", each.address or "", rfc3339(each.created_at), rfc3339(each.expires_at),
                each.id == who.session_id,
            )
            for each in self._rooms.control.sessions.list_of(org_id, who.user_id)
        )  # fmt: skip


def _token(token: TokenInfo) -> TokenLine:
    return TokenLine(
        token.id, token.name, token.scopes, rfc3339(token.created_at), "" if token.expires_at is None else rfc3339(token.expires_at),
        "" if token.last_used_at is None else rfc3339(token.last_used_at),
    )  # fmt: skip
