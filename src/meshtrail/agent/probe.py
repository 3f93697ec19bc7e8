"""What this machine offers for capture, check by check, each with a remedy: for `meshtrail doctor`."""

import shutil
import time
from dataclasses import dataclass

from meshtrail.agent import limits, sysctls, tracking
from meshtrail.agent.netlink import attributes as a
from meshtrail.agent.sources.conntrack import NotPermittedError, open_socket
from meshtrail.agent.tracking import Tracked

CLOCK_EARLIEST_S = 1_767_225_600
"""2026-01-01: an earlier clock was never set."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def check() -> list[Check]:
    """Look at everything, changing nothing."""
    return [
        capability(),
        conntrack(),
        setting("nf_conntrack_acct", "volumes are counted", "volumes are not counted yet"),
        setting("nf_conntrack_timestamp", "starts and ends have times", "starts and ends have no times yet"),
        setting("nf_conntrack_events", "all connections tell of their end", "older connections may end in silence"),
        tracked(tracking.look()),
        nft(shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin")),
        table_fill(sysctls.read("nf_conntrack_count"), sysctls.read("nf_conntrack_max")),
        clock(time.time()),
    ]


def capability() -> Check:
    """Whether this process may listen."""
    try:
        open_socket(a.GROUP_DESTROY, limits.RECEIVE_BYTES_UPDATE).close()
    except NotPermittedError as error:
        _, _, remedy = str(error).partition("\n")
        return Check("capability", False, "this process lacks CAP_NET_ADMIN", remedy)
    except OSError as error:
        return Check("capability", False, f"the kernel offers no netfilter socket: {error}", "Load the module nfnetlink.")
    return Check("capability", True, "CAP_NET_ADMIN")


def conntrack() -> Check:
    """Whether the kernel can track connections."""
    if sysctls.read("nf_conntrack_max") is None:
        return Check("conntrack", False, "the kernel's connection tracking is not loaded", "Run: modprobe nf_conntrack_netlink")
    return Check("conntrack", True, "connection tracking is there")


def setting(name: str, good: str, bad: str) -> Check:
    """Whether a setting has the value that capture wants; the agent sets it."""
    value = sysctls.read(name)
    wanted = sysctls.WANTED[name]
    if value == wanted:
        return Check(name, True, good)
    return Check(name, True, f"{bad} (it is {value}); the agent sets it to {wanted} while it runs")


def tracked(by: Tracked) -> Check:
    """Whether anything in this network namespace makes the kernel track."""
    if by in {Tracked.by_others, Tracked.by_us}:
        return Check("tracking rule", True, f"connections are tracked {by}")
    if by is Tracked.by_nobody:
        return Check("tracking rule", True, "no rule tracks connections; the agent adds a harmless one while it runs")
    remedy = f"Install nft and run as root, or add: {tracking.IPTABLES_REMEDY}"
    return Check("tracking rule", False, "the rules cannot be read", remedy)


def nft(program: str | None) -> Check:
    """Whether the program nft is there."""
    if program is None:
        return Check("nft", False, "the program nft is not installed", "Install the package nftables.")
    return Check("nft", True, program)


def table_fill(count: str | None, most: str | None) -> Check:
    """Whether conntrack's table has room."""
    if count is None or most is None or not int(most):
        return Check("conntrack table", False, "its size is unknown", "Run: modprobe nf_conntrack")
    fill = int(count) / int(most)
    detail = f"{count} of {most} entries"
    if fill > limits.TABLE_FILL_MAX:
        return Check("conntrack table", False, detail, f"Raise it: sysctl -w net.netfilter.nf_conntrack_max={2 * int(most)}")
    return Check("conntrack table", True, detail)


def clock(now_s: float) -> Check:
    """Whether the clock was ever set; the times of all events come from it."""
    good = now_s > CLOCK_EARLIEST_S
    detail = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s))
    return Check("clock of events", good, detail, "" if good else "Set the clock, and keep it set (systemd-timesyncd, chrony).")
