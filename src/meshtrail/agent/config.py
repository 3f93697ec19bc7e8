"""How the agent runs."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """The agent's settings."""

    server: str
    """Address of the server, such as http://127.0.0.1:8765."""
    token: str
    """API token with the right ingest."""
    reporter_id: str
    """Name of this machine in all events, the same for ever."""
    reporter_name: str
    """Name for people: the host name."""
    ignore_loopback: bool = False
    """Leave out connections of this machine to itself."""
    ignore: tuple[IPv4Network | IPv6Network, ...] = ()
    """Leave out connections that touch these networks."""
    change_sysctls: bool = True
    """Set the kernel's conntrack settings and put them back at the end."""
    add_tracking: bool = True
    """Add a table of our own when nothing tracks connections."""
