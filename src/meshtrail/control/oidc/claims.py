"""What claims say of a person: name, address, groups, and the role that the groups lead to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshtrail.control.oidc.id_token import NotAcceptedError
from meshtrail.control.permissions import ROLES, Role

_RANKS = {role: rank for rank, role in enumerate(ROLES)}
"""Highest first, as roles are listed."""

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the provider describes them."""

    subject: str
    name: str
    email: str | None
    email_verified: bool
    groups: tuple[str, ...]


def person_of(claims: Mapping[str, Any], groups_claim: str) -> Person:
    """The person; claims of the wrong kind count as not said. `NotAcceptedError` when the groups did not fit into the token."""
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, dict) and groups_claim in elsewhere:
        raise NotAcceptedError(f"{groups_claim}: the person has too many groups for the token; let the provider send fewer")
    email = _text(claims, "email") or None
    name = _text(claims, "name") or _text(claims, "preferred_username") or email or ""
    verified = claims.get("email_verified") is True or claims.get("email_verified") == "true"
    return Person(str(claims["sub"]), name, email, verified, _groups(claims, groups_claim))


def is_complete(claims: Mapping[str, Any], groups_claim: str, with_groups: bool) -> bool:
    """Whether there is no need to ask for more."""
    named = "name" in claims and "email" in claims and "email_verified" in claims
    return named and (not with_groups or _found(claims, groups_claim) is not _MISSING)


def role_of(groups: Sequence[str], roles: Sequence[tuple[str, Role]]) -> Role | None:
    """The highest role that the groups lead to, None when they lead to none."""
    named = frozenset(groups)
    found = [role for group, role in roles if group in named]
    return min(found, key=_RANKS.__getitem__) if found else None


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    return found if isinstance(found, str) else ""


def _groups(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = _found(claims, name)
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return tuple(dict.fromkeys(each for each in listed if isinstance(each, str) and each))


def _found(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of this name (names may be addresses, with dots in them), else the one inside of others that dots lead to."""
    if name in claims:
        return claims[name]
    inner: Any = claims
    for part in name.split("."):
        inner = inner.get(part, _MISSING) if isinstance(inner, dict) else _MISSING
    return inner
