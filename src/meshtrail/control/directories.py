"""The directories in memory: one snapshot an organisation, replaced when an agent says something new."""

import threading

from meshtrail.control.service import Control
from meshtrail.enrich.directory import Directory, Peer


class Directories:
    """Snapshots over the control store. Thread-safe."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._snapshots: dict[str, Directory] = {}
        self._lock = threading.Lock()

    def get(self, org_id: str) -> Directory:
        """The organisation's directory at this moment."""
        found = self._snapshots.get(org_id)
        if found is None:
            with self._lock:
                found = self._snapshots.setdefault(org_id, self._control.directory(org_id))
        return found

    def put(self, org_id: str, peer: Peer) -> None:
        """Remember what a peer says of itself; nothing is written when it says the same again."""
        if self.get(org_id).peers.get(peer.id) == peer:
            return
        with self._lock:
            self._control.put_peer(org_id, peer)
            self._snapshots[org_id] = self._control.directory(org_id)
