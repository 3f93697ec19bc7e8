"""The provider's keys (RFC 7517): which of them can check a signature."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from meshtrail.control.oidc.limits import KEYS_MAX, RSA_BITS_MAX, RSA_BITS_MIN

_KINDS: dict[tuple[str, str | None], tuple[type[RSAKey] | type[ECKey] | type[OKPKey], frozenset[str]]] = {
    ("RSA", None): (RSAKey, frozenset({"RS256"})),
    ("EC", "P-256"): (ECKey, frozenset({"ES256"})),
    ("OKP", "Ed25519"): (OKPKey, frozenset({"EdDSA", "Ed25519"})),
}
"""Kinds of keys, and the algorithms of each: one never serves for another's."""

ALGORITHMS = frozenset().union(*(algorithms for _, algorithms in _KINDS.values()))
"""Algorithms of signatures that are taken: asymmetric ones only, without `none`."""

_PUBLIC = ("kty", "crv", "n", "e", "x", "y")
"""Members that make a public key. What else a provider publishes, be it the private part, is not even read."""


class PublicKey(NamedTuple):
    """A key and what it is for."""

    id: str | None
    algorithms: frozenset[str]
    key: Key


def public_keys(document: Mapping[str, Any]) -> tuple[PublicKey, ...]:
    """The keys of a set that can check signatures here; the others are passed over, as the standard wants it."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        return ()
    return tuple(found for each in listed[:KEYS_MAX] if (found := _public_key(each)) is not None)


def matching(keys: tuple[PublicKey, ...], key_id: str | None, algorithm: str) -> tuple[PublicKey, ...]:
    """The keys that may have made a signature. A token that names no key can be of any of its kind."""
    return tuple(each for each in keys if algorithm in each.algorithms and key_id in {None, each.id})


def _public_key(said: Any) -> PublicKey | None:
    if not isinstance(said, dict) or said.get("use", "sig") != "sig":
        return None
    kind, curve = said.get("kty"), said.get("crv")
    if not isinstance(kind, str) or not isinstance(curve, str | None) or (kind, curve) not in _KINDS:
        return None
    made, algorithms = _KINDS[kind, curve]
    only = said.get("alg")
    if only is not None:
        algorithms &= {str(only)}
    identifier = said.get("kid")
    if not algorithms or not isinstance(identifier, str | None) or (kind == "RSA" and not _is_sound(said.get("n"))):
        return None
    try:
        key = made.import_key({name: said[name] for name in _PUBLIC if isinstance(said.get(name), str)})
        key.get_op_key("verify")
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):
        return None
    return PublicKey(identifier, algorithms, key)


def _is_sound(modulus: Any) -> bool:
    """Whether an RSA modulus, in base64 without padding, has a length that is safe and not absurd."""
    return isinstance(modulus, str) and RSA_BITS_MIN <= len(modulus) * 6 <= RSA_BITS_MAX + 16
