"""Settings of conntrack that capture needs, and what they were before.

What was there is also noted in a file, so that an agent that starts after a crash still puts back the first values, and
not those that the crashed one had set.
"""

import contextlib
import json
import os
from pathlib import Path

from meshtrail.agent.netlink import attributes as a

FOLDER = Path("/proc/sys/net/netfilter")
_ACCOUNTING = "nf_conntrack_acct"
WANTED = {_ACCOUNTING: "1", "nf_conntrack_timestamp": "1", "nf_conntrack_events": "1"}
"""Byte counters, start and stop times, and events also for connections older than the listener. Each holds for one network
namespace, and for connections made after the change."""


def read(name: str, folder: Path = FOLDER) -> str | None:
    """A setting's value; None where the kernel does not have it."""
    try:
        return (folder / name).read_text(encoding="ascii").strip()
    except OSError:
        return None


def linger_us(folder: Path = FOLDER) -> dict[int, int]:
    """How long the kernel keeps an entry after its connection is over, in microseconds by TCP state."""
    names = {a.TCP_TIME_WAIT: "nf_conntrack_tcp_timeout_time_wait", a.TCP_CLOSE: "nf_conntrack_tcp_timeout_close"}
    values = {state: read(name, folder) for state, name in names.items()}
    return {state: int(value) * 1_000_000 for state, value in values.items() if value is not None and value.isdigit()}


def note_path(run_folder: Path) -> Path:
    """Where the settings of this network namespace are noted."""
    return run_folder / f"agent-sysctls-{os.stat('/proc/self/ns/net').st_ino}.json"


class Sysctls:
    """Sets what is wanted and can put it back."""

    def __init__(self, note: Path, folder: Path = FOLDER) -> None:
        self._note = note
        self._folder = folder
        self._before: dict[str, str] = {}
        self._applied = False
        self.found: dict[str, str | None] = {}
        """The values at the start, whoever set them."""

    def look(self) -> None:
        """Note what is there, changing nothing."""
        self.found = {name: read(name, self._folder) for name in WANTED}

    def apply(self) -> list[str]:
        """Set all; returns the names that could not be set."""
        self._applied = True
        self.look()
        noted = self._noted()
        wrong = {name: value for name, value in self.found.items() if value != WANTED[name]}
        known = {name: value for name, value in wrong.items() if value is not None}
        self._before = known | noted
        self._write_note()
        return [name for name in wrong if not self._set(name, WANTED[name])]

    def account(self, wanted: bool) -> bool:
        """Count packets and bytes of new connections, or not; whether that could be set. Call `apply` first."""
        found = self.found.get(_ACCOUNTING)
        if _ACCOUNTING not in self._before and found is not None:
            self._before[_ACCOUNTING] = found
            self._write_note()
        return self._set(_ACCOUNTING, str(int(wanted)))

    def restore(self) -> None:
        """Put back what was there before; nothing without `apply`: the note is of another agent then."""
        if not self._applied:
            return
        self._applied = False
        for name, value in self._before.items():
            self._set(name, value)
        self._before.clear()
        with contextlib.suppress(OSError):
            self._note.unlink(missing_ok=True)

    def _set(self, name: str, value: str) -> bool:
        try:
            (self._folder / name).write_text(value, encoding="ascii")
        except OSError:
            return False
        return True

    def _noted(self) -> dict[str, str]:
        """What a crashed agent had found; nothing when there is no such note."""
        try:
            noted = json.loads(self._note.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return {}
        return {name: value for name, value in noted.items() if name in WANTED and str(value).isdigit()}

    def _write_note(self) -> None:
        """Best effort: without a note only a crash leaves the settings changed, which harms nothing."""
        with contextlib.suppress(OSError):
            self._note.parent.mkdir(parents=True, exist_ok=True)
            self._note.write_text(json.dumps(self._before), encoding="ascii")
