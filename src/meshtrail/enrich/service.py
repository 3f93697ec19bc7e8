"""Adds to a batch what the server knows at this moment. What the sender said stays; only unknown values are filled."""

import ipaddress
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meshtrail.enrich import ports
from meshtrail.enrich.directory import Directory, Peer, is_loopback
from meshtrail.enrich.geo import Atlas, Place
from meshtrail.model.enums import EndpointType

Values = list[str | None]


class Enricher:
    """Applies a directory and an atlas to batches of the traffic family."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas

    def enrich(self, table: pa.Table, directory: Directory) -> pa.Table:
        """The table with names, places and service names; its address columns are dictionaries and stay so."""
        if "reporter_id" in table.column_names:
            table = _fill_reporter(table, directory)
        for end in ("source", "destination"):
            if f"{end}_address" in table.column_names:
                table = self._fill_end(table, end, directory)
        return _fill_application(table)

    def _fill_end(self, table: pa.Table, end: str, directory: Directory) -> pa.Table:
        addresses = _whole(table[f"{end}_address"])
        distinct: list[bytes] = addresses.dictionary.to_pylist()
        owners = _owners(table, addresses, distinct, directory)
        for name, read in _PEER_FIELDS.items():
            table = _fill(table, f"{end}_{name}", owners.text(read))
        table = _fill(table, f"{end}_type", owners.types(distinct))
        places = [self._place(address) for address in distinct]
        for position, name in enumerate(("country_code", "city_name")):
            values: Values = [place[position] for place in places]
            if any(values):
                table = _fill(table, f"{end}_{name}", _spread(values, addresses.indices))
        return table

    def _place(self, address: bytes) -> Place:
        return self._atlas.place(address) if _is_global(address) else (None, None)


_PEER_FIELDS: dict[str, Callable[[Peer], str | None]] = {
    "id": lambda peer: peer.id,
    "name": lambda peer: peer.name,
    "os": lambda peer: peer.os,
    "dns_label": lambda peer: peer.dns_label,
}


class _Owners:
    """Which peer stands at one end of each row: an index into a list of peers, -1 for none."""

    def __init__(self, peers: list[Peer], rows: np.ndarray, indices: pa.Array) -> None:
        self._peers = peers
        self._rows = rows
        self._indices = indices

    def text(self, read: Callable[[Peer], str | None]) -> pa.Array | None:
        values: Values = [*(read(peer) for peer in self._peers), None]
        return _spread(values, pa.array(self._rows, pa.int32())) if any(values) else None

    def types(self, distinct: list[bytes]) -> pa.Array:
        kinds = [int(EndpointType.external if _is_global(address) else EndpointType.unknown) for address in distinct]
        by_address = pa.array([*kinds], pa.int8()).take(self._indices)
        owned = pa.array(self._rows < len(self._peers))
        return pc.if_else(owned, pa.scalar(int(EndpointType.peer), pa.int8()), by_address)


def _owners(table: pa.Table, addresses: pa.DictionaryArray, distinct: list[bytes], directory: Directory) -> _Owners:
    peers = list(directory.peers.values())
    place = {peer.id: index for index, peer in enumerate(peers)}
    none = len(peers)
    by_address = np.array(
        [place[peer.id] if (peer := directory.by_address.get(address)) else none for address in distinct] + [none], dtype=np.int32
    )
    indices = np.asarray(pc.fill_null(addresses.indices, len(distinct)))
    rows = by_address[indices]
    local = np.array([is_loopback(address) for address in distinct] + [False])
    if local.any():
        reporters = _whole(table["reporter_id"])
        by_reporter = np.array([place.get(text, none) for text in reporters.dictionary.to_pylist()], dtype=np.int32)
        rows = np.where(local[indices], by_reporter[np.asarray(reporters.indices)], rows)
    return _Owners(peers, rows, addresses.indices)


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
