"""Settings of conntrack that capture needs, and what they were before."""

from pathlib import Path

FOLDER = Path("/proc/sys/net/netfilter")
WANTED = {"nf_conntrack_acct": "1", "nf_conntrack_timestamp": "1", "nf_conntrack_events": "1"}
"""Byte counters, start and stop times, and events also for connections older than the listener. Each holds for one network
namespace, and for connections made after the change."""


def read(name: str, folder: Path = FOLDER) -> str | None:
    """A setting's value; None where the kernel does not have it."""
    try:
        return (folder / name).read_text(encoding="ascii").strip()
    except OSError:
        return None


class Sysctls:
    """Sets what is wanted and can put it back."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._before: dict[str, str] = {}

    def apply(self) -> list[str]:
        """Set all; returns the names that could not be set."""
        refused = []
        for name, value in WANTED.items():
            before = read(name, self._folder)
            if before == value:
                continue
            try:
                (self._folder / name).write_text(value, encoding="ascii")
            except OSError:
                refused.append(name)
                continue
            if before is not None:
                self._before[name] = before
        return refused

    def restore(self) -> None:
        """Put back what was there before."""
        for name, value in self._before.items():
            try:
                (self._folder / name).write_text(value, encoding="ascii")
            except OSError:
                continue
        self._before.clear()
