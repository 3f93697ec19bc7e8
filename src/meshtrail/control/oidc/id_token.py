"""The rules by which an ID token is believed (OpenID Connect Core 1.0, 3.1.3.7). No network, no clock.

1. It is a compact JWS, not longer than it may be, whose algorithm is on the list.
2. A key of the provider, of that algorithm's kind and by the name that the token gives, made the signature.
3. It is by this issuer, for this client: among several it was made for, this one asked for it.
4. It is not expired, not from the future, and answers the question that this sign-in asked (nonce).
"""

import hmac
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry

from meshtrail.control.oidc.keys import ALGORITHMS, PublicKey
from meshtrail.control.oidc.limits import ID_TOKEN_BYTES_MAX, LEEWAY_S

_HEADER_BYTES_MAX = 8_192
_SIGNATURE_BYTES_MAX = 2_048

KeysFor = Callable[[str | None, str], tuple[PublicKey, ...]]
"""The provider's keys by a name (None: any) and for an algorithm."""


class NotAcceptedError(Exception):
    """What came back proves nothing. `reason` is for the audit trail and the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say."""

    issuer: str
    client_id: str
    nonce: str
    now_s: float


class _Claims(msgspec.Struct):
    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nonce: str
    azp: str | None = None
    nbf: float | None = None


class _Algorithms(JWSRegistry):
    """The list of algorithms, and nothing else of what the library knows. It warns of `EdDSA`, a name that most providers use."""

    max_header_length = _HEADER_BYTES_MAX
    max_payload_length = ID_TOKEN_BYTES_MAX
    max_signature_length = _SIGNATURE_BYTES_MAX

    def get_alg(self, name: str) -> Any:
        """See `JWSRegistry`."""
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(f"{name!r} is not accepted")
        return self.algorithms[name]


_REGISTRY = _Algorithms(strict_check_header=False)


def checked_token(token: str, keys: KeysFor, expected: Expected) -> dict[str, Any]:
    """All claims of a token that keeps every rule; `NotAcceptedError` says which one it breaks."""
    payload = _signed(token, keys)
    try:
        claims = msgspec.json.decode(payload, type=_Claims)
        everything: dict[str, Any] = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise NotAcceptedError(f"the ID token's claims: {error}") from None
    _check_parties(claims, expected)
    _check_moment(claims, expected)
    return everything


def _signed(token: str, keys: KeysFor) -> bytes:
    """The payload, once a key of the provider has been found to have signed it."""
    if len(token) > ID_TOKEN_BYTES_MAX:
        raise NotAcceptedError(f"the ID token has more than {ID_TOKEN_BYTES_MAX} bytes")
    try:
        value = token.encode("ascii")
        header = jws.extract_compact(value, registry=_REGISTRY).headers()
    except (JoseError, ValueError, RecursionError) as error:
        raise NotAcceptedError(f"the ID token cannot be read: {error}") from None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise NotAcceptedError(f"the ID token's algorithm is {str(algorithm)[:20]!r}; accepted are {', '.join(sorted(ALGORITHMS))}")
    if not isinstance(key_id, str | None):
        raise NotAcceptedError("the ID token's key id is no text")
    candidates = keys(key_id, algorithm)
    if not candidates:
        raise NotAcceptedError(f"the provider has no key {str(key_id)[:100]!r} for {algorithm}")
    for each in candidates:
        try:
            return jws.deserialize_compact(value, each.key, registry=_REGISTRY).payload
        except (JoseError, ValueError):
            continue
    raise NotAcceptedError("the ID token's signature is wrong")


def _check_parties(claims: _Claims, expected: Expected) -> None:
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != expected.issuer:
        raise NotAcceptedError(f"the ID token is by {claims.iss[:200]!r}")
    if expected.client_id not in audience:
        raise NotAcceptedError("the ID token is for another client")
    if claims.azp != expected.client_id and (claims.azp is not None or len(audience) > 1):
        raise NotAcceptedError("the ID token was asked for by another client")
    if not claims.sub:
        raise NotAcceptedError("the ID token is of nobody")
    if not hmac.compare_digest(claims.nonce.encode("utf-8", "surrogatepass"), expected.nonce.encode()):
        raise NotAcceptedError("the ID token answers another sign-in")


def _check_moment(claims: _Claims, expected: Expected) -> None:
    if not all(math.isfinite(each) for each in (claims.exp, claims.iat, claims.nbf or 0)):
        raise NotAcceptedError("the ID token's times are no times")
    if claims.exp <= expected.now_s - LEEWAY_S:
        raise NotAcceptedError("the ID token has expired")
    if max(claims.iat, claims.nbf or 0) > expected.now_s + LEEWAY_S:
        raise NotAcceptedError("the ID token is from the future: compare the clocks of provider and server")
