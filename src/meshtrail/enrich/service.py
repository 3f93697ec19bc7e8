"""Adds to a batch what the server knows at this moment. What the sender said stays; only unknown values are filled."""

import ipaddress
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meshtrail.enrich import ports
from meshtrail.enrich.directory import Directory, Peer, is_loopback
from meshtrail.enrich.geo import Atlas, Place
from meshtrail.enrich.resolver.resolve import resolve
from meshtrail.enrich.resources import Resource
from meshtrail.model.enums import EndpointType

Values = list[str | None]


class Enrichment(Protocol):
    """Adds to a batch what the server knows."""

    def enrich(self, table: pa.Table, directory: Directory) -> pa.Table:
        """The table with more columns, or with values where they were unknown."""
        ...


class NullEnricher:
    """For families whose events come complete."""

    def enrich(self, table: pa.Table, directory: Directory) -> pa.Table:
        """The table as it is."""
        return table


class Enricher:
    """Applies a directory and an atlas to batches of the traffic family."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas

    def enrich(self, table: pa.Table, directory: Directory) -> pa.Table:
        """The table with names, places, service names and rules; its address columns are dictionaries and stay so."""
        if "reporter_id" in table.column_names:
            table = _fill_reporter(table, directory)
        for end in ("source", "destination"):
            if f"{end}_address" in table.column_names:
                table = self._fill_end(table, end, directory)
        return resolve(_fill_application(table), directory.books)

    def _fill_end(self, table: pa.Table, end: str, directory: Directory) -> pa.Table:
        addresses = _whole(table[f"{end}_address"])
        distinct: list[bytes] = addresses.dictionary.to_pylist()
        resources = [directory.resources.at(address) for address in distinct]
        owners = _owners(table, addresses, distinct, resources, directory)
        for name, read in _OWNER_FIELDS.items():
            table = _fill(table, f"{end}_{name}", owners.text(read))
        table = _fill_groups(table, f"{end}_groups", owners.groups())
        table = _fill(table, f"{end}_type", owners.types(distinct))
        places = [self._place(address) for address in distinct]
        by_address: dict[str, Values] = {
            "country_code": [place[0] for place in places],
            "city_name": [place[1] for place in places],
            "resource_id": [each.id if each else None for each in resources],
            "resource_name": [each.name if each else None for each in resources],
        }
        for name, values in by_address.items():
            if any(values):
                table = _fill(table, f"{end}_{name}", _spread(values, addresses.indices))
        return table

    def _place(self, address: bytes) -> Place:
        return self._atlas.place(address) if _is_global(address) else (None, None)


Owner = Peer | Resource

_OWNER_FIELDS: dict[str, Callable[[Owner], str | None]] = {
    "id": lambda owner: owner.id,
    "name": lambda owner: owner.name,
    "os": lambda owner: owner.os,
    "dns_label": lambda owner: owner.dns_label,
}


class _Owners:
    """Who stands at one end of each row: an index into a list of peers and resources, one past it for nobody."""

    def __init__(self, owners: list[Owner], rows: np.ndarray, indices: pa.Array) -> None:
        self._owners = owners
        self._rows = pa.array(rows, pa.int32())
        self._indices = indices

    def text(self, read: Callable[[Owner], str | None]) -> pa.Array | None:
        values: Values = [*(read(owner) for owner in self._owners), None]
        return _spread(values, self._rows) if any(values) else None

    def groups(self) -> pa.Array | None:
        lists = [*(list(owner.groups) for owner in self._owners), []]
        return pa.array(lists, pa.list_(pa.string())).take(self._rows) if any(lists) else None

    def types(self, distinct: list[bytes]) -> pa.Array:
        kinds = [int(EndpointType.external if _is_global(address) else EndpointType.unknown) for address in distinct]
        by_address = pa.array([*kinds], pa.int8()).take(self._indices)
        known = [int(EndpointType.peer if isinstance(owner, Peer) else EndpointType.resource) for owner in self._owners]
        return pc.coalesce(pa.array([*known, None], pa.int8()).take(self._rows), by_address)


class _Numbering:
    """Numbers owners in the order in which they are met; -1 is nobody."""

    def __init__(self) -> None:
        self.owners: list[Owner] = []
        self._numbers: dict[int, int] = {}

    def __call__(self, owner: Owner | None) -> int:
        if owner is None:
            return -1
        number = self._numbers.setdefault(id(owner), len(self.owners))
        if number == len(self.owners):
            self.owners.append(owner)
        return number


def _owners(
    table: pa.Table, addresses: pa.DictionaryArray, distinct: list[bytes], resources: list[Resource | None], directory: Directory
) -> _Owners:
    number = _Numbering()
    found = [number(directory.by_address.get(address) or resource) for address, resource in zip(distinct, resources, strict=True)]
    indices = np.asarray(pc.fill_null(addresses.indices, len(distinct)))
    rows = np.array([*found, -1], dtype=np.int32)[indices]
    local = np.array([is_loopback(address) for address in distinct] + [False])
    if local.any():
        reporters = _whole(table["reporter_id"])
        by_reporter = np.array([number(directory.peers.get(text)) for text in reporters.dictionary.to_pylist()], dtype=np.int32)
        rows = np.where(local[indices], by_reporter[np.asarray(reporters.indices)], rows)
    return _Owners(number.owners, np.where(rows < 0, len(number.owners), rows), addresses.indices)


def _whole(values: pa.ChunkedArray) -> pa.DictionaryArray:
    return values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)


def _spread(values: Values, indices: pa.Array) -> pa.DictionaryArray:
    encoded = pa.array(values, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices.take(indices), encoded.dictionary)


def _fill(table: pa.Table, name: str, values: pa.Array | None) -> pa.Table:
    if values is None:
        return table
    if name not in table.column_names:
        return table.append_column(name, values)
    given = table[name]
    if not given.null_count:
        return table
    if pa.types.is_dictionary(values.type):
        merged = pc.coalesce(_whole(given).dictionary_decode(), values.dictionary_decode()).dictionary_encode()
    else:
        merged = pc.coalesce(given, values)
    return table.set_column(table.column_names.index(name), name, merged)


def _fill_groups(table: pa.Table, name: str, values: pa.Array | None) -> pa.Table:
    """As `_fill`; an empty list is an unknown one."""
    if values is None:
        return table
    if name not in table.column_names:
        return table.append_column(name, values)
    given = table[name].combine_chunks()
    merged = pc.if_else(pc.equal(pc.list_value_length(given), 0), values, given)
    return table.set_column(table.column_names.index(name), name, merged)


def _fill_reporter(table: pa.Table, directory: Directory) -> pa.Table:
    reporters = _whole(table["reporter_id"])
    names: Values = [peer.name if (peer := directory.peers.get(text)) else None for text in reporters.dictionary.to_pylist()]
    return _fill(table, "reporter_name", _spread(names, reporters.indices)) if any(names) else table


def _fill_application(table: pa.Table) -> pa.Table:
    if "destination_port" not in table.column_names or "protocol" not in table.column_names:
        return table
    protocols, numbers = (np.asarray(pc.fill_null(table[name].combine_chunks(), 0)) for name in ("protocol", "destination_port"))
    found = ports.indices(protocols, numbers)
    named = pa.DictionaryArray.from_arrays(pa.array(found, mask=found < 0), pa.array(ports.NAMES))
    return table.append_column("application", named)


@lru_cache(maxsize=65_536)
def _is_global(address: bytes) -> bool:
    whole = ipaddress.IPv6Address(address)
    return (whole.ipv4_mapped or whole).is_global
