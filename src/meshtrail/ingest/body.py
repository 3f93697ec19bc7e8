"""Bodies: decompression within a limit."""

import zlib
from typing import Final

import zstandard

from meshtrail.common.errors import InvalidError, TooLargeError, UnsupportedError
from meshtrail.ingest.limits import DECOMPRESSED_BYTES_MAX

ENCODINGS: Final = ("identity", "zstd", "gzip")
_GZIP_WINDOW: Final = 31


def decompressed(body: bytes, encoding: str, limit: int = DECOMPRESSED_BYTES_MAX) -> bytes:
    """The body's content. `TooLargeError` past `limit` bytes, `InvalidError` when it is truncated or damaged."""
    if encoding in {"", "identity"}:
        return body
    if encoding == "zstd":
        return _zstd(body, limit)
    if encoding == "gzip":
        return _gzip(body, limit)
    raise UnsupportedError(f"The content encoding {encoding!r} is not known.", f"Use one of: {', '.join(ENCODINGS)}.")


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"The body is larger than {limit} bytes after decompression.", "Send smaller batches.")


def _zstd(body: bytes, limit: int) -> bytes:
    pieces: list[bytes] = []
    size, rest = 0, body
    while rest:
        frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        for start in range(0, len(rest), 1 << 20):
            try:
                piece = frame.decompress(rest[start : start + (1 << 20)])
            except zstandard.ZstdError as error:
                raise InvalidError(f"The zstd body is damaged: {error}.") from None
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            if frame.eof:
                rest = frame.unused_data + rest[start + (1 << 20) :]
                break
        else:
            raise InvalidError("The zstd body is truncated.", "Send the whole frame.")
    return b"".join(pieces)


def _gzip(body: bytes, limit: int) -> bytes:
    pieces: list[bytes] = []
    size, rest = 0, body
    while rest:
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            piece = member.decompress(rest, limit - size + 1)
        except zlib.error as error:
            raise InvalidError(f"The gzip body is damaged: {error}.") from None
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        if not member.eof:
            raise InvalidError("The gzip body is truncated.", "Send the whole stream.")
        rest = member.unused_data
    return b"".join(pieces)
