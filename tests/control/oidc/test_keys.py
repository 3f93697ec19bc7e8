"""Key sets, as providers publish them and as they should not."""

from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from meshtrail.control.oidc.keys import matching, public_keys
from meshtrail.control.oidc.limits import KEYS_MAX
from tests.identity_provider import EC, ED, RSA


def found(*keys: Any) -> list[str | None]:
    """Names of the keys of a set that can be used."""
    return [each.id for each in public_keys({"keys": list(keys)})]


def test_keys_are_told_apart() -> None:
    """By name, and each serves its own algorithms only."""
    keys = public_keys({"keys": [key.as_dict(private=False) for key in (RSA, EC, ED)]})
    assert [each.id for each in matching(keys, "rsa", "RS256")] == ["rsa"]
    assert [each.id for each in matching(keys, None, "EdDSA")] == ["ed"]
    assert matching(keys, "rsa", "ES256") == () == matching(keys, "unknown", "RS256") == matching(keys, "rsa", "HS256")


def test_the_private_part_is_not_kept() -> None:
    """A provider that publishes it by mistake has one thing less to regret."""
    (key,) = public_keys({"keys": [EC.as_dict(private=True)]})
    assert not key.key.is_private


@pytest.mark.parametrize(
    "key",
    [
        OctKey.generate_key(256, {"kid": "x"}).as_dict(private=True),
        ECKey.generate_key("P-384", {"kid": "x"}).as_dict(private=False),
        OKPKey.generate_key("X25519", {"kid": "x"}).as_dict(private=False),
        {**RSA.as_dict(private=False), "use": "enc"},
        {**RSA.as_dict(private=False), "alg": "RS512"},
        {**RSA.as_dict(private=False), "alg": "HS256"},
        {**RSA.as_dict(private=False), "n": "AQAB"},
        {**RSA.as_dict(private=False), "n": "A" * 1_000_000},
        {**RSA.as_dict(private=False), "e": "AA"},
        {**RSA.as_dict(private=False), "kid": 7},
        {**EC.as_dict(private=False), "x": "AAAA"},
        {**ED.as_dict(private=False), "x": "!"},
        {"kty": "RSA"}, {"kty": ["RSA"]}, {"kty": "EC", "crv": {}}, {}, None, 7, "a key", [],
    ],
    ids=lambda _: "key",
)  # fmt: skip
def test_what_cannot_be_used_is_passed_over(key: Any) -> None:
    """Symmetric, weak, absurd, for another use, or no key at all; the sound one beside it works."""
    assert found(key, RSA.as_dict(private=False)) == ["rsa"]


def test_a_weak_modulus() -> None:
    """Of 1,024 bits."""
    weak = {**RSA.as_dict(private=False), "n": str(RSA.as_dict(private=False)["n"])[:171]}
    assert found(weak) == []


def test_no_set_and_a_huge_set() -> None:
    """What is no list has no keys; the end of a long list is not looked at."""
    nothing: list[dict[str, Any]] = [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}]
    for document in nothing:
        assert public_keys(document) == ()
    assert found(*[{}] * KEYS_MAX, RSA.as_dict(private=False)) == []


def test_a_large_key() -> None:
    """4,096 bits are usual."""
    key = RSAKey.generate_key(4096, {"kid": "large"})
    assert found(key.as_dict(private=False)) == ["large"]
