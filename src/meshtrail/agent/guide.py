"""The thread that keeps this peer's network map and token up to date, over a connection of its own.

A new map is checked, written to disk, programmed, and then has to prove itself: when the server cannot be reached over it, the
firewall puts the rules before it back. A peer without a map, or with one that cannot be used, goes on as before.
"""

import logging
import random
import threading
import time
from collections.abc import Callable

import msgspec

from meshtrail.agent import identity, limits
from meshtrail.agent.enrolment import Refused, RefusedError, is_removal, renew
from meshtrail.agent.firewall import verify
from meshtrail.agent.firewall.compile import Endpoint
from meshtrail.agent.firewall.envelope import EnvelopeFile
from meshtrail.agent.firewall.limits import TRIAL_S
from meshtrail.agent.firewall.service import Firewall, Result
from meshtrail.agent.firewall.verify import Trust, Verifier
from meshtrail.agent.identity import Credentials
from meshtrail.agent.wire import Answer, Wire
from meshtrail.common.clock import Clock
from meshtrail.model.network_map import NetworkMap

_LOG = logging.getLogger(__name__)


class Counters(msgspec.Struct):
    """What the guide did."""

    accepted: int = 0
    refused: int = 0
    unsaved: int = 0
    """Maps that could not be written to disk; they are in force all the same."""
    renewed: int = 0
    failed: int = 0
    faults: int = 0


class Guide:
    """Asks for maps and tokens. `follow` gets each map whose settings hold from now on."""

    def __init__(
        self, wire: Wire, credentials: Credentials, known: identity.Identity, files: EnvelopeFile,
        keep_identity: Callable[[identity.Identity], None], firewall: Firewall, follow: Callable[[NetworkMap], None], clock: Clock,
    ) -> None:  # fmt: skip
        self._wire, self._credentials, self._known, self._keep_identity = wire, credentials, known, keep_identity
        self._files, self._firewall, self._follow, self._clock = files, firewall, follow, clock
        self._verifier = Verifier(Trust(known.org_id, known.peer_id, known.server_key_id, known.server_key))
        self._wait_s = limits.RESEND_S_MIN
        self._chance = random.Random()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guide", daemon=True)
        self._renew_s, self._renew_wait_s = 0.0, limits.RENEW_AGAIN_S_MIN
        """When a new token may be asked for again (monotonic), and the wait after the next refusal."""
        self._offered = 0
        """Serial of a map that is on disk, and not yet the one to begin with."""
        self.serial = 0
        """Of the newest map that was accepted; 0 without one."""
        self.removed = False
        """Whether the server says that this peer was removed."""
        self.counters = Counters()

    def start(self) -> None:
        """Put the map on disk in force, then begin to ask. The server need not be there."""
        self._firewall.load()
        try:
            body = self._files.load()
            if body is not None:
                known, _ = self._verifier.check(body)
                self._firewall.apply(known, trial=False)
                self._accept(known)
            else:
                _LOG.warning("there is no network map on disk: nothing is enforced until the server sends one")
        except (OSError, ValueError, verify.RefusedError) as error:
            self.counters.refused += 1
            _LOG.error("the network map on disk is not used: %s", error)
        self._firewall.start()
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a question that waits for its answer is cut off."""
        self._stop.set()
        self._wire.interrupt()
        if self._thread.is_alive():
            self._thread.join(limits.STOP_S_MAX)

    def _accept(self, network_map: NetworkMap) -> None:
        self.serial = network_map.serial
        self.counters.accepted += 1
        self._follow(network_map)

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
        if self._clock() >= self._known.renew_at and time.monotonic() >= self._renew_s:
            self._renew()
        begun = time.monotonic()
        answer = self._wire.request("GET", f"/api/v1/agent/network-map?serial={self.serial}&wait_s={limits.MAP_WAIT_S}")
        if answer is None:
            self._pause()
            return
        self._heard(begun)
        if answer.status == 200:
            self._take(answer)
        elif answer.status == 204:
            self.removed = False
            self._wait_s = limits.RESEND_S_MIN
            self._stop.wait(max(0.0, limits.RESEND_S_MIN - (time.monotonic() - begun)))
        elif answer.status == 401:
            if time.monotonic() < self._renew_s or not self._renew():
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

    def _heard(self, asked_s: float) -> None:
        """The server answered: the rules in force let that happen."""
        if self._wire.peer is not None:
            self._firewall.set_servers((Endpoint(*self._wire.peer),))
        self._firewall.confirm(asked_s)
        in_force = self._firewall.in_force
        if self._offered and not self._firewall.on_trial and in_force is not None and in_force.serial == self._offered:
            self._offered = 0
            self._on_disk(self._files.keep)

    def _take(self, answer: Answer) -> None:
        """A new map. What the kernel refuses is tried again by the firewall, not asked for again."""
        self.removed = False
        try:
            network_map, envelope = self._verifier.check(answer.body, self.serial)
        except verify.RefusedError as error:
            self.counters.refused += 1
            _LOG.error("%s", error)
            self._pause()
            return
        self._on_disk(lambda: self._files.offer(envelope))
        self._offered = network_map.serial
        outcome = self._firewall.apply(network_map)
        if outcome.result is Result.postponed:
            self._pause()
            return
        self._accept(network_map)
        self._prove()

    def _prove(self) -> None:
        """Ask the server something over a new connection, until it answers or the firewall has taken the map back."""
        self._wire.close()
        self._wait_s = limits.RESEND_S_MIN
        deadline_s = time.monotonic() + TRIAL_S
        while not self._stop.is_set() and time.monotonic() < deadline_s:
            asked_s = time.monotonic()
            if self._wire.request("GET", "/healthz") is not None:
                self._heard(asked_s)
                return
            self._pause()

    def _on_disk(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            self.counters.unsaved += 1
            _LOG.error("the network map cannot be kept (%s): after a restart an older one is in force", error)

    def _renew(self) -> bool:
        """Get a new token; whether it came. When none comes the old one goes on being used: that it is due is what our clock says, and
        a clock that was set wrong is a reason for the server to give none."""
        try:
            self._known = renew(self._wire, self._known, self._clock)
        except RefusedError as error:
            self.counters.failed += 1
            if error.reason is Refused.removed:
                self._say_removed()
            elif error.reason is not Refused.unreachable:
                _LOG.error("no new token: %s", error)
                self._renew_s = time.monotonic() + self._renew_wait_s
                self._renew_wait_s = min(2 * self._renew_wait_s, limits.RENEW_AGAIN_S_MAX)
            return False
        self._renew_wait_s = limits.RENEW_AGAIN_S_MIN
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
