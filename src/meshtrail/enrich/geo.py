"""Places of public addresses, from a MaxMind-format file when one is configured."""

import ipaddress
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import maxminddb

CACHED_ADDRESSES = 65_536
"""Addresses whose place is remembered."""

Place = tuple[str | None, str | None]
"""Country code (ISO 3166-1 alpha-2) and city name; None for what is unknown."""

NOWHERE: Place = (None, None)


class Atlas(Protocol):
    """Finds the place of an address of 16 bytes, IPv4 mapped."""

    def place(self, address: bytes) -> Place:
        """Where the address is; `NOWHERE` when that is unknown."""


class NullAtlas:
    """No file is configured: every place is unknown."""

    def place(self, address: bytes) -> Place:
        """Always `NOWHERE`."""
        return NOWHERE


class FileAtlas:
    """Reads a file of the MaxMind DB format with `country.iso_code` and `city.names.en`."""

    def __init__(self, path: Path) -> None:
        self._reader = maxminddb.open_database(path)
        self.place = lru_cache(CACHED_ADDRESSES)(self._place)  # type: ignore[method-assign]

    def place(self, address: bytes) -> Place:
        """See `Atlas.place`."""
        return self._place(address)

    def _place(self, address: bytes) -> Place:
        whole = ipaddress.IPv6Address(address)
        found = self._reader.get(whole.ipv4_mapped or whole)
        if not isinstance(found, dict):
            return NOWHERE
        country, city = found.get("country"), found.get("city")
        code = country.get("iso_code") if isinstance(country, dict) else None
        names = city.get("names") if isinstance(city, dict) else None
        name = names.get("en") if isinstance(names, dict) else None
        return (code if isinstance(code, str) else None, name if isinstance(name, str) else None)
