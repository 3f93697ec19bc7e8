"""Ids of what an organisation has: twenty characters 0-9a-v that sort by time, as NetBird's clients know them."""

import base64
import secrets

_ALPHABET = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghijklmnopqrstuv")


def new_id(now_us: int) -> str:
    """A new id: seconds, and 64 bits of chance."""
    raw = (now_us // 1_000_000 & 0xFFFFFFFF).to_bytes(4, "big") + secrets.token_bytes(8)
    return base64.b32encode(raw).decode().rstrip("=").translate(_ALPHABET)
