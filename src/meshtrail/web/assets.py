"""The files a page loads, in memory, under an address that changes with their content.

One hash over all files stands in the address, so that scripts import each other by relative names and browsers may keep
everything for ever.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

STATIC = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"
BRIEFLY = "no-cache"
"""For a hash that is not ours: the files of another version of the product."""

COMPRESSED_BYTES_MIN = 512
"""Below this gzip saves nothing."""

_TYPES = {
    ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
    ".woff2": "font/woff2", ".json": "application/json",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    media_type: str
    content: bytes
    compressed: bytes | None
    """The same through gzip, when that is worth it."""


class Assets:
    """All files below a folder that a browser has a use for."""

    def __init__(self, root: Path = STATIC) -> None:
        self._root = root

    @cached_property
    def files(self) -> dict[str, Asset]:
        """By name relative to the folder. Only names found here are ever served."""
        paths = sorted(path for path in self._root.rglob("*") if path.suffix in _TYPES)
        return {path.relative_to(self._root).as_posix(): _read(path) for path in paths}

    @cached_property
    def digest(self) -> str:
        """Hash of all names and contents."""
        total = hashlib.sha256()
        for name, asset in self.files.items():
            total.update(name.encode() + b"\0" + hashlib.sha256(asset.content).digest())
        return total.hexdigest()[:16]

    def path(self, name: str) -> str:
        """Address of a file; KeyError for one that is not there, so that a template cannot name it wrongly."""
        self.files[name]
        return f"/static/{self.digest}/{name}"


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    text = path.suffix != ".woff2" and len(content) >= COMPRESSED_BYTES_MIN
    return Asset(_TYPES[path.suffix], content, gzip.compress(content, 9, mtime=0) if text else None)
