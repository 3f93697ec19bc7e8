"""Bodies are decompressed within a limit, and damage is named."""

import gzip
import os
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard

from meshtrail.common.errors import InvalidError, TooLargeError, UnsupportedError
from meshtrail.ingest.body import decompressed

PACKERS: dict[str, Callable[[bytes], bytes]] = {"zstd": zstandard.compress, "gzip": gzip.compress}
CONTENT = os.urandom(3_000_000)


@pytest.mark.parametrize("encoding", ["", "identity", "zstd", "gzip"])
def test_round_trip(encoding: str) -> None:
    """Each encoding gives back what was sent, several frames in a row included."""
    pack = PACKERS.get(encoding, bytes)
    assert decompressed(pack(CONTENT), encoding) == CONTENT
    if encoding in {"zstd", "gzip"}:
        assert decompressed(pack(CONTENT) + pack(b"more"), encoding) == CONTENT + b"more"


@pytest.mark.parametrize(("encoding", "body"), [("zstd", zstandard.compress(CONTENT)), ("gzip", gzip.compress(CONTENT))])
def test_truncated_and_damaged(encoding: str, body: bytes) -> None:
    """A body that ends early or was damaged is the sender's fault and is told so."""
    with pytest.raises(InvalidError, match="truncated"):
        decompressed(body[: len(body) // 2], encoding)
    with pytest.raises(InvalidError):
        decompressed(b"\x00" + body[1:], encoding)


def _zeros(megabytes: int) -> bytes:
    """Zeros in one zstd frame."""
    packer = zstandard.ZstdCompressor().compressobj()
    return b"".join([*(packer.compress(bytes(1024**2)) for _ in range(megabytes)), packer.flush()])


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_bomb_stops_at_the_limit(encoding: str) -> None:
    """Zeros in a few kilobytes are refused before they take the memory that they would fill."""
    bomb = _zeros(512) if encoding == "zstd" else gzip.compress(bytes(128 * 1024**2))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError, match="1000000 bytes"):
            decompressed(bomb, encoding, limit=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 100 * 1024**2
    finally:
        tracemalloc.stop()


def test_unknown_encoding() -> None:
    """An encoding that nobody knows names the known ones."""
    with pytest.raises(UnsupportedError) as error:
        decompressed(b"", "br")
    assert "zstd" in error.value.remedy
