"""What a book knows of addresses, each looked at once."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from meshtrail.enrich.resolver.limits import ADDRESSES_REMEMBERED

_MAPPED = b"\x00" * 10 + b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of some addresses; the last one of all is that of rows without an address."""

    peers: np.ndarray
    """Number of the peer that has it in the overlay; -1: nobody."""
    sources: np.ndarray
    """Its class where it opens connections."""
    places: np.ndarray
    """Where it is for those who forward to it."""
    is_v4: np.ndarray


class Addresses:
    """Remembers what `look` said of an address: peer, class as a source, place. Thread-safe."""

    def __init__(self, look: Callable[[bytes], tuple[int, int, int]], unknown: tuple[int, int, int]) -> None:
        self._look = look
        self._unknown = (*unknown, 0)
        self._lock = threading.Lock()
        self._forget()

    def of(self, addresses: Sequence[bytes]) -> Known:
        """What is known of these."""
        with self._lock:
            if len(self._numbers) + len(addresses) > ADDRESSES_REMEMBERED:
                self._forget()
            numbers = [self._numbers.get(address, -1) for address in addresses]
            if -1 in numbers:
                numbers = [self._number(address) for address in addresses]
                self._rows = np.array(self._kept, dtype=np.int64)
            rows = self._rows[[*numbers, 0]]
        return Known(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] == 1)

    def _number(self, address: bytes) -> int:
        number = self._numbers.setdefault(address, len(self._kept))
        if number == len(self._kept):
            self._kept.append((*self._look(address), int(address.startswith(_MAPPED))))
        return number

    def _forget(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._kept: list[tuple[int, int, int, int]] = [self._unknown]
        self._rows = np.array(self._kept, dtype=np.int64)
