"""The API description: what OpenAPI cannot take from handler types, taken from the column table."""

from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, Contact, License, SecurityScheme

import meshtrail


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
