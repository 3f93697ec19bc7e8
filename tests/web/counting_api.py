"""The parts of the API that count, over rows that a test gives: facets without filters, and a histogram of one bar."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from litestar import get

Row = dict[str, Any]


def counting_routes(family: str, rows: Callable[[], Sequence[Row]], start: str, series: Callable[[Row], str]) -> list[Any]:
    """Handlers below `/api/v1/{family}`."""

    @get(f"/api/v1/{family}/facets", name=f"{family}-facets")
    async def facets(field: list[str], limit: int) -> dict[str, Any]:
        counted = {name: Counter(row.get(name) for row in rows()).most_common(limit) for name in field}
        return {"data": {name: [{"value": text(value), "count": count} for value, count in found] for name, found in counted.items()}}

    @get(f"/api/v1/{family}/histogram", name=f"{family}-histogram")
    async def histogram() -> dict[str, Any]:
        counts = Counter(series(row) for row in rows())
        names = ("allowed", "denied", "unknown", "success", "failure")
        return {"data": [{"start": start} | {name: counts[name] for name in names}], "interval_ms": 60_000}

    return [facets, histogram]


def text(value: object) -> str | None:
    """As the API writes values."""
    return None if value is None else str(value)
