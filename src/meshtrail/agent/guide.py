"""The thread that keeps this peer's network map and token up to date, over a connection of its own.

A new map is checked, kept on disk, programmed, and then has to prove itself: when the server cannot be reached any more, the
rules before it come back. What has no map yet, or a map that cannot be used, goes on as before.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from meshtrail.agent import identity, limits
from meshtrail.agent.enrolment import Refused, RefusedError, is_removal, renew
from meshtrail.agent.identity import Credentials
from meshtrail.agent.wire import Answer, Wire
from meshtrail.common.clock import Clock
from meshtrail.model.network_map import NetworkMap

_LOG = logging.getLogger(__name__)


class Rules(Protocol):
    """What programs a map."""

    def apply(self, network_map: NetworkMap) -> bool:
        """Put its rules in force; False when that failed, and nothing changed."""

    def confirm(self) -> None:
        """The rules have proved themselves."""

    def restore(self) -> None:
        """Put the rules before the last `apply` back."""


class Kept(Protocol):
    """The envelopes that came, checked and on disk."""

    def load(self) -> NetworkMap | None:
        """The last map that was kept, checked again."""

    def accept(self, envelope: bytes) -> NetworkMap | None:
        """Check and keep an envelope; None, counted and said, when it is refused."""

    def take_back(self) -> None:
        """Forget the envelope accepted last, and keep the one before it."""


class Counters(msgspec.Struct):
    """What the guide did."""

    applied: int = 0
    not_applied: int = 0
    reverted: int = 0
    renewed: int = 0
    failed: int = 0
    faults: int = 0


class Guide:
    """Asks for maps, and hands each one on that is in force."""

    def __init__(
        self,
        wire: Wire,
        credentials: Credentials,
        known: identity.Identity,
        keep_identity: Callable[[identity.Identity], None],
        kept: Kept,
        rules: Rules,
        follow: Callable[[NetworkMap], None],
        clock: Clock,
        *,
        wait_s: float = limits.MAP_WAIT_S,
        confirm_s: float = limits.MAP_CONFIRM_S,
        resend_s_min: float = limits.RESEND_S_MIN,
    ) -> None:
        self._wire, self._credentials, self._known, self._keep_identity = wire, credentials, known, keep_identity
        self._kept, self._rules, self._follow, self._clock = kept, rules, follow, clock
        self._map_wait_s, self._confirm_s, self._resend_s_min = wait_s, confirm_s, resend_s_min
        self._wait_s = resend_s_min
        self._chance = random.Random()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guide", daemon=True)
        self.serial = 0
        """Of the map in force; 0 without one."""
        self.removed = False
        """Whether the server says that this peer was removed."""
        self.counters = Counters()

    def start(self) -> None:
        """Put the map on disk in force, then start the thread. The server need not be there."""
        known = self._kept.load()
        if known is not None and self._rules.apply(known):
            self._rules.confirm()
            self._enforced(known)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a question that waits for its answer is cut off."""
        self._stop.set()
        self._wire.interrupt()
        if self._thread.is_alive():
            self._thread.join(limits.STOP_S_MAX)

    def _enforced(self, network_map: NetworkMap) -> None:
        self.serial = network_map.serial
        self.counters.applied += 1
        self._follow(network_map)
        _LOG.info("network map %d is in force: %d rules", network_map.serial, len(network_map.rules))

    def _run(self) -> None:
        """The thread. A fault of ours must not end it in silence."""
        while not self._stop.is_set():
            try:
                self._work()
            except Exception:  # noqa: BLE001  whatever it is, the rules must not grow old in silence
                self.counters.faults += 1
                _LOG.exception("a fault while asking for the network map; it is asked again")
                self._pause()
        self._wire.close()

    def _work(self) -> None:
        if self._clock() >= self._known.renew_at and not self._renew():
            self._pause()
            return
        begun = time.monotonic()
        answer = self._wire.request("GET", f"/api/v1/agent/network-map?serial={self.serial}&wait_s={self._map_wait_s:g}")
        if answer is None:
            self._pause()
        elif answer.status == 200:
            self._take(answer)
        elif answer.status == 204:
            self._wait_s = self._resend_s_min
            self._stop.wait(max(0.0, self._resend_s_min - (time.monotonic() - begun)))
        elif answer.status == 401:
            if not self._renew():
                self._pause(limits.UNAUTHORISED_S)
        elif is_removal(answer):
            self._say_removed()
        else:
            self.counters.failed += 1
            _LOG.warning("the server answers %d to the question for the network map", answer.status)
            self._pause(answer.retry_after_s)

    def _say_removed(self) -> None:
        if not self.removed:
            _LOG.error("this peer was removed from the network: its events are refused. Enrol it again, or stop the agent.")
        self.removed = True
        self._stop.wait(limits.UNAUTHORISED_S)

    def _take(self, answer: Answer) -> None:
        self.removed = False
        network_map = self._kept.accept(answer.body)
        if network_map is None:
            self._pause()
            return
        if not self._rules.apply(network_map):
            self.counters.not_applied += 1
            self._kept.take_back()
            self._pause()
        elif self._server_answers():
            self._rules.confirm()
            self._wait_s = self._resend_s_min
            self._enforced(network_map)
        else:
            self.counters.reverted += 1
            _LOG.error("the server cannot be reached since network map %d: the rules before it are back", network_map.serial)
            self._rules.restore()
            self._kept.take_back()
            self._pause()

    def _server_answers(self) -> bool:
        """Whether a new connection to the server can be made under the new rules; any answer will do."""
        self._wire.close()
        deadline = time.monotonic() + self._confirm_s
        while not self._stop.is_set():
            if self._wire.request("GET", "/healthz") is not None:
                return True
            if time.monotonic() >= deadline:
                return False
            self._stop.wait(self._resend_s_min)
        return True

    def _renew(self) -> bool:
        """Get a new token; whether it came."""
        try:
            self._known = renew(self._wire, self._known, self._clock)
        except RefusedError as error:
            self.counters.failed += 1
            if error.reason is Refused.removed:
                self._say_removed()
            elif error.reason is not Refused.unreachable:
                _LOG.error("no new token: %s", error)
            return False
        self._credentials.replace(self._known.token)
        self.counters.renewed += 1
        try:
            self._keep_identity(self._known)
        except OSError as error:
            _LOG.error("the new token cannot be kept (%s): after a restart another one is needed", error)
        return True

    def _pause(self, at_least_s: float | None = None) -> None:
        """Wait before the next attempt: longer each time, and not in step with other agents."""
        chosen = self._wait_s * self._chance.uniform(0.5, 1.0)
        self._wait_s = min(self._wait_s * 2, limits.RESEND_S_MAX)
        self._stop.wait(max(chosen, at_least_s or 0.0))
