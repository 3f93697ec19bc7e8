"""Follows the rules of others: lists them when they change, and remembers what they said at each time.

Rules that were there at the first look count as having been there always. A new version counts from the moment when the kernel
told of it; listing takes a while.
"""

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall import limits, nft, watch
from meshtrail.agent.firewall.nft import NftError
from meshtrail.agent.firewall.observed import Observed, observe
from meshtrail.agent.firewall.watch import Watch
from meshtrail.common.clock import Clock, wall_clock

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class ObserverCounters:
    """What the observer counts."""

    looks: int = 0
    versions: int = 0
    """Rulesets that said something else than the one before."""
    unreadable: int = 0
    """Rules of the newest version that mark in a way that cannot be read."""
    left_out: int = 0
    errors: int = 0


class Observer:
    """What marks and prefixes of somebody else's rules mean. Inert until `start`."""

    def __init__(self, clock: Clock = wall_clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._versions: tuple[tuple[int, Observed], ...] = ()
        """Each from one moment on, the newest last."""
        self._generation: int | None = None
        self._heard_us: int | None = None
        self._look_s: float | None = None
        self._next_look_s = 0.0
        self._watch: Watch | None = None
        self._wake: socket.socket | None = None
        self._waker: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._said = ""
        """Why the rules could not be read; it is said once."""
        self.counters = ObserverCounters()

    def by_mark(self, mark: int, at_us: int) -> Decision | None:
        """The rule that marked a connection that began then; None: it is not known."""
        version = self._at(at_us) if mark else None
        return version.by_mark(mark) if version is not None else None

    def by_prefix(self, text: str, at_us: int) -> Decision | None:
        """The rule that logged with this prefix then; None: it is not known."""
        version = self._at(at_us)
        return version.by_prefix(text) if version is not None else None

    def _at(self, at_us: int) -> Observed | None:
        """The rules of that time. A clock that reads less than at their last change went back since: then the newest hold."""
        if self._versions and self._clock() + limits.MEANING_SLACK_US < self._versions[-1][0]:
            return self._versions[-1][1]
        return next((version for since_us, version in reversed(self._versions) if since_us <= at_us), None)

    def open(self) -> None:
        """Begin to hear of changes, and look at what is there, in the network namespace of the caller. `OSError` when that is
        forbidden."""
        if self._watch is None:
            self._watch = Watch()
            self._wake, self._waker = socket.socketpair()
            self._heard_us = 0
            self._look()

    def start(self) -> None:
        """Begin the observer's thread."""
        self.open()
        self._thread = threading.Thread(target=self._run, name="meshtrail-observer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        wake = self._wake
        assert wake is not None, "start opens"
        while not self._stopping:
            try:
                self.turn(limits.TURN_S)
            except Exception:  # noqa: BLE001  whatever it is, later rules must still be seen
                self.counters.errors += 1
                _LOG.exception("a fault while reading rules; it goes on")
                select.select([wake], [], [], limits.PROGRAM_AGAIN_S_MIN)

    def turn(self, wait_s: float) -> None:
        """Wait for word of changed rules, at most for the time, and look when they have settled."""
        assert self._watch is not None, "open first"
        assert self._wake is not None, "open makes both"
        if self._look_s is not None:
            wait_s = max(min(wait_s, self._look_s - self._monotonic()), 0.0)
        sockets: list[Watch | socket.socket] = [self._watch, self._wake]
        ready = select.select(sockets, [], [], wait_s)[0]
        if self._watch in ready:
            generations, missing = self._watch.read()
            seen = self._generation
            if missing or any(seen is None or watch.later(each.number, seen) for each in generations):
                self._heard_us = self._clock() if self._heard_us is None else self._heard_us
                if self._look_s is None:
                    self._look_s = max(self._monotonic() + limits.WATCH_SETTLE_S, self._next_look_s)
        if self._look_s is not None and self._monotonic() >= self._look_s:
            self._look()

    def _look(self) -> None:
        """List everything. What cannot be read is tried again."""
        began_s = self._monotonic()
        self._look_s = None
        self.counters.looks += 1
        try:
            generation = watch.generation()
            found = observe(nft.listed("-a", "ruleset"))
        except (NftError, OSError) as error:
            self.counters.errors += 1
            self._look_s = began_s + limits.PROGRAM_AGAIN_S_MAX
            if str(error) != self._said:
                self._said = str(error)
                _LOG.warning("the rules in the kernel cannot be read; marks and prefixes have no rule: %s", error)
            return
        self._said = ""
        self._note(found)
        self._generation, self._heard_us = generation, None
        now_s = self._monotonic()
        self._next_look_s = now_s + (now_s - began_s) / limits.WATCH_TIME_SHARE_MAX

    def _note(self, found: Observed) -> None:
        self.counters.unreadable, self.counters.left_out = found.unreadable, found.left_out
        if self._versions and self._versions[-1][1] == found:
            return
        self.counters.versions += 1
        since_us = self._clock() if self._heard_us is None else self._heard_us
        if self._versions:
            since_us = max(since_us, self._versions[-1][0] + 1)
        self._versions = (*self._versions, (since_us, found))[-limits.VERSIONS_MAX :]
        _LOG.info("rules of others: %d marks and %d log prefixes lead to a rule", sum(map(len, found.marks.values())), len(found.prefixes))

    def stop(self) -> None:
        """End the thread and close."""
        self._stopping = True
        if self._waker is not None:
            with contextlib.suppress(OSError):
                self._waker.send(b"x")
        if self._thread is not None:
            self._thread.join(limits.STOP_S_MAX)
        for each in (self._watch, self._wake, self._waker):
            if each is not None:
                each.close()
