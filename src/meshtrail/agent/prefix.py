"""The log prefix that ties a logged packet to the rule that logged it. Pure.

    meshtrail:<policy>:<rule>@<version>:<verdict>

The kernel gives a logged packet no other name of its rule. The text stands between quotes in an nft ruleset and in at most
127 bytes, so ids are percent-encoded (RFC 3986) to letters, digits, `.`, `_` and `-`, and what is too long is cut and ends
with `~` and a hash: still one text for one rule, but the id has to be looked up by it.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

Verdict = Literal["D", "A"]
"""D: denied, A: accepted."""

TAG = "meshtrail"
"""Says that a prefix is ours."""

PREFIX_BYTES_MAX = 127
"""nft takes no more (NF_LOG_PREFIXLEN is 128 with the closing zero)."""

VERSION_MAX = 2**32 - 1
"""A policy's version is stored in 32 bits."""

_HASH_DIGITS = 16
_FRAME = len(f"{TAG}::@{VERSION_MAX}:D")
_ID_CHARACTERS_MAX = (PREFIX_BYTES_MAX - _FRAME) // 2
_ID = r"[A-Za-z0-9._%-]*(?:~[0-9a-f]{16})?"
_FORM = re.compile(rf"{TAG}:({_ID}):({_ID})@([0-9]{{1,10}}):([DA])")
_BROKEN = re.compile(r"%(?![0-9A-F]{2})")


@dataclass(frozen=True, slots=True)
class Prefix:
    """What a prefix of ours says."""

    policy_id: str
    """Empty: no policy matched, the default decided."""
    rule_id: str
    version: int
    verdict: Verdict
    shortened: bool = False
    """Whether an id was too long: then it ends with `~` and a hash, and only a table of prefixes leads back to it."""

    @property
    def is_default(self) -> bool:
        """Whether no policy matched."""
        return not self.policy_id


def encode(policy_id: str, rule_id: str, version: int, verdict: Verdict) -> str:
    """The prefix of a rule: ASCII, at most 127 bytes, harmless between the quotes of an nft ruleset. `ValueError` for a
    version that is negative or has more than 32 bits."""
    if not 0 <= version <= VERSION_MAX:
        raise ValueError(f"a policy's version is between 0 and {VERSION_MAX}, not {version}")
    policy, rule = _escaped(policy_id), _escaped(rule_id)
    if len(policy) + len(rule) > 2 * _ID_CHARACTERS_MAX:
        policy, rule = _shortened(policy), _shortened(rule)
    return f"{TAG}:{policy}:{rule}@{version}:{verdict}"


def decode(prefix: bytes) -> Prefix | None:
    """What a prefix says; None when it is not one of ours. Never raises."""
    try:
        form = _FORM.fullmatch(prefix.rstrip(b"\x00").decode("ascii"))
        if form is None or int(form[3]) > VERSION_MAX:
            return None
        policy, rule = _unescaped(form[1]), _unescaped(form[2])
    except ValueError:
        return None
    return Prefix(policy, rule, int(form[3]), "D" if form[4] == "D" else "A", "~" in form[1] + form[2])


def _escaped(identifier: str) -> str:
    """Percent-encoded, `~` too, which is ours. Lone surrogates, which no UTF-8 has, become question marks."""
    return quote(identifier.encode("utf-8", "replace"), safe="").replace("~", "%7E")


def _unescaped(text: str) -> str:
    """`ValueError` for what `_escaped` does not write."""
    if _BROKEN.search(text):
        raise ValueError("a percent sign without two digits")
    return unquote_to_bytes(text).decode("utf-8")


def _shortened(escaped: str) -> str:
    """An escaped id in the space that there is for one, cut between characters."""
    if len(escaped) <= _ID_CHARACTERS_MAX:
        return escaped
    digest = hashlib.blake2b(escaped.encode("ascii"), digest_size=_HASH_DIGITS // 2).hexdigest()
    head = unquote_to_bytes(_BROKEN.split(escaped[: _ID_CHARACTERS_MAX - _HASH_DIGITS - 1])[0])
    return f"{quote(head.decode('utf-8', 'ignore'), safe='').replace('~', '%7E')}~{digest}"


assert _FRAME + 2 * _ID_CHARACTERS_MAX <= PREFIX_BYTES_MAX
assert _ID_CHARACTERS_MAX > _HASH_DIGITS + 1
