"""Realistic traffic events, made in columns from a seed.

A network of a few hundred peers with their users and policies, some servers that most of them talk to, the public
internet with a long tail of addresses; ports, sizes and durations with heavy tails; one in twenty connections denied.
The same events feed every benchmark that needs many rows.
"""

import ipaddress
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

PEERS = 400
SERVERS = 40
PUBLIC_ADDRESSES = 20_000
PORTS = np.array([443, 80, 53, 22, 5432, 3306, 8080, 8443, 6443, 9092, 3389, 445], dtype=np.uint16)
PORT_WEIGHTS = np.array([0.46, 0.08, 0.17, 0.05, 0.06, 0.03, 0.05, 0.03, 0.02, 0.02, 0.01, 0.02])


@dataclass(frozen=True)
class Made:
    """A table of wire columns with text where NDJSON has text."""

    table: pa.Table
    start_us: int
    end_us: int


def _pick(values: list[str | None], index: np.ndarray) -> pa.DictionaryArray:
    encoded = pa.array(values, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices.take(pa.array(index, pa.int32())), encoded.dictionary)


def _texts(numbers: np.ndarray, form: str) -> list[str | None]:
    return [form.format(n) for n in numbers]


def _uuids(instance: np.ndarray, rng: np.random.Generator, seconds: np.ndarray) -> pa.Array:
    """Flow ids as the agent makes them: instance, conntrack id, start second."""
    count = len(instance)
    raw = np.zeros((count, 16), dtype=np.uint8)
    raw[:, 0:4] = (instance.astype(">u4") * np.uint32(2654435761)).astype(">u4").view(np.uint8).reshape(count, 4)
    raw[:, 6] = 0x80
    raw[:, 8] = 0x80
    raw[:, 9:12] = rng.integers(0, 256, (count, 3), dtype=np.uint8)
    raw[:, 12:16] = seconds.astype(">u4").view(np.uint8).reshape(count, 4)
    return pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(raw.tobytes())])


def make(count: int, seed: int, start_us: int, span_us: int) -> Made:
    """`count` closed or denied connections, started within `span_us` microseconds after `start_us`, in time order."""
    rng = np.random.default_rng(seed)
    started = np.sort(start_us + rng.integers(0, span_us, count))
    source = np.minimum((rng.pareto(1.2, count) * 20).astype(np.int64), PEERS - 1)
    public = rng.random(count) < 0.35
    destination = np.where(
        public,
        SERVERS + np.minimum((rng.pareto(0.9, count) * 50).astype(np.int64), PUBLIC_ADDRESSES - 1),
        np.minimum((rng.pareto(1.0, count) * 4).astype(np.int64), SERVERS - 1),
    )
    denied = rng.random(count) < 0.05
    duration = np.minimum(rng.lognormal(13.0, 2.0, count), 3.6e9).astype(np.int64)
    sent = np.minimum(rng.lognormal(7.5, 1.6, count), 1e12).astype(np.uint64)
    received = np.minimum(rng.lognormal(8.5, 2.0, count), 1e12).astype(np.uint64)
    policy = (source * 7 + destination) % 24
    base = int(ipaddress.IPv4Address("100.64.0.1"))
    peer_addresses: list[str | None] = [str(ipaddress.IPv4Address(base + n)) for n in range(PEERS)]
    server_addresses = [str(ipaddress.IPv4Address(base + 0x8000 + n)) for n in range(SERVERS)]
    public_base = int(ipaddress.IPv4Address("93.0.0.1"))
    public_addresses = [str(ipaddress.IPv4Address(public_base + 2711 * n)) for n in range(PUBLIC_ADDRESSES)]
    ended = np.where(denied, started, started + duration)
    ports = rng.choice(PORTS, count, p=PORT_WEIGHTS)

    def counted(values: np.ndarray) -> pa.Array:
        return pa.array(values, pa.uint64(), mask=denied)

    columns = {
        "occurred_at": pa.array(ended, pa.timestamp("us", "UTC")),
        "reporter_id": _pick(_texts(np.arange(PEERS), "peer{:04d}"), source),
        "reporter_name": _pick(_texts(np.arange(PEERS), "laptop-{:04d}"), source),
        "flow_id": _uuids(source, rng, started // 1_000_000),
        "state": _pick(["closed", "denied"], denied.astype(np.int32)),
        "started_at": pa.array(started, pa.timestamp("us", "UTC")),
        "ended_at": pa.array(ended, pa.timestamp("us", "UTC")),
        "close_reason": _pick(["fin", None], denied.astype(np.int32)),
        "starts": pa.array(1 - denied.astype(np.uint64), pa.uint64()),
        "ends": pa.array(1 - denied.astype(np.uint64), pa.uint64()),
        "drops": pa.array(denied.astype(np.uint64), pa.uint64()),
        "verdict": _pick(["allowed", "denied"], denied.astype(np.int32)),
        "policy_id": _pick(_texts(np.arange(24), "policy{:02d}"), policy),
        "policy_name": _pick(_texts(np.arange(24), "Team {:02d} to servers"), policy),
        "attribution": _pick(["reported"], np.zeros(count, np.int32)),
        "connection_type": _pick(["p2p", "routed"], public.astype(np.int32)),
        "direction": _pick(["egress"], np.zeros(count, np.int32)),
        "protocol": pa.array(np.where(ports == 53, 17, 6), pa.uint8()),
        "source_address": _pick(peer_addresses, source),
        "source_port": pa.array(rng.integers(32768, 61000, count), pa.uint16()),
        "destination_address": _pick([*server_addresses, *public_addresses], destination),
        "destination_port": pa.array(ports, pa.uint16()),
        "user_id": _pick(_texts(np.arange(200), "user{:03d}"), source % 200),
        "user_email": _pick(_texts(np.arange(200), "user{:03d}@example.com"), source % 200),
        "user_name": _pick(_texts(np.arange(200), "User {:03d}"), source % 200),
        "rx_bytes": counted(received),
        "tx_bytes": counted(sent),
        "rx_packets": counted(received // 900 + 1),
        "tx_packets": counted(sent // 700 + 1),
    }
    return Made(pa.table(columns), start_us, start_us + span_us)
