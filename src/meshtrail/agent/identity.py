"""Who this peer is: its key pair, its id, its token, and the server's public key. One file, readable by its owner only."""

import os
import threading
from pathlib import Path
from typing import Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshtrail.common.errors import InvalidError

FILE = "identity.json"


class Identity(msgspec.Struct, frozen=True):
    """What the server gave to this peer, and the key by which the peer proves itself."""

    org_id: str
    peer_id: str
    private_key: bytes
    """Ed25519 (RFC 8032), 32 bytes."""
    token: str
    token_expires_at: int
    """Microseconds since the epoch."""
    token_given_at: int
    """The same: a token is renewed half-way."""
    server_key_id: str
    server_key: bytes
    """Ed25519 public key that signs network maps."""

    def sign(self, message: bytes) -> bytes:
        """Signature by the peer's key."""
        return Ed25519PrivateKey.from_private_bytes(self.private_key).sign(message)

    @property
    def renew_at(self) -> int:
        """When a new token is due, microseconds."""
        return self.token_given_at + max(0, self.token_expires_at - self.token_given_at) // 2


def write_private(path: Path, content: bytes) -> None:
    """Replace a file as a whole, durably, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def probe(state_folder: Path) -> None:
    """OSError when nothing can be kept in the folder: said before an enrolment key is used up."""
    write_private(state_folder / ".probe", b"")
    (state_folder / ".probe").unlink()


def load(state_folder: Path) -> Identity | None:
    """The identity kept in this folder, None before the first enrolment; `InvalidError` when the file cannot be read."""
    path = state_folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise InvalidError(f"The agent's identity {path} cannot be read: {error}.", "Restore it, or delete it and enrol again.") from error


def save(state_folder: Path, identity: Identity) -> None:
    """Keep the identity; OSError when the folder cannot be written."""
    write_private(state_folder / FILE, msgspec.json.encode(identity))


class Credentials:
    """The token of the moment: renewed by one thread, used by all."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._lock = threading.Lock()

    def __call__(self) -> str:
        """The token to send now."""
        with self._lock:
            return self._token

    def replace(self, token: str) -> Self:
        """Use another token from now on."""
        with self._lock:
            self._token = token
        return self
