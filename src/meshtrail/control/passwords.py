"""Passwords: which are taken, and how they are kept (argon2id)."""

import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import argon2

from meshtrail.common.errors import BusyError, UnusableError
from meshtrail.control.limits import (
    ARGON2_LANES,
    ARGON2_MEMORY_KIB,
    ARGON2_PASSES,
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
    PASSWORD_HASHES_MAX,
    PASSWORD_WAIT_S,
)

_COMMON = frozenset(
    """
    123456789012 1234567890123 12345678901234 123123123123 111111111111 000000000000 123456123456 1q2w3e4r5t6y 1qaz2wsx3edc qwertyuiop12
    qwertyuiop123 qwertyuiopas qwertyuiop[] qwertyqwerty asdfghjkl123 password1234 password12345 password123456 passwordpassword
    passw0rd1234 p@ssw0rd1234 p@ssword1234 administrator administrator1 adminadminadmin admin1234567 welcome12345 welcome123456
    letmeinletmein iloveyou1234 changemechangeme changeme1234 abcdefghijkl abcdefghijklm abcd12345678 abc123456789 superman1234
    trustno1trustno1 correcthorsebatterystaple meshtrailmeshtrail meshtrail123 meshtrail1234 netbirdnetbird netbird12345
    """.split()  # noqa: SIM905 (a table)
)
"""What people take when twelve characters are asked for; compared without regard to case."""

_hasher = argon2.PasswordHasher(time_cost=ARGON2_PASSES, memory_cost=ARGON2_MEMORY_KIB, parallelism=ARGON2_LANES, type=argon2.Type.ID)
_at_once = threading.BoundedSemaphore(PASSWORD_HASHES_MAX)
"""One for the process, as its memory is."""

NOBODYS = f"$argon2id$v=19$m={ARGON2_MEMORY_KIB},t={ARGON2_PASSES},p={ARGON2_LANES}${'A' * 22}${'A' * 43}"
"""Compared when there is no such user, so that the answer takes as long as it does for one that exists.
Nothing hashes to zeros."""


def checked(password: str, *about: str | None) -> str:
    """The password if it may be one; `about`: names and addresses of its user, which it must not be made of. The same text typed
    on another keyboard is the same password (NFKC)."""
    text = unicodedata.normalize("NFKC", password)
    if len(text) < PASSWORD_CHARACTERS_MIN:
        raise UnusableError(
            f"password: it has {len(text)} characters, at least {PASSWORD_CHARACTERS_MIN} are needed.",
            "Several words that do not belong together are easy to remember.",
        )
    if len(text) > PASSWORD_CHARACTERS_MAX:
        raise UnusableError(f"password: it has {len(text)} characters, at most {PASSWORD_CHARACTERS_MAX} are possible.")
    folded = text.casefold()
    if folded in _COMMON or len(set(folded)) < 5:
        raise UnusableError("password: it is one of the first that are tried.", "Take several words that do not belong together.")
    if _is_made_of(folded, [each.casefold() for each in about if each]):
        raise UnusableError("password: it is the user's name or address.", "Take several words that do not belong together.")
    return text


def hashed(password: str) -> str:
    """What is kept of a password. Takes a fifth of a second and 64 MiB; `BusyError` when too many are being computed."""
    with _place():
        return _hasher.hash(unicodedata.normalize("NFKC", password))


def matches(password: str, kept: str) -> bool:
    """Whether this is the password; takes as long for a wrong one."""
    with _place():
        try:
            return _hasher.verify(kept, unicodedata.normalize("NFKC", password[: PASSWORD_CHARACTERS_MAX + 1]))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Whether it was made with other parameters than those of today."""
    return _hasher.check_needs_rehash(kept)


def _is_made_of(password: str, about: Iterable[str]) -> bool:
    """Whether little is left of the password without the words of name and address."""
    words = {word for text in about for word in re.split(r"\W+", text) if len(word) >= 3}
    rest = password
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != password and len(re.sub(r"\W+", "", rest)) < PASSWORD_CHARACTERS_MIN // 2


@contextmanager
def _place() -> Iterator[None]:
    if not _at_once.acquire(timeout=PASSWORD_WAIT_S):
        raise BusyError("Too many people sign in at this moment.", "Try again in a moment.")
    try:
        yield
    finally:
        _at_once.release()
