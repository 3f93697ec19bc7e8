"""Ends of connections as the Overview shows them."""

from dataclasses import dataclass

from meshtrail.web import formats
from meshtrail.web.outlook import is_address

UNNAMED = "ends without a name"


@dataclass(frozen=True, slots=True)
class EndWord:
    """An end as it is shown."""

    text: str
    bare: bool
    """Whether it is an address, to be set in the monospaced face."""
    named: bool = True
    """False for all ends without a name together."""


def end_word(value: str | None) -> EndWord:
    """An end by what the API calls it."""
    return EndWord(formats.visible(value), is_address(value)) if value is not None else EndWord(UNNAMED, False, False)
