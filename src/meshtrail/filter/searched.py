"""Where free words are looked for: the family's searched columns, which hold names, addresses and e-mails."""

from meshtrail.filter.addresses import read_addresses
from meshtrail.filter.values import AddressRange, Pattern, Text
from meshtrail.model.columns import Column, Family

_ADDRESS_SIGNS = frozenset("0123456789abcdef:.")
_NEEDED_SIGNS = frozenset("0123456789:.")


def searched(family: Family) -> tuple[Column, ...]:
    """The columns in which a word is looked for."""
    return tuple(family.columns[name] for name in family.searched)


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
