"""The server's key, with which network maps are signed."""

import hashlib
import os
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshtrail.common.errors import UnavailableError
from meshtrail.model.network_map import SIGNED_PREFIX, Envelope, NetworkMap

KEY_FILE = "server.key"
"""Name in the data folder: PKCS #8 in PEM, readable by its owner only. Agents trust this key, so back it up with the rest."""

_KEY_ID_CHARACTERS = 16


class ServerKey:
    """An Ed25519 key pair (RFC 8032)."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()
        """32 bytes that agents learn when they are enrolled."""
        self.id = hashlib.sha256(self.public).hexdigest()[:_KEY_ID_CHARACTERS]

    @staticmethod
    def load_or_make(folder: Path) -> "ServerKey":
        """The key of this data folder, made when there is none; `UnavailableError` when it cannot be read."""
        path = folder / KEY_FILE
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return _made(path)
        except OSError as error:
            raise UnavailableError(
                f"The server's key {path} cannot be read: {error.strerror}.", "Make it readable to the server."
            ) from error
        try:
            private = serialization.load_pem_private_key(content, None)
        except (ValueError, TypeError):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise UnavailableError(
                f"{path} holds no Ed25519 key.", "Restore it from a backup; without it agents have to be enrolled again."
            )
        return ServerKey(private)

    def seal(self, content: NetworkMap) -> Envelope:
        """The map in a signed envelope."""
        payload = msgspec.json.encode(content)
        return Envelope(payload, self.id, self._private.sign(SIGNED_PREFIX + payload))


def _made(path: Path) -> ServerKey:
    """A new key, on disk before anybody trusts it."""
    private = Ed25519PrivateKey.generate()
    content = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return ServerKey(private)
