"""Reads of the traffic family."""

from meshtrail.model.columns import TRAFFIC
from meshtrail.store.engine import Engine, Share
from meshtrail.store.family_reader import FamilyReader, rows_in
from meshtrail.store.pages import Cursor
from meshtrail.store.projection import native, shown
from meshtrail.store.query import Query, address_text, compiled

__all__ = ["KEY", "NATIVE_COLUMNS", "Cursor", "Reader", "rows_in", "shown"]

KEY = "started_at, reporter_id, flow_id"
"""What identifies a row inside an organisation, in sort order."""

NATIVE_COLUMNS = native(TRAFFIC).sql
"""The projection of the native API."""

_VERDICTS = {
    "allowed": "sumIf(r, verdict = 'allowed')",
    "denied": "sumIf(r, verdict = 'denied')",
    "unknown": "sumIf(r, state != 'gap') - allowed - denied",
}
"""A gap is no connection and is not counted."""


class Reader(FamilyReader):
    """Connections as they were reported. Methods block; every one of them needs an organisation."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, TRAFFIC)

    def histogram(self, query: Query, interval_ms: int, share: Share | None = None) -> list[dict[str, int]]:
        """Counts by verdict for each interval that has rows: bucket, allowed, denied, unknown."""
        return self.counts_over_time(query, interval_ms, ("verdict", "state"), _VERDICTS, share)

    def tally(self, query: Query, after: int, until: int) -> dict[str, int]:
        """Reports after a position up to another: `count` of all, `denied` among them."""
        part = compiled(query)
        part.add("seq > {{}:UInt64}", after)
        part.add("seq <= {{}:UInt64}", until)
        sql = f"SELECT count(), countIf(verdict = 'denied') FROM traffic WHERE {part.where}"
        count, denied = self._engine.read(sql, part.parameters, "TSV").split()
        return {"count": int(count), "denied": int(denied)}

    def open_flows(self, org_id: str, reporter_id: str, after: str, limit: int) -> bytes:
        """Connections of a reporter that are still open, by flow id: what an agent asks for when it starts again."""
        return self._array(
            f"SELECT flow_id, started_at, {address_text('source_address')} AS source_address, source_port, "
            f"{address_text('destination_address')} AS destination_address, destination_port, protocol FROM traffic FINAL "
            "WHERE org_id = {org:String} AND reporter_id = {reporter:String} AND state = 'open' "
            "AND toString(flow_id) > {after:String} "
            f"ORDER BY toString(flow_id) LIMIT {limit}",
            {"org": org_id, "reporter": reporter_id, "after": after},
        )
