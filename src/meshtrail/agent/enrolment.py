"""How a machine becomes a peer, and how a peer gets a new token. See docs/internals/agent-protocol.md."""

import enum
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshtrail.agent.facts import Facts
from meshtrail.agent.identity import Identity
from meshtrail.agent.wire import Answer, Wire
from meshtrail.common.clock import Clock
from meshtrail.model.network_map import ENROL_PREFIX, TOKEN_PREFIX, Enrol, Enrolled, Renew, Renewed

T = TypeVar("T", Enrolled, Renewed)
_JSON = {"Content-Type": "application/json"}


class Refused(enum.Enum):
    """Why there is no answer to build on."""

    unreachable = "the server cannot be reached"
    key = "the enrolment key is unknown, used up, revoked or has expired"
    removed = "this peer was removed from the network"
    nonsense = "the server's answer cannot be read"
    other = "the server refuses"


class RefusedError(Exception):
    """The server gave no identity or token."""

    def __init__(self, reason: Refused, detail: str = "") -> None:
        super().__init__(f"{reason.value}{': ' if detail else ''}{detail}")
        self.reason = reason


def enrol(wire: Wire, key: str, facts: Facts, clock: Clock) -> Identity:
    """Make a key pair and enrol with it; `RefusedError` when the server does not."""
    private = Ed25519PrivateKey.generate()
    at = clock()
    body = Enrol(
        enrolment_key=key,
        public_key=private.public_key().public_bytes_raw(),
        name=facts.name,
        os=facts.os,
        addresses=tuple(facts.addresses),
        at=at,
        signature=private.sign(ENROL_PREFIX + f"{key}\n{at}".encode()),
    )
    said = _answer(wire.request("POST", "/api/v1/agent/enrol", msgspec.json.encode(body), _JSON), Enrolled)
    return Identity(
        said.org_id, said.peer_id, private.private_bytes_raw(), said.token, said.token_expires_at, at, said.server_key_id, said.server_key
    )


def renew(wire: Wire, identity: Identity, clock: Clock) -> Identity:
    """The identity with a new token; `RefusedError` when the server gives none."""
    at = clock()
    body = Renew(identity.peer_id, at, identity.sign(TOKEN_PREFIX + f"{identity.peer_id}\n{at}".encode()))
    said = _answer(wire.request("POST", "/api/v1/agent/token", msgspec.json.encode(body), _JSON), Renewed)
    return msgspec.structs.replace(identity, token=said.token, token_expires_at=said.token_expires_at, token_given_at=at)


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Refusal(msgspec.Struct):
    error: _Error


def is_removal(answer: Answer) -> bool:
    """Whether the server says that this peer was removed."""
    return answer.status == 403 and _said(answer).code == "peer_removed"


def _said(answer: Answer) -> _Error:
    try:
        return msgspec.json.decode(answer.body, type=_Refusal).error
    except (msgspec.MsgspecError, RecursionError):
        return _Error()


def _answer(answer: Answer | None, kind: type[T]) -> T:
    if answer is None:
        raise RefusedError(Refused.unreachable)
    if answer.status >= 300:
        reason = Refused.removed if is_removal(answer) else Refused.key if answer.status in {401, 403} else Refused.other
        raise RefusedError(reason, _said(answer).message or f"status {answer.status}")
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RefusedError(Refused.nonsense, str(error)) from error
