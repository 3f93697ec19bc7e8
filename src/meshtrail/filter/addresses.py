"""Addresses, networks and ranges of addresses; read and printed.

All are ranges of 128-bit numbers, IPv4 mapped into IPv6 as the store has it, so that membership is two comparisons.
"""

import ipaddress

from meshtrail.filter.values import AddressRange

_MAPPED = 0xFFFF << 32
"""::ffff:0:0, where IPv4 lies (RFC 4291, 2.5.5.2)."""

_LONGEST = 90
"""Characters of the longest range."""


def read_addresses(text: str) -> AddressRange:
    """An address, a network `10.0.0.0/8`, or a range `10.0.0.1..10.0.0.9`; ValueError says why not."""
    if len(text) > _LONGEST or "%" in text:
        raise ValueError("is no address")
    low, dots, high = text.partition("..")
    if dots:
        found = AddressRange(_single(low), _single(high))
        if found.low > found.high:
            raise ValueError("begins behind its end")
        return found
    if "/" not in text:
        return AddressRange(_single(text), _single(text))
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("is neither an address nor a network such as 10.0.0.0/8") from None
    return AddressRange(_number(network[0]), _number(network[-1]))


def _single(text: str) -> int:
    try:
        return _number(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("is neither an address nor a network such as 10.0.0.0/8") from None


def _number(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    return int(address) + (_MAPPED if address.version == 4 else 0)


def shown_address(number: int) -> str:
    """The address as people write it."""
    if number >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(number))


def ipv6_text(number: int) -> str:
    """The address in the form of the store: IPv6, or IPv4 mapped."""
    return str(ipaddress.IPv6Address(number))


def printed_addresses(addresses: AddressRange) -> str:
    """An address alone, a network where the range is one, otherwise the range."""
    low, high = addresses.low, addresses.high
    if low == high:
        return shown_address(low)
    size = high - low + 1
    if size & (size - 1) or low % size:
        return f"{shown_address(low)}..{shown_address(high)}"
    bits = size.bit_length() - 1
    if low >> 32 == 0xFFFF and bits <= 32:
        return f"{shown_address(low)}/{32 - bits}"
    return f"{ipaddress.IPv6Address(low)}/{128 - bits}"
