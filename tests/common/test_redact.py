"""A difference holds what changed and no secret."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtrail.common.redact import REDACTED, difference, is_secret, redacted

Case = tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]

CASES: list[Case] = [
    ({"name": "a", "enabled": True}, {"name": "b", "enabled": True}, {"name": "a"}, {"name": "b"}),
    ({}, {"name": "b"}, {}, {"name": "b"}),
    ({"name": "a"}, {}, {"name": "a"}, {}),
    ({"port": None}, {"port": 0}, {"port": None}, {"port": 0}),
    ({"on": 1}, {"on": True}, {"on": 1}, {"on": True}),
    ({"rule": {"ports": [80], "action": "accept"}}, {"rule": {"ports": [80, 443], "action": "accept"}},
     {"rule": {"ports": [80]}}, {"rule": {"ports": [80, 443]}}),
    ({"key": "abc", "n": 1}, {"key": "def", "n": 1}, {"key": REDACTED}, {"key": REDACTED}),
    ({"auth": {"password": "x"}}, {"auth": {"password": "y"}}, {"auth": {"password": REDACTED}}, {"auth": {"password": REDACTED}}),
    ({"oidc": None}, {"oidc": {"client_secret": "s", "issuer": "i"}}, {"oidc": None}, {"oidc": {"client_secret": REDACTED, "issuer": "i"}}),
    ({"password": None}, {"password": "y"}, {"password": None}, {"password": REDACTED}),
    ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1}}}, {}, {}),
    ({"users": [{"token": "t", "id": 1}]}, {"users": []}, {"users": [{"token": REDACTED, "id": 1}]}, {"users": []}),
    ({"groups": {"b", "a"}}, {"groups": set()}, {"groups": ["a", "b"]}, {"groups": []}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "was", "became"), CASES)
def test_difference(before: dict[str, Any], after: dict[str, Any], was: dict[str, Any], became: dict[str, Any]) -> None:
    """Only what changed, nested too; null, zero and false are different; secrets are replaced."""
    assert difference(before, after) == (was, became)


@pytest.mark.parametrize("name", ["password", "PASSWORD", "client-secret", "proxy_password", "webhook_secret", "setup_key"])
def test_names_of_secrets(name: str) -> None:
    """In any case, with dashes, and as the end of a longer name."""
    assert is_secret(name)


@pytest.mark.parametrize("name", ["name", "keyboard", "monkey", "secretary", "tokens_used", "public_key", "country_code"])
def test_other_names(name: str) -> None:
    """A word that only contains such a name is none."""
    assert not is_secret(name)


def test_a_list_of_names_can_be_given() -> None:
    """A caller with its own list."""
    assert difference({"salary": 1}, {"salary": 2}, frozenset({"salary"})) == ({"salary": REDACTED}, {"salary": REDACTED})


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["s3cret!", "", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "password", "rules", "token"]), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["name", "password", "rules", "token", "x"]), VALUES, max_size=5)


def _secrets_of(value: Any, inside: bool = False) -> list[str]:
    if isinstance(value, dict):
        return [found for name, inner in value.items() for found in _secrets_of(inner, inside or is_secret(name))]
    if isinstance(value, list):
        return [found for inner in value for found in _secrets_of(inner, inside)]
    return [value] if inside and isinstance(value, str) else []


@given(OBJECTS, OBJECTS)
def test_no_secret_is_left_and_equal_states_have_no_difference(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Whatever the states are."""
    was, became = difference(before, after)
    assert set(_secrets_of(was)) | set(_secrets_of(became)) <= {REDACTED, ""}
    assert difference(before, before) == ({}, {})
    assert redacted(redacted(before)) == redacted(before)
