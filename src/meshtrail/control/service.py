"""The control store: everything that is asked of it hangs here."""

from meshtrail.common.clock import Clock, wall_clock
from meshtrail.control import history
from meshtrail.control.changes import Changes
from meshtrail.control.database import Database
from meshtrail.control.document.service import InventoryDocuments
from meshtrail.control.document.work import Stores
from meshtrail.control.enrolment import Enrolment
from meshtrail.control.enrolment_keys import EnrolmentKeys
from meshtrail.control.groups import Groups, add_built_in_groups
from meshtrail.control.idempotency import Idempotency
from meshtrail.control.identities import Identities, Identity
from meshtrail.control.inventory import Snapshot
from meshtrail.control.limits import SESSION_S, SIGN_IN_LINK_S
from meshtrail.control.networks import Networks
from meshtrail.control.organisations import Organisations
from meshtrail.control.owners import add_owners
from meshtrail.control.peers import Peers
from meshtrail.control.permissions import Permission, Role, Scope
from meshtrail.control.places import Place
from meshtrail.control.policies import Policies
from meshtrail.control.sessions import Sessions
from meshtrail.control.settings import SettingsStore
from meshtrail.control.sign_in import SignIn
from meshtrail.control.snapshots import Snapshots
from meshtrail.control.tokens import TokenInfo, Tokens
from meshtrail.control.users import Users
from meshtrail.control.views import Views

__all__ = ["SESSION_S", "SIGN_IN_LINK_S", "Control", "Identity", "Permission", "Role", "Scope", "TokenInfo"]


class Control(Organisations, Identities):
    """Organisations and what they have. Thread-safe; every call is one transaction."""

    def __init__(self, place: Place, clock: Clock = wall_clock) -> None:
        self.changes = Changes()
        self.database = Database(place, self.changes, clock)
        super().__init__(self.database, clock)
        self.snapshots = Snapshots(self.database)
        self.groups = Groups(self.database, clock)
        self.policies = Policies(self.database, clock)
        self.networks = Networks(self.database, clock)
        self.peers = Peers(self.database, clock)
        self.settings = SettingsStore(self.database, clock)
        self.enrolment_keys = EnrolmentKeys(self.database, clock)
        self.enrolment = Enrolment(self.database, clock)
        self.idempotency = Idempotency(self.database, clock)
        stores = Stores(self.groups, self.networks, self.policies, self.settings, self.enrolment_keys)
        self.documents = InventoryDocuments(self.database, self.snapshots, stores, clock)
        self.users = Users(self.database, clock)
        self.tokens = Tokens(self.database, clock)
        self.sessions = Sessions(self.database, clock)
        self.views = Views(self.database, clock)
        self.sign_in = SignIn(self.database, self.sessions, clock)

    def open(self) -> None:
        """Open the database and bring its tables to this release's version."""
        self.database.open()
        with self.database.write() as transaction:
            add_built_in_groups(transaction, self._clock())
            add_owners(transaction, self._clock())
            history.begin(transaction)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def snapshot(self, org_id: str) -> Snapshot:
        """What the organisation has at this moment."""
        return self.snapshots.get(org_id)
