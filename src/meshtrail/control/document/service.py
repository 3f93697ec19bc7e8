"""Exports and applies the inventory as a document."""

from collections import Counter
from collections.abc import Callable, Sequence

from meshtrail.common.clock import Clock
from meshtrail.common.errors import OutdatedError
from meshtrail.control.actor import Actor
from meshtrail.control.audit import Target, record
from meshtrail.control.database import Database
from meshtrail.control.document.apply import apply
from meshtrail.control.document.entries import Document
from meshtrail.control.document.export import exported
from meshtrail.control.document.steps import Outcome, Step, digest
from meshtrail.control.document.work import Stores, Work
from meshtrail.control.snapshots import Snapshots
from meshtrail.model.activities import Activity

Check = Callable[[Sequence[Step]], None]


def _anything(_steps: Sequence[Step]) -> None:
    """Nothing to say against it."""


class _UndoneError(Exception):
    """Leaves the transaction of what was only looked at."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class InventoryDocuments:
    """Thread-safe; every call is one transaction."""

    def __init__(self, database: Database, snapshots: Snapshots, stores: Stores, clock: Clock) -> None:
        self._database = database
        self._snapshots = snapshots
        self._stores = stores
        self._clock = clock

    def export(self, by: Actor) -> Document:
        """What the organisation has now; that it was read is written down."""
        document = exported(self._snapshots.get(by.org_id), self._stores.enrolment_keys.list(by.org_id), self._clock())
        with self._database.write() as transaction:
            record(transaction, by, Activity.inventory_export, Target(by.org_id))
        return document

    def plan(self, by: Actor, document: Document, *, prune: bool = False) -> Outcome:
        """What `apply` would do at this moment. It is done, looked at and undone, so that it fails where `apply` would."""
        return self._run(by, document, prune=prune, keep=False, plan=None, check=_anything)

    def apply(self, by: Actor, document: Document, *, prune: bool = False, plan: str | None = None, check: Check = _anything) -> Outcome:
        """Make the inventory as the document says, all of it or nothing. `plan`: the digest of what was shown; `OutdatedError` when
        it is no longer what would be done. `check` may raise over the steps."""
        return self._run(by, document, prune=prune, keep=True, plan=plan, check=check)

    def _run(self, by: Actor, document: Document, *, prune: bool, keep: bool, plan: str | None, check: Check) -> Outcome:
        try:
            with self._database.together(by.org_id) as transaction:
                work = Work(self._stores, by, self._snapshots.inside(transaction, by.org_id))
                keys = apply(work, document, self._stores.enrolment_keys.list(by.org_id), self._clock(), prune=prune)
                check(work.steps)
                found = digest(work.steps)
                if plan is not None and plan != found:
                    raise OutdatedError(
                        "The inventory has changed since the plan was shown: other things would be done now.", "Plan again."
                    )
                outcome = Outcome(applied=keep, steps=work.steps, plan=found, keys=keys if keep else [])
                if not keep or not work.steps:
                    raise _UndoneError(outcome)
                counts = Counter(f"{step.action}d" for step in work.steps)
                record(transaction, by, Activity.inventory_import, Target(by.org_id), meta={**counts, "prune": prune, "plan": found})
        except _UndoneError as undone:
            return undone.outcome
        return outcome
