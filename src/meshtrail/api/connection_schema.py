"""Completes the API description with connections: what a joined one looks like, and by what it can be asked for."""

from typing import Any

from meshtrail.model.columns import TRAFFIC
from meshtrail.model.openapi import row_schema
from meshtrail.store.connection_join import ROLES
from meshtrail.store.connection_view import AGREEMENTS, COUNTERS, REPORT_FIELDS, SHOWN_FIELDS

_OWN: dict[str, dict[str, Any]] = {
    "id": {"type": "string", "format": "uuid", "description": "Id of the best-placed report; the id of any of them leads here."},
    "agreement": {
        "type": "string", "enum": list(AGREEMENTS),
        "description": "`both`: all who can report it say the same; `one_side`: only one side does; `bytes_differ`: what two ended reports "
        "counted is more than 1 % and 1 KiB apart; `denied_by_other`: the initiator's attempt was denied by the other side or a router.",
    },
    "finding": {"type": "boolean", "description": "Whether somebody should look at it: a side that reports says nothing, or bytes differ."},
    "missing": {
        "type": "array", "description": "Who should have reported and says nothing: was known as a reporter then, and stands at an end, "
        "or routes to the resource; of several routers of a resource all are named when none of them reports.",
        "items": {
            "type": "object",
            "properties": {
                "side": {"type": "string", "enum": ["source", "destination", "router"]}, "reporter_id": {"type": "string"},
                "reporter_name": {"type": ["string", "null"]},
            },
        },
    },
    "reports": {"type": "array", "items": {"$ref": "#/components/schemas/ConnectionReport"}, "description": "Best place first."},
    "role": {"type": "string", "enum": list(ROLES), "description": "Where the reporter stands."},
}  # fmt: skip


def _properties(names: tuple[str, ...]) -> dict[str, Any]:
    columns = row_schema(TRAFFIC)["properties"]
    counted = {
        name: {"type": ["integer", "null"], "description": f"{name.replace('_', ' ').capitalize()}, as counted."} for name in COUNTERS
    }
    return {name: _OWN.get(name) or counted.get(name) or columns[name] for name in names}


def with_connections(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with the two routes of connections filled in; that of traffic must be complete already."""
    schemas, paths = schema["components"]["schemas"], schema["paths"]
    report, shown = _properties(("id", "role", *REPORT_FIELDS, *COUNTERS)), _properties(SHOWN_FIELDS)
    schemas["ConnectionReport"] = {"type": "object", "properties": report, "required": list(report)}
    schemas["Connection"] = {"type": "object", "properties": shown, "required": list(shown)}
    one = {"$ref": "#/components/schemas/Connection"}
    listing, single = paths["/api/v1/connections"]["get"], paths["/api/v1/connections/{identifier}"]["get"]
    own = [
        {"name": "agreement", "in": "query", "required": False, "description": "Any of these.",
         "schema": {"type": "array", "items": {"type": "string", "enum": list(AGREEMENTS)}}},
        {"name": "finding", "in": "query", "required": False, "description": "Only findings.", "schema": {"type": "boolean"}},
    ]  # fmt: skip
    listing["parameters"] = [*own, *(each for each in paths["/api/v1/traffic"]["get"]["parameters"] if each["name"] != "order")]
    cursor = {"type": ["string", "null"]}
    page = {"data": {"type": "array", "items": one}, "next_cursor": cursor}
    for operation, properties in ((listing, page), (single, {"data": one})):
        body = {"type": "object", "properties": properties, "required": list(properties)}
        operation["responses"]["200"]["content"] = {"application/json": {"schema": body}}
    return schema
