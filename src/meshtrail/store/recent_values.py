"""Values that occur in the newest rows: what completes a filter that is being written."""

from collections.abc import Sequence

import msgspec

from meshtrail.model.columns import Column, Family, Kind
from meshtrail.store.address_sql import address_text
from meshtrail.store.engine import Engine
from meshtrail.store.limits import RECENT_ROWS
from meshtrail.store.query import Query, compiled


def recent_values(engine: Engine, family: Family, org_id: str, names: Sequence[str], part: str, limit: int) -> list[str]:
    """Texts of the columns that hold the part, in any case; those that begin with it first, then the most frequent."""
    where = compiled(Query(org_id, family=family))
    where.parameters["part"] = part
    items = ", ".join(_items(family.columns[name]) for name in names)
    newest = f"SELECT {', '.join(names)} FROM {family.name} WHERE {where.where} ORDER BY {family.time} DESC LIMIT {RECENT_ROWS}"
    answer = engine.read(
        f"SELECT value FROM (SELECT arrayJoin(arrayConcat({items})) AS value FROM ({newest})) "
        "WHERE value != '' AND positionCaseInsensitiveUTF8(value, {part:String}) > 0 "
        "GROUP BY value ORDER BY positionCaseInsensitiveUTF8(value, {part:String}) = 1 DESC, count() DESC, value "
        f"LIMIT {limit}",
        where.parameters,
    )
    return [msgspec.json.decode(line)["value"] for line in answer.splitlines()]


def _items(column: Column) -> str:
    if column.kind is Kind.names:
        return column.name
    text = address_text(column.name) if column.kind is Kind.address else f"toString({column.name})"
    return f"[ifNull({text}, '')]"
