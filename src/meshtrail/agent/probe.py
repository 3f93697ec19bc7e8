"""What `meshtrail doctor` says of this machine's ability to capture."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from meshtrail.agent import sysctls

CAP_NET_ADMIN = 12


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def has_net_admin(status: str) -> bool:
    """Whether the effective capabilities in the text of /proc/self/status hold CAP_NET_ADMIN."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> CAP_NET_ADMIN & 1)
    return False


def may_capture() -> bool:
    """Whether this process may listen to conntrack."""
    return has_net_admin(Path("/proc/self/status").read_text(encoding="ascii"))


def check() -> list[Check]:
    """All checks of the agent."""
    allowed = may_capture()
    checks = [
        Check("capability", allowed, "CAP_NET_ADMIN is there" if allowed else "CAP_NET_ADMIN is missing",
              "" if allowed else "Run as root, or grant the capability; without it connections are not captured."),
    ]  # fmt: skip
    count, most = sysctls.read("nf_conntrack_count"), sysctls.read("nf_conntrack_max")
    there = count is not None and most is not None
    checks.append(
        Check("conntrack", there, f"{count} of {most} entries" if there else "the kernel has no conntrack here",
              "" if there else "Load it with: modprobe nf_conntrack")
    )  # fmt: skip
    for name, wanted in sysctls.WANTED.items():
        value = sysctls.read(name)
        settled = value == wanted
        checks.append(
            Check(name, settled or allowed, f"{value}, the agent wants {wanted}" if not settled else f"{value}",
                  "" if settled or allowed else f"sysctl -w net.netfilter.{name}={wanted}")
        )  # fmt: skip
    nft = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    checks.append(Check("nft", nft is not None, nft or "not installed", "" if nft else "apt install nftables"))
    return checks
