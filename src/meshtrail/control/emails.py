"""E-mail addresses: what may be one, and when two are the same."""

import re
import unicodedata

from meshtrail.common.errors import UnusableError
from meshtrail.control.limits import EMAIL_CHARACTERS_MAX

_EMAIL = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\[\]\\,;:\"]+\.?[^\s@<>()\[\]\\,;:\".]+")


def checked_email(text: str | None) -> str:
    """The address, if it can be one. Whether somebody reads what is sent there is not asked."""
    found = unicodedata.normalize("NFKC", text or "").strip()
    if len(found) > EMAIL_CHARACTERS_MAX or not _EMAIL.fullmatch(found) or not found.isprintable():
        raise UnusableError(f"email: {found[:60]!r} is no e-mail address.")
    return found


def email_key(text: str | None) -> str | None:
    """What is compared of an address: capitals make no difference."""
    return None if text is None else unicodedata.normalize("NFKC", text).strip().casefold()[:EMAIL_CHARACTERS_MAX]
