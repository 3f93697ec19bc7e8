"""Completes the API description with aggregates and facets: by what they can be asked for."""

from typing import Any

from meshtrail.api.aggregation import TOP
from meshtrail.api.limits import FACETS_MAX
from meshtrail.api.native.new_pairs import LIMIT
from meshtrail.api.traffic_schema import column_filters, parameter, window_parameters
from meshtrail.model.columns import FAMILIES, TRAFFIC
from meshtrail.store.first_seen import PAIRS_MAX
from meshtrail.store.limits import GROUPINGS_MAX, MEASURES_MAX, TOP_MAX
from meshtrail.store.measures import Function


def _many(most: int) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "maxItems": most}


def _aggregate_parameters() -> list[dict[str, Any]]:
    functions = ", ".join(f"`{function}(field)`" for function in Function if function is not Function.count)
    return [
        parameter(
            "group", "What rows are grouped by: a field, `time(15m)`, `time(1h)`, `time(1d)`, `time(1w)` or `time(1mo)`, `hour`, "
            "`weekday` (1 is Monday); of traffic also `end(source)` and `end(destination)` (name, else address), `person` (name, else "
            "e-mail address, else id) and `reason` (policy, else attribution). A row with several items in a list belongs to the group of "
            "each. Repeat for groups of several.",
            _many(GROUPINGS_MAX),
        ),
        parameter("measure", f"What is computed of each group: `count` (default), {functions}. Repeat for several.", _many(MEASURES_MAX)),
        parameter("order", "The measure or group that groups are ordered by, with `:asc` or `:desc`.", {"type": "string"}),
        parameter("top", "Groups in the answer.", {"type": "integer", "minimum": 1, "maximum": TOP_MAX, "default": TOP}),
    ]  # fmt: skip


def with_aggregates(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with the parameters of aggregates, and of facets of connections, filled in."""
    field = {**parameter("field", "Fields whose values are listed.", _many(FACETS_MAX)), "required": True}
    for family in FAMILIES.values():
        filters = [each for column in family if column.name != "org_id" for each in column_filters(column)]
        own = {"aggregate": _aggregate_parameters(), "facets": [field]}
        for name, parameters in own.items():
            schema["paths"][f"/api/v1/{family.name}/{name}"]["get"]["parameters"] = [*window_parameters(), *parameters, *filters]
        if family is TRAFFIC:
            limit = parameter("limit", "Pairs in the answer.", {"type": "integer", "minimum": 1, "maximum": PAIRS_MAX, "default": LIMIT})
            schema["paths"]["/api/v1/traffic/new-pairs"]["get"]["parameters"] = [*window_parameters(), limit, *filters]
    return schema
