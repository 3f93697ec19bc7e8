"""The errors that leave a room.

MeshTrailError
├── CallerError              the request is at fault; 4xx, never retried by itself
│   ├── InvalidError         400: says what and where
│   ├── UnauthenticatedError 401
│   ├── ForbiddenError       403
│   │   └── PeerRemovedError 403: the peer was taken out of the network
│   ├── NotFoundError        404
│   ├── ConflictError        409: there is one already
│   ├── OutdatedError        412: what the request relies on is no longer so
│   ├── TooLargeError        413: names the limit
│   ├── UnsupportedError     415
│   └── UnusableError        422: understood, and not possible; names the field
└── OperationError           we or the machine are at fault; the same request may succeed later
    ├── BusyError            429: a queue is full
    │   └── ThrottledError   429: this caller failed too often
    └── UnavailableError     503: disk full, store closed
"""

from typing import ClassVar, NamedTuple, Self


class Concern(NamedTuple):
    """Whom or what a refusal is about, where that is known though nobody is let in."""

    org_id: str
    id: str
    name: str | None = None
    initiator: str | None = None
    """What it is when it was the one that asked: `user`, `agent`."""


class MeshTrailError(Exception):
    """An error with what happened and what to do."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(self, message: str, remedy: str = "", details: list[dict[str, object]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.details = details or []
        self.recorded = False
        """Whether there is an audit event of it already."""
        self.concerns: Concern | None = None

    def about(self, org_id: str, identifier: str, name: str | None = None, initiator: str | None = None) -> Self:
        """The error itself, with whom or what it is about."""
        self.concerns = Concern(org_id, identifier, name, initiator)
        return self

    def told(self) -> Self:
        """The error itself, of which there is an audit event."""
        self.recorded = True
        return self


class CallerError(MeshTrailError):
    """The request is at fault."""

    status = 400
    code = "invalid"


class InvalidError(CallerError):
    """Something in the request cannot be understood."""


class UnauthenticatedError(CallerError):
    """Nobody, or nobody we know."""

    status = 401
    code = "unauthenticated"


class ForbiddenError(CallerError):
    """Somebody, but not with this right."""

    status = 403
    code = "forbidden"


class PeerRemovedError(ForbiddenError):
    """A peer that was taken out of the network."""

    code = "peer_removed"

    def __init__(self, peer_id: str) -> None:
        super().__init__(f"The peer {peer_id} was removed.", "Enrol the machine again with a new key pair and a new enrolment key.")


class NotFoundError(CallerError):
    """Nothing there that this caller may see."""

    status = 404
    code = "not_found"


class ConflictError(CallerError):
    """There is one already, or something else depends on it."""

    status = 409
    code = "conflict"


class OutdatedError(CallerError):
    """What the caller has seen is no longer so."""

    status = 412
    code = "outdated"


class TooLargeError(CallerError):
    """Past a limit of size."""

    status = 413
    code = "too_large"


class UnsupportedError(CallerError):
    """A content type or encoding we do not take."""

    status = 415
    code = "unsupported"


class UnusableError(CallerError):
    """Understood, and not possible. The message begins with the field's name."""

    status = 422
    code = "unusable"


class OperationError(MeshTrailError):
    """We or the machine are at fault."""


class BusyError(OperationError):
    """A queue is full; try again."""

    status = 429
    code = "busy"


class ThrottledError(BusyError):
    """The caller failed too often; try again later."""

    code = "throttled"


class UnavailableError(OperationError):
    """Not now: disk full, store closed, stopping."""

    status = 503
    code = "unavailable"
