"""The API description: what OpenAPI cannot take from handler types, taken from the column table."""

from typing import Any

from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, Contact, License, SecurityScheme
from litestar.routes import HTTPRoute

import meshtrail
from meshtrail.api.auth import PEER, PUBLIC


def openapi_config() -> OpenAPIConfig:
    """Litestar's settings of the description at /api/v1/openapi.json."""
    return OpenAPIConfig(
        title="MeshTrail",
        version=meshtrail.__version__,
        description="Who reached what, when, and why.",
        license=License(name="Apache-2.0"),
        contact=Contact(name="MeshTrail"),
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="apiKey", name="Authorization", security_scheme_in="header",
                                        description="`Token <token>` or `Bearer <token>`."),
                "session": SecurityScheme(type="apiKey", name="meshtrail_session", security_scheme_in="cookie"),
            }
        ),
        security=[{"token": []}, {"session": []}],
        path="/api/v1/schema",
        render_plugins=[],
    )  # fmt: skip


def with_permissions(schema: dict[str, Any], app: Litestar) -> dict[str, Any]:
    """The description with what each operation needs: `x-permission`, and no authentication where it needs nobody."""
    for route in app.routes:
        operations = schema["paths"].get(route.path_format, {})
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            needed = handler.opt.get("permission")
            for method in handler.http_methods:
                operation = operations.get(method.lower())
                if operation is None or needed is None:
                    continue
                operation["x-permission"] = str(needed)
                if needed == PUBLIC:
                    operation["security"] = []
                elif needed == PEER:
                    operation["security"] = [{"token": []}]
    return schema
