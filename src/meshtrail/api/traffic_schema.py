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


def _parameter(name: str, doc: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": doc, "schema": schema}


def _filters(column: Column) -> list[dict[str, Any]]:
    many = {"type": "array", "items": {"type": "string"}}
    found = [
        _parameter(column.name, f"{column.doc} Repeat for any of several.", many),
        _parameter(f"{column.name}.not", f"None of these: {column.name}.", many),
        _parameter(f"{column.name}.known", f"Whether {column.name} is known.", {"type": "string", "enum": ["true", "false"]}),
    ]
    if column.kind in _ORDERED:
        found += [_parameter(f"{column.name}.{op}", f"{column.name} compared.", {"type": "string"}) for op in ("gte", "gt", "lte", "lt")]
    return found


def _window() -> list[dict[str, Any]]:
    time = {"type": "string", "format": "date-time"}
    return [
        _parameter("from", "Rows that started at or after this time.", time),
        _parameter("to", "Rows that started before this time.", time),
        _parameter("search", "Part of a name, address or service, in any case.", {"type": "string"}),
        _parameter("filter", "Rows that the filter chooses: `user = ana and destination.port in (22, 3389) and started_at > now-2h`. "
                   "See the reference of the filter language.", {"type": "string", "maxLength": TEXT_CHARACTERS_MAX}),
        _parameter("zone", "Time zone (IANA) in which the days of the filter begin.", {"type": "string", "default": "UTC"}),
    ]  # fmt: skip


def _page() -> list[dict[str, Any]]:
    return [
        _parameter("limit", "Rows of the page.", {"type": "integer", "minimum": 1, "maximum": 50_000, "default": 50}),
        _parameter("cursor", "next_cursor of the page before.", {"type": "string"}),
        _parameter("order", "By start time.", {"type": "string", "enum": ["desc", "asc"], "default": "desc"}),
    ]


def _content(schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {kind: {"schema": schema}}


def _envelope(data: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"data": data, **more}, "required": ["data", *more]}


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with rows, filters, request bodies and errors filled in."""
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["TrafficRow"] = row_schema(TRAFFIC)
    schemas["TrafficReport"] = wire_row_schema(TRAFFIC)
    schemas["Error"] = _error_schema()
    filters = [each for column in TRAFFIC if column.name != "org_id" for each in _filters(column)]
    paths = schema["paths"]
    listing = paths["/api/v1/traffic"]["get"]
    listing["parameters"] = [*_window(), *_page(), *filters]
    listing["responses"]["200"]["content"] = _content(_envelope({"type": "array", "items": _ROW}, next_cursor={"type": ["string", "null"]}))
    paths["/api/v1/traffic/{identifier}"]["get"]["responses"]["200"]["content"] = _content(_envelope(_ROW))
    buckets = _parameter("buckets", "Bars at the most.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 60})
    paths["/api/v1/traffic/histogram"]["get"]["parameters"] = [*_window(), buckets, *filters]
    paths["/api/v1/live"]["get"]["parameters"] = [*_window(), *filters]
    report = {"$ref": "#/components/schemas/TrafficReport"}
    paths["/api/v1/ingest/traffic"]["post"]["requestBody"] = {
        "required": True,
        "content": {
            **_content(report, "application/x-ndjson"),
            **_content({"type": "string", "format": "binary"}, "application/vnd.apache.arrow.stream"),
        },
    }
    _add_errors(paths)
    return schema


def _add_errors(paths: dict[str, Any]) -> None:
    error = {"description": "An error.", "content": _content({"$ref": "#/components/schemas/Error"})}
    for path, operations in paths.items():
        for operation in operations.values():
            for status in [status for status in operation["responses"] if status.startswith("4")]:
                del operation["responses"][status]
            if path.startswith("/api/v1"):
                operation["responses"]["default"] = error
