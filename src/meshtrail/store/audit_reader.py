"""Reads of the audit family."""

from meshtrail.model.columns import AUDIT
from meshtrail.model.enums import Outcome
from meshtrail.store.engine import Engine, Share
from meshtrail.store.family_reader import FamilyReader
from meshtrail.store.query import Query

_OUTCOMES = {outcome.name: f"sumIf(r, outcome = '{outcome.name}')" for outcome in Outcome}


class AuditReader(FamilyReader):
    """Audit events. Methods block; every one of them needs an organisation."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, AUDIT)

    def histogram(self, query: Query, interval_ms: int, share: Share | None = None) -> list[dict[str, int]]:
        """Counts by outcome for each interval that has events: bucket, success, failure, denied."""
        return self.counts_over_time(query, interval_ms, ("outcome",), _OUTCOMES, share)
