"""How the agent runs."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from meshtrail.agent import limits
from meshtrail.agent.identity import Identity


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
    ca_file: Path | None = None
    """Certificates that vouch for the server, besides the system's own."""
    ignore_loopback: bool = False
    """Leave out connections of this machine to itself over the loopback addresses."""
    ignore: tuple[IPv4Network | IPv6Network, ...] = ()
    """Leave out connections that touch these networks."""
    change_sysctls: bool = True
    """Set the kernel's conntrack settings and put them back at the end."""
    add_tracking: bool = True
    """Add a table of our own when nothing tracks connections."""
    prompt_ends: bool = True
    """Report the end of a TCP connection when it ends, not when the kernel forgets it two minutes later."""
    state_folder: Path = Path("/var/lib/meshtrail-agent")
    """Where the agent keeps its identity, the last network map, and what waits for the server (`spool`)."""
    spool_bytes_max: int = limits.SPOOL_BYTES_MAX
    """What waits for the server may take this much disk; then the oldest reports go, and a gap says so."""
    spool_age_s_max: float = limits.SPOOL_AGE_S_MAX
    """Reports that have waited longer go too."""
    identity: Identity | None = None
    """Who this peer is, once it is enrolled; None: it reports with a token, and the rules are not its business."""
    nflog_group: int = limits.NFLOG_GROUP
    """Group of the kernel's packet log in which denials are told; 0: denials are not read."""
    mark_mask: int = limits.MARK_MASK
    """Bits of the connection mark that hold the number of the rule that let a connection pass."""
    run_folder: Path = Path("/run/meshtrail")
    """Where the settings found at start are noted, so that they can be put back even after a crash."""
    receive_bytes_new: int = limits.RECEIVE_BYTES_NEW
    """Socket buffer asked for starts."""
    receive_bytes_destroy: int = limits.RECEIVE_BYTES_DESTROY
    """Socket buffer asked for ends."""
