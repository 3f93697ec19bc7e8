"""Errors that say where in the document they are."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from meshtrail.common.errors import CallerError, UnusableError

_FIELD = re.compile(r"[a-z_A-Z]+(\[\d+\])?(\.[a-z_A-Z]+(\[\d+\])?)*: ")
_OWN_WORDS = {
    "expires_in": "expires_at",
    "sourceResource": "source_peer",
    "destinationResource": "destination_peer or destination_resource",
}
"""Fields that have another name in the document than in requests."""


@contextmanager
def at(place: str) -> Iterator[None]:
    """Errors from inside name the place, such as `policies[2].rules[0].ports`."""
    try:
        yield
    except CallerError as error:
        text = error.message
        for theirs, ours in _OWN_WORDS.items():
            text = re.sub(rf"\b{theirs}\b", ours, text)
        error.message = f"{place}.{text}" if _FIELD.match(text) else f"{place}: {text}"
        error.args = (error.message,)
        raise


def unusable(place: str, text: str, remedy: str = "") -> UnusableError:
    """What the document says here is not possible."""
    return UnusableError(f"{place}: {text}", remedy)
