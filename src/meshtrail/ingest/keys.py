"""Natural keys of reports, as 128 bits of hash in columns."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from meshtrail.ingest.seen import Keys

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio: spreads neighbouring values (Knuth)."""


def _mixed(words: np.ndarray) -> np.ndarray:
    """A bijection of 64 bits that spreads every bit (the finalizer of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _words(text: str) -> tuple[int, int]:
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def natural_keys(org_id: str, table: pa.Table) -> Keys:
    """One key a row from (organisation, reporter, flow, phase). A phase is the state with how far it had come: the time of
    a progress report and the packets counted, so that a report with later counters is another one."""
    reporters = table["reporter_id"].combine_chunks()
    by_reporter = np.array([_words(f"{org_id}\0{text}") for text in reporters.dictionary.to_pylist()], dtype=np.uint64)
    salt = by_reporter[np.asarray(reporters.indices)]
    flows = table["flow_id"].combine_chunks()
    flow = np.frombuffer(flows.buffers()[1], dtype=np.uint64).reshape(-1, 2)[flows.offset : flows.offset + len(flows)]
    phase = np.asarray(table["state"].combine_chunks()).astype(np.uint64)
    for name in PROGRESS:
        phase = _mixed(phase + progress(table, name))
    keys = np.empty((len(flow), 2), dtype=np.uint64)
    keys[:, 0] = _mixed(_mixed(flow[:, 0] ^ salt[:, 0]) + flow[:, 1] * _MULTIPLIER + phase)
    keys[:, 1] = _mixed(_mixed(flow[:, 1] ^ salt[:, 1]) + phase * _MULTIPLIER) | np.uint64(1)
    return keys


PROGRESS = ("last_seen_at", "rx_packets", "tx_packets")
"""What grows from report to report of one state."""


def progress(table: pa.Table, name: str) -> np.ndarray:
    """A progress column as numbers; 0 where it is unknown."""
    if name not in table.column_names:
        return np.zeros(table.num_rows, dtype=np.uint64)
    values = table[name].combine_chunks()
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    return np.asarray(pc.fill_null(values, 0)).astype(np.uint64)
