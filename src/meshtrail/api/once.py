"""Creates with an `Idempotency-Key`: who got no answer sends the same again, and gets what was made the first time."""

import asyncio
from collections.abc import Callable

from litestar.datastructures import State

from meshtrail.api.auth import actor
from meshtrail.api.errors import AnyRequest
from meshtrail.common.errors import InvalidError

_CHARACTERS_MAX = 255


async def once(request: AnyRequest, state: State, make: Callable[[], str]) -> str:
    """The id of what `make` makes, or has made for the same request before."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return await asyncio.to_thread(make)
    if not 0 < len(key) <= _CHARACTERS_MAX or not key.isascii() or not key.isprintable():
        raise InvalidError(f"Idempotency-Key: it must have 1 to {_CHARACTERS_MAX} printable ASCII characters.")
    content = request.url.path.encode() + b"\n" + await request.body()
    made: str = await asyncio.to_thread(state.control.idempotency.once, actor(request), key, content, make)
    return made
