"""Which reports were stored before: a bounded memory of natural keys, in columns.

A natural key is (organisation, reporter, flow, phase), held as 128 bits of hash; a flow's phases are its states, and a
progress report also has its time. Two generations of an open-addressing table: when the young one is half full it
becomes the old one. What is older than both is looked up in the store by the pipeline.
"""

import numpy as np

SLOTS = 1 << 20
"""Slots of one generation, 16 bytes each: two generations take 32 MiB and hold at least the last 390,000 reports."""

PROBES_MAX = 128
"""Steps of a probe; a half-full table needs a handful."""

Keys = np.ndarray
"""Shape (n, 2), uint64; never both words zero."""


class Generation:
    """One table."""

    def __init__(self, slots: int) -> None:
        self._words = np.zeros((slots, 2), dtype=np.uint64)
        self._mask = np.uint64(slots - 1)
        self.count = 0

    def contains(self, keys: Keys) -> np.ndarray:
        """Which of the keys are here."""
        found = np.zeros(len(keys), dtype=bool)
        if not self.count:
            return found
        waiting = np.arange(len(keys))
        slots = keys[:, 0] & self._mask
        for _ in range(PROBES_MAX):
            here = self._words[slots]
            same = (here == keys[waiting]).all(axis=1)
            found[waiting[same]] = True
            go_on = ~same & here.any(axis=1)
            if not go_on.any():
                break
            waiting, slots = waiting[go_on], (slots[go_on] + np.uint64(1)) & self._mask
        return found

    def add(self, keys: Keys) -> None:
        """Add distinct keys that are not here."""
        waiting = np.arange(len(keys))
        slots = keys[:, 0] & self._mask
        for _ in range(PROBES_MAX):
            free = ~self._words[slots].any(axis=1)
            self._words[slots[free]] = keys[waiting[free]]
            placed = free & (self._words[slots] == keys[waiting]).all(axis=1)
            self.count += int(placed.sum())
            if placed.all():
                return
            waiting, slots = waiting[~placed], (slots[~placed] + np.uint64(1)) & self._mask


class Seen:
    """Two generations. `since_us` is the receive time from which on nothing was forgotten."""

    def __init__(self, now_us: int, slots: int = SLOTS) -> None:
        self._slots = slots
        self._young, self._old = Generation(slots), Generation(slots)
        self._young_since = now_us
        self.since_us = now_us
        self.rotations = 0
        """How often an old generation was forgotten or an empty one replaced."""

    def contains(self, keys: Keys) -> np.ndarray:
        """Which of the keys were stored before."""
        return self._young.contains(keys) | self._old.contains(keys)

    def add(self, keys: Keys, now_us: int) -> None:
        """Remember distinct new keys, in pieces that leave a table half empty."""
        piece = self._slots // 8
        for start in range(0, len(keys), piece):
            self._young.add(keys[start : start + piece])
            if self._young.count > 3 * piece:
                self._old, self._young = self._young, Generation(self._slots)
                self.since_us, self._young_since = self._young_since, now_us
                self.rotations += 1
