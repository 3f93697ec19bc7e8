"""Completes the API description with what comes from the column table: rows, filters, bodies, errors."""

from typing import Any

from meshtrail.filter.limits import TEXT_CHARACTERS_MAX
from meshtrail.model.columns import TRAFFIC, Column, Kind
from meshtrail.model.openapi import row_schema, wire_row_schema

_ORDERED = (Kind.port, Kind.u8, Kind.u32, Kind.u64, Kind.time)
_ROW = {"$ref": "#/components/schemas/TrafficRow"}


def _error_schema() -> dict[str, Any]:
    text = {"type": "string"}
    properties = {"code": text, "message": text, "remedy": text, "request_id": text,
                  "details": {"type": "array", "items": {"type": "object"}}}  # fmt: skip
    error = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "object", "properties": {"error": error}, "required": ["error"]}


def parameter(name: str, doc: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter of the query string that may be left out."""
    return {"name": name, "in": "query", "required": False, "description": doc, "schema": schema}


def column_filters(column: Column) -> list[dict[str, Any]]:
    """Parameters that choose rows by a column."""
    many = {"type": "array", "items": {"type": "string"}}
    found = [
        parameter(column.name, f"{column.doc} Repeat for any of several.", many),
        parameter(f"{column.name}.not", f"None of these: {column.name}.", many),
        parameter(f"{column.name}.known", f"Whether {column.name} is known.", {"type": "string", "enum": ["true", "false"]}),
    ]
    if column.kind in _ORDERED:
        found += [parameter(f"{column.name}.{op}", f"{column.name} compared.", {"type": "string"}) for op in ("gte", "gt", "lte", "lt")]
    return found


def window_parameters() -> list[dict[str, Any]]:
    """Parameters that choose rows by time, text and filter."""
    time = {"type": "string", "format": "date-time"}
    return [
        parameter("from", "Rows that started at or after this time.", time),
        parameter("to", "Rows that started before this time.", time),
        parameter("search", "Part of a name, address or service, in any case.", {"type": "string"}),
        parameter("filter", "Rows that the filter chooses: `user = ana and destination.port in (22, 3389) and started_at > now-2h`. "
                   "See the reference of the filter language.", {"type": "string", "maxLength": TEXT_CHARACTERS_MAX}),
        parameter("zone", "Time zone (IANA) in which the days of the filter begin.", {"type": "string", "default": "UTC"}),
    ]  # fmt: skip


def page_parameters() -> list[dict[str, Any]]:
    """Parameters of a page."""
    return [
        parameter("limit", "Rows of the page.", {"type": "integer", "minimum": 1, "maximum": 50_000, "default": 50}),
        parameter("cursor", "next_cursor of the page before.", {"type": "string"}),
        parameter("order", "By start time.", {"type": "string", "enum": ["desc", "asc"], "default": "desc"}),
    ]


def content(schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    """A body of this schema."""
    return {kind: {"schema": schema}}


def envelope(data: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The answer around the data."""
    return {"type": "object", "properties": {"data": data, **more}, "required": ["data", *more]}


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with rows, filters, request bodies and errors filled in."""
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["TrafficRow"] = row_schema(TRAFFIC)
    schemas["TrafficReport"] = wire_row_schema(TRAFFIC)
    schemas["Error"] = _error_schema()
    filters = [each for column in TRAFFIC if column.name != "org_id" for each in column_filters(column)]
    paths = schema["paths"]
    listing = paths["/api/v1/traffic"]["get"]
    listing["parameters"] = [*window_parameters(), *page_parameters(), *filters]
    listing["responses"]["200"]["content"] = content(envelope({"type": "array", "items": _ROW}, next_cursor={"type": ["string", "null"]}))
    paths["/api/v1/traffic/{identifier}"]["get"]["responses"]["200"]["content"] = content(envelope(_ROW))
    buckets = parameter("buckets", "Bars at the most.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 60})
    paths["/api/v1/traffic/histogram"]["get"]["parameters"] = [*window_parameters(), buckets, *filters]
    rows = parameter(
        "rows", "Rows of one read at the most; then every read is counted whole.", {"type": "integer", "minimum": 1, "maximum": 500}
    )
    paths["/api/v1/live"]["get"]["parameters"] = [*window_parameters(), rows, *filters]
    report = {"$ref": "#/components/schemas/TrafficReport"}
    paths["/api/v1/ingest/traffic"]["post"]["requestBody"] = {
        "required": True,
        "content": {
            **content(report, "application/x-ndjson"),
            **content({"type": "string", "format": "binary"}, "application/vnd.apache.arrow.stream"),
        },
    }
    _add_errors(paths)
    return schema


def _add_errors(paths: dict[str, Any]) -> None:
    error = {"description": "An error.", "content": content({"$ref": "#/components/schemas/Error"})}
    for path, operations in paths.items():
        for operation in operations.values():
            for status in [status for status in operation["responses"] if status.startswith("4")]:
                del operation["responses"][status]
            if path.startswith("/api/v1"):
                operation["responses"]["default"] = error
