"""Who acts, in which organisation: every change is made by somebody, and its audit event names them."""

from dataclasses import dataclass

from meshtrail.model.enums import InitiatorType

SYSTEM_ID = "sys"
"""Initiator of what the server does by itself (NetBird's word)."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The initiator of a change or a reading, as the audit event will name it. Names are those of this moment."""

    org_id: str
    """The organisation in which it acts; it reaches no other."""
    id: str
    type: InitiatorType
    name: str | None = None
    email: str | None = None
    address: str | None = None
    """Where the request came from."""
    user_agent: str | None = None
    session_id: str | None = None
    """Not the session's secret."""
    token_id: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from, before it is known who sent it."""

    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None

    def actor(self, org_id: str, identifier: str, kind: InitiatorType, name: str | None = None) -> Actor:
        """Whoever it turned out to be, from here."""
        return Actor(org_id, identifier, kind, name, None, self.address, self.user_agent, request_id=self.request_id)


NOWHERE = Origin()
"""No request: a command, or the server itself."""


def system(org_id: str) -> Actor:
    """The server itself."""
    return Actor(org_id, SYSTEM_ID, InitiatorType.system)
