"""ID tokens, and those that only look like some."""

from collections.abc import Callable
from typing import Any

import pytest

from meshtrail.control.oidc.id_token import Expected, NotAcceptedError, checked_token
from meshtrail.control.oidc.keys import PublicKey, matching, public_keys
from meshtrail.control.oidc.limits import ID_TOKEN_BYTES_MAX, LEEWAY_S
from tests.identity_provider import EC, ED, KEYS, OTHER, RSA, signed_by_public_key, unsigned, with_header

ISSUER, CLIENT, NONCE, NOW = "https://id.example.org", "meshtrail", "the nonce", 1_800_000_000
CLAIMS: dict[str, Any] = {"iss": ISSUER, "aud": CLIENT, "sub": "ana", "exp": NOW + 300, "iat": NOW, "nonce": NONCE}
EXPECTED = Expected(ISSUER, CLIENT, NONCE, NOW)
PUBLISHED = public_keys({"keys": [key.as_dict(private=False) for key in (RSA, EC, ED)]})


def keys_for(key_id: str | None, algorithm: str) -> tuple[PublicKey, ...]:
    """The keys of a provider that has three."""
    return matching(PUBLISHED, key_id, algorithm)


def checked(token: str) -> dict[str, Any]:
    """The claims of a token that is believed."""
    return checked_token(token, keys_for, EXPECTED)


@pytest.mark.parametrize("algorithm", KEYS)
def test_each_algorithm(algorithm: str) -> None:
    """RSA, elliptic curves, Edwards curves by both names; with the key's name or without."""
    key = KEYS[algorithm]
    for header in ({"kid": key.kid}, {}, {"kid": key.kid, "typ": "JWT", "x5t": "unknown members are passed over"}):
        assert checked(with_header(CLAIMS, header, key, algorithm)) == CLAIMS


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (unsigned, "'none'"),
        (signed_by_public_key, "'HS256'"),
        (lambda claims: with_header(claims, {"kid": "rsa"}, OTHER, "RS384"), "'RS384'"),
        (lambda claims: with_header(claims, {"kid": "rsa"}, OTHER), "signature is wrong"),
        (lambda claims: with_header(claims, {}, OTHER), "signature is wrong"),
        (lambda claims: with_header(claims, {"kid": "other"}, OTHER), "no key 'other'"),
        (lambda claims: with_header(claims, {"kid": "ec"}, RSA), "no key 'ec' for RS256"),
        (lambda claims: with_header(claims, {"kid": "rsa", "jwk": OTHER.as_dict(private=False)}, OTHER), "signature is wrong"),
        (lambda claims: with_header(claims, {"kid": "rsa", "jku": "https://evil.example"}, OTHER), "signature is wrong"),
        (lambda claims: with_header(claims, {"kid": "rsa"})[:-6] + "AAAAAA", "signature is wrong"),
        (lambda claims: with_header(claims, {"kid": "rsa"}).rpartition(".")[0] + ".", "signature is wrong"),
        (lambda claims: "..".join(with_header(claims, {"kid": "rsa"}).split(".")), "cannot be read"),
        (lambda claims: with_header(claims, {"kid": "rsa", "pad": "x" * 20_000}), "cannot be read"),
        (lambda _: "", "cannot be read"),
        (lambda _: "é.é.é", "cannot be read"),
        (lambda _: "a.b.c", "cannot be read"),
        (lambda _: "a" * (ID_TOKEN_BYTES_MAX + 1), "more than"),
        (lambda _: with_header("a text", {"kid": "rsa"}), "claims"),
        (lambda _: with_header([CLAIMS], {"kid": "rsa"}), "claims"),
    ],
)  # fmt: skip
def test_what_was_not_signed_by_the_provider(make: Callable[[dict[str, Any]], str], reason: str) -> None:
    """Whatever is wrong with algorithm, key, or form."""
    with pytest.raises(NotAcceptedError, match=reason):
        checked(make(CLAIMS))


def test_changed_claims() -> None:
    """The signature is over the claims."""
    head, _, signature = with_header(CLAIMS, {"kid": "rsa"}).split(".")
    _, other, _ = with_header({**CLAIMS, "sub": "eve"}, {"kid": "rsa"}).split(".")
    with pytest.raises(NotAcceptedError, match="signature"):
        checked(f"{head}.{other}.{signature}")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example"}, "is by 'https://evil.example'"),
        ({"iss": ISSUER + "/"}, "is by"),
        ({"iss": None}, "iss"),
        ({"aud": "another"}, "another client"),
        ({"aud": []}, "another client"),
        ({"aud": ["another", "third"]}, "another client"),
        ({"aud": [CLIENT, "another"]}, "asked for by another"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "asked for by another"),
        ({"azp": "another"}, "asked for by another"),
        ({"aud": {"a": 1}}, "aud"),
        ({"nonce": "another"}, "another sign-in"),
        ({"nonce": ""}, "another sign-in"),
        ({"nonce": None}, "nonce"),
        ({"sub": ""}, "nobody"),
        ({"sub": 7}, "sub"),
        ({"exp": NOW - LEEWAY_S}, "expired"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": None}, "exp"),
        ({"iat": NOW + LEEWAY_S + 1}, "future"),
        ({"iat": None}, "iat"),
        ({"nbf": NOW + LEEWAY_S + 1}, "future"),
    ],
)
def test_what_says_the_wrong_thing(changes: dict[str, Any], reason: str) -> None:
    """Signed well, and by another, for another, at another time, or for another sign-in."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    with pytest.raises(NotAcceptedError, match=reason):
        checked(with_header(claims, {"kid": "rsa"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [CLIENT]}, {"aud": [CLIENT, "another"], "azp": CLIENT}, {"azp": CLIENT}, {"exp": NOW - LEEWAY_S + 1},
        {"iat": NOW + LEEWAY_S}, {"iat": NOW - 10_000}, {"exp": NOW + 0.5}, {"nbf": NOW},
    ],
)  # fmt: skip
def test_what_is_right(changes: dict[str, Any]) -> None:
    """Several audiences with one that asked, and clocks that differ a little."""
    claims = {**CLAIMS, **changes}
    assert checked(with_header(claims, {"kid": "rsa"})) == claims
