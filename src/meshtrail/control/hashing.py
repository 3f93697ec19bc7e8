"""Secrets of high entropy: made at random, kept as SHA-256 only. Passwords are another matter: see `passwords.py`."""

import hashlib
import secrets

SECRET_BYTES = 32


def hashed(secret: str) -> str:
    """What is kept of a secret. It is looked up by this, so that the time of a comparison tells nothing of the secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret(prefix: str = "") -> str:
    """A secret that nobody guesses, with a prefix that says what it is for."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)
