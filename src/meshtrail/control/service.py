"""The control store: everything that is asked of it hangs here."""

from pathlib import Path

from meshtrail.common.clock import Clock, wall_clock
from meshtrail.control.changes import Changes
from meshtrail.control.database import Database
from meshtrail.control.enrolment import Enrolment
from meshtrail.control.enrolment_keys import EnrolmentKeys
from meshtrail.control.groups import Groups, add_built_in_groups
from meshtrail.control.identities import SESSION_S, SIGN_IN_LINK_S, Identities, Identity, Scope, TokenInfo
from meshtrail.control.inventory import Snapshot
from meshtrail.control.networks import Networks
from meshtrail.control.peers import Peers
from meshtrail.control.policies import Policies
from meshtrail.control.settings import SettingsStore
from meshtrail.control.snapshots import Snapshots

__all__ = ["SESSION_S", "SIGN_IN_LINK_S", "Control", "Identity", "Scope", "TokenInfo"]


class Control(Identities):
    """Organisations and what they have. Thread-safe; every call is one transaction."""

    def __init__(self, path: Path, clock: Clock = wall_clock) -> None:
        self.changes = Changes()
        self.database = Database(path, self.changes)
        super().__init__(self.database, clock)
        self.snapshots = Snapshots(self.database)
        self.groups = Groups(self.database, clock)
        self.policies = Policies(self.database, clock)
        self.networks = Networks(self.database, clock)
        self.peers = Peers(self.database, clock)
        self.settings = SettingsStore(self.database, clock)
        self.enrolment_keys = EnrolmentKeys(self.database, clock)
        self.enrolment = Enrolment(self.database, clock)

    def open(self) -> None:
        """Open the database and bring its tables to this release's version."""
        self.database.open()
        with self.database.write() as transaction:
            add_built_in_groups(transaction, self._clock())

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def snapshot(self, org_id: str) -> Snapshot:
        """What the organisation has at this moment."""
        return self.snapshots.get(org_id)
