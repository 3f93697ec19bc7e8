"""The signed map on disk: what is enforced when the server cannot be reached.

A map is *offered* before it is programmed, and *kept* when the server has answered over it. An agent that starts takes the kept
one: a map that was never confirmed may be what cut the machine off. Only without a kept one it takes the offered one.
"""

from pathlib import Path

import msgspec

from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.files import read_file, sync_folder, write_file
from meshtrail.model.network_map import Envelope

KEPT, OFFERED = "network-map.json", "network-map.offered.json"


class EnvelopeFile:
    """Two files in the agent's state folder."""

    def __init__(self, folder: Path) -> None:
        self._kept, self._offered = folder / KEPT, folder / OFFERED

    def offer(self, envelope: Envelope) -> None:
        """Write an envelope down before it is programmed. `OSError` when the disk does not take it."""
        write_file(self._offered, msgspec.json.encode(envelope))

    def keep(self) -> None:
        """The offered envelope proved itself. `OSError` when the disk does not take it."""
        if self._offered.exists():
            self._offered.replace(self._kept)
            sync_folder(self._kept.parent)

    def load(self) -> bytes | None:
        """The envelope to begin with, to be checked like any; None when there is none. `OSError` or `ValueError` when it
        cannot be read."""
        kept = read_file(self._kept, limits.ENVELOPE_BYTES_MAX)
        return kept if kept is not None else read_file(self._offered, limits.ENVELOPE_BYTES_MAX)

    def forget(self) -> None:
        """Remove both: the peer was removed."""
        self._kept.unlink(missing_ok=True)
        self._offered.unlink(missing_ok=True)
