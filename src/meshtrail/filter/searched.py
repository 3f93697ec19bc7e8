"""Where free words are looked for: names, addresses, e-mails.

One list for all families; a family is searched in those of the columns that it has.
"""

from meshtrail.filter.addresses import read_addresses
from meshtrail.filter.values import AddressRange, Pattern, Text
from meshtrail.model.columns import Column, Family

SEARCHED = (
    "source_name", "destination_name", "user_email", "user_name", "source_dns_label", "destination_dns_label",
    "destination_resource_name", "policy_name", "process_name", "application", "reporter_name",
    "source_address", "destination_address",
)  # fmt: skip
"""Columns of names and addresses. Each costs a look at every row for every word, so ids and places are not among them."""

_ADDRESS_SIGNS = frozenset("0123456789abcdef:.")
_NEEDED_SIGNS = frozenset("0123456789:.")


def searched(family: Family) -> tuple[Column, ...]:
    """The searched columns of a family."""
    return tuple(family.columns[name] for name in SEARCHED if name in family.columns)


def may_be_address(word: Text | Pattern) -> bool:
    """Whether the word is looked for in addresses: made of hexadecimal digits, dots and colons, letters not alone.

    To write out every address costs more than all else, and `db` means a database.
    """
    signs = "".join(word.parts if isinstance(word, Pattern) else (word.text,)).lower()
    return set(signs) <= _ADDRESS_SIGNS and not _NEEDED_SIGNS.isdisjoint(signs)


def address_of(word: Text | Pattern) -> AddressRange | None:
    """The address or network that the word is as a whole, or None: then a part of an address may be meant."""
    if isinstance(word, Pattern):
        return None
    try:
        return read_addresses(word.text)
    except ValueError:
        return None
