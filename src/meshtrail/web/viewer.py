"""Who looks at a page, as far as the page differs by it."""

from dataclasses import dataclass
from typing import Any

from litestar import Request


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is signed in. Pages only hide what would be refused: the API decides."""

    rights: frozenset[str] | None = None
    """Words of the permissions; None: not known, and nothing is hidden."""
    user_id: str | None = None
    """None for a token of the organisation."""
    name: str = ""
    email: str | None = None
    role: str | None = None
    local: bool = False
    """Whether the user signs in with a password that is kept here."""
    session_id: str | None = None
    """Not the session's secret."""

    def may(self, right: str) -> bool:
        """Whether something is to be shown that needs this right."""
        return self.rights is None or right in self.rights


NOBODY = Viewer()
"""Nobody is known."""


def viewer(request: Request[Any, Any, Any]) -> Viewer:
    """Who sends the request; the session must have been looked up."""
    identity = request.scope.get("state", {}).get("identity")
    if identity is None:
        return NOBODY
    user = identity.user
    if user is None:
        return Viewer(identity.permissions, None, identity.token_name or "", session_id=identity.session_id)
    return Viewer(identity.permissions, user.id, user.name, user.email, str(user.role), str(user.kind) == "local", identity.session_id)
