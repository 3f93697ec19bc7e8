"""The settings page: what the organisation has set for its agents, and one's own password, sessions and tokens."""

from dataclasses import dataclass
from typing import Protocol

from meshtrail.web.inventory_lines import Named
from meshtrail.web.pages import Failure, Shell
from meshtrail.web.viewer import Viewer


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What the organisation has set for its agents; the names are those of `GET /api/v1/settings`."""

    mode: str
    overlay_default: str
    network_range: str
    network_range_v6: str
    network_traffic_logs_enabled: bool
    network_traffic_logs_groups: tuple[str, ...]
    network_traffic_packet_counter_enabled: bool
    collect_dns: bool
    collect_exit_node: bool
    progress_interval_s: int
    progress_interval_s_max: int
    groups: tuple[Named, ...]
    """Those that may be chosen."""
    tag: str
    """`ETag` of what is shown: nobody overwrites what they have not seen."""


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A browser in which somebody is signed in. Times are RFC 3339."""

    id: str
    browser: str
    """As it calls itself; empty when it did not."""
    address: str
    created_at: str
    expires_at: str
    current: bool


@dataclass(frozen=True, slots=True)
class TokenLine:
    """A token without its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]
    """None: all that its user may."""
    created_at: str
    expires_at: str
    last_used_at: str


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """What the page shows; what may not be read is None."""

    organisation: str
    agents: AgentSettings | None
    sessions: tuple[SessionLine, ...]
    tokens: tuple[TokenLine, ...]
    organisation_tokens: tuple[TokenLine, ...] | None


class SettingsPages(Protocol):
    """Where the page reads settings."""

    async def read(self, org_id: str, who: Viewer) -> SettingsPage:
        """What this person may see."""
        ...


@dataclass(frozen=True, slots=True)
class SettingsContext:
    """Everything `settings.html` shows."""

    shell: Shell
    who: Viewer
    data: SettingsPage | None
    """None after a failure."""
    failure: Failure | None
    again: str = "/settings"
