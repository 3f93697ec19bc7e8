"""Would this be allowed, and by which rule? The resolver's answer for one connection that somebody asks about, with reasons."""

from sqlalchemy import select

from meshtrail.common.clock import Clock, rfc3339
from meshtrail.common.errors import UnusableError
from meshtrail.control.asked import Asked
from meshtrail.control.checked import Checked, Question
from meshtrail.control.database import Database
from meshtrail.control.inventory import Snapshot
from meshtrail.control.material import material_of
from meshtrail.control.reasons import Times
from meshtrail.control.rulebooks import Rulebooks
from meshtrail.control.snapshots import Snapshots
from meshtrail.control.tables import policy_versions
from meshtrail.enrich.resolver.book import Book


class PolicyCheck:
    """Answers questions about any moment. Thread-safe."""

    def __init__(self, database: Database, snapshots: Snapshots, rulebooks: Rulebooks, clock: Clock) -> None:
        self._database = database
        self._snapshots = snapshots
        self._rulebooks = rulebooks
        self._clock = clock

    def check(self, org_id: str, question: Question) -> Checked:
        """The answer; `UnusableError` names the field of the question that cannot be."""
        at, snapshot = self._moment(org_id, question.at)
        book = Book(material_of(snapshot)) if snapshot.revision is None else self._rulebooks.present(snapshot, snapshot.revision)
        asked = Asked(snapshot, book, question, at)
        return asked.ungoverned() or asked.explained(self._times(org_id, asked.policies()))

    def _times(self, org_id: str, policies: set[str]) -> Times:
        """When the versions of policies were in force."""
        mine = (policy_versions.c.org_id == org_id) & policy_versions.c.policy_id.in_(policies)
        with self._database.read() as transaction:
            rows = transaction.execute(select(policy_versions).where(mine)).all()
        return {(row.policy_id, row.version): (row.valid_from, row.valid_until) for row in rows}

    def _moment(self, org_id: str, at: int | None) -> tuple[int, Snapshot]:
        snapshot, now = self._snapshots.get(org_id), self._clock()
        if at is None or snapshot.revision is None:
            return at or now, snapshot
        if at > now:
            raise UnusableError("at: that moment is still to come.", "Leave it out to ask about now.")
        if at >= snapshot.revision.at:
            return at, snapshot
        revision = self._snapshots.revision(org_id, at)
        if revision is None:
            raise UnusableError(f"at: nothing is known of what was in force at {rfc3339(at)}.", "The past is known since the first change.")
        return at, self._snapshots.at(org_id, revision.number)
