"""Bodies: decompression within a limit."""

import contextlib
import zlib
from typing import Final

import zstandard

from meshtrail.common.errors import InvalidError, TooLargeError, UnsupportedError
from meshtrail.ingest.limits import DECOMPRESSED_BYTES_MAX

ENCODINGS: Final = ("identity", "zstd", "gzip")
_GZIP_WINDOW: Final = 31
_ZSTD_WINDOW_BYTES_MAX: Final = 1 << 27
"""Memory of one decoder."""

_ZSTD_SLICE_BYTES: Final = 2_048
"""What is unpacked at once: four bytes can stand for 128 KiB, so that a slice adds 64 MiB at most before its size is looked at."""


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
    """One frame that says its size, as agents send it, is unpacked at once; anything else slice by slice."""
    if 0 < _declared(body) <= limit:
        with contextlib.suppress(zstandard.ZstdError):
            whole: bytes = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES_MAX).decompress(body, allow_extra_data=False)
            return whole
    return _zstd_slices(body, limit)


def _declared(body: bytes) -> int:
    """What the first frame says of its size; -1 when it does not."""
    try:
        return zstandard.frame_content_size(body)
    except zstandard.ZstdError:
        return -1


def _zstd_slices(body: bytes, limit: int) -> bytes:
    pieces: list[bytes] = []
    size, rest = 0, body
    while rest:
        frame = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES_MAX).decompressobj()
        for start in range(0, len(rest), _ZSTD_SLICE_BYTES):
            try:
                piece = frame.decompress(rest[start : start + _ZSTD_SLICE_BYTES])
            except zstandard.ZstdError as error:
                raise InvalidError(f"The zstd body is damaged: {error}.") from None
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            if frame.eof:
                rest = frame.unused_data + rest[start + _ZSTD_SLICE_BYTES :]
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
