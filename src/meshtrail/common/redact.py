"""What changed between two states of a thing, without its secrets."""

from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"
"""Stands where a secret was: that it changed is worth knowing, what it was is not."""

SECRETS = frozenset(
    {
        "access_token", "api_key", "api_token", "auth_secret", "authorization", "client_secret", "cookie", "hash",
        "header_secret", "key", "passphrase", "password", "password_hash", "pin", "plain_token", "preshared_key", "private_key",
        "recovery_codes", "refresh_token", "secret", "session_secret", "setup_key", "signing_key", "token", "totp_secret",
    }
)  # fmt: skip
"""Names of fields whose values are never shown. A name that ends in one of them after an underscore counts too."""

PUBLIC = frozenset({"public_key", "ssh_public_key"})
"""Names that look like secrets and are none."""

_ENDINGS = tuple(f"_{name}" for name in SECRETS)
_ABSENT = object()


def is_secret(name: str, secrets: frozenset[str] = SECRETS) -> bool:
    """Whether a field of this name holds a secret."""
    plain = name.lower().replace("-", "_")
    return plain not in PUBLIC and (
        plain in secrets or plain.endswith(_ENDINGS if secrets is SECRETS else tuple(f"_{one}" for one in secrets))
    )


def redacted(value: Any, secrets: frozenset[str] = SECRETS) -> Any:
    """The value with the secrets inside it replaced. Unknown and empty values stay: they are no secret."""
    if isinstance(value, Mapping):
        return {
            str(name): REDACTED if is_secret(str(name), secrets) and inner not in (None, "") else redacted(inner, secrets)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [redacted(inner, secrets) for inner in items]
    return value


def difference(
    before: Mapping[str, Any], after: Mapping[str, Any], secrets: frozenset[str] = SECRETS
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was and what became, of the fields that differ only. Mappings are compared field by field, lists as a whole. A field
    that was made is missing in the first answer, one that was removed in the second; secrets read `[redacted]`."""
    was: dict[str, Any] = {}
    became: dict[str, Any] = {}
    for name in {**before, **after}:
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if old == new and type(old) is type(new):
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping) and not is_secret(name, secrets):
            old, new = difference(old, new, secrets)
            if not old and not new:
                continue
        for side, value in ((was, old), (became, new)):
            if value is not _ABSENT:
                side.update(redacted({name: value}, secrets))
    return was, became
