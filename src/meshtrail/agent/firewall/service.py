"""The firewall of a peer: keeps the kernel's rules as the newest map wants them.

Everything that runs nft does so in the caller of `apply` or in the firewall's own thread, which `start` begins: it hears of
changed rules, of changed addresses of names, and takes back a map over which the server does not answer. What a mark or a
prefix meant can be asked at any time, without waiting.
"""

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from meshtrail.agent.decision import Decision
from meshtrail.agent.firewall import limits, watch
from meshtrail.agent.firewall.compile import Endpoint, Options
from meshtrail.agent.firewall.domains import Domains, Lookup, system_lookup
from meshtrail.agent.firewall.nft import NftError
from meshtrail.agent.firewall.programmer import FirewallCounters, Programmer
from meshtrail.agent.firewall.trial import Trial
from meshtrail.agent.firewall.watch import Watch
from meshtrail.common.clock import Clock, wall_clock
from meshtrail.model.network_map import Mode, NetworkMap

_LOG = logging.getLogger(__name__)


class Result(StrEnum):
    """What became of a map."""

    applied = "applied"
    """Its rules are in the kernel."""
    unchanged = "unchanged"
    """They already were."""
    observing = "observing"
    """It wants no rules of ours; there are none."""
    postponed = "postponed"
    """The server did not answer over it before; it is tried again later."""
    failed = "failed"
    """The kernel refused it; what was in force stays, and it is tried again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of `apply`."""

    result: Result
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Retry:
    """Something that did not work and is done again."""

    due_s: float
    network_map: NetworkMap | None = None
    """A new map; None: the one in force."""
    trial: bool = False


class Firewall:
    """The rules in force. Inert until the first `apply` or `start`."""

    def __init__(
        self,
        options: Options,
        state_folder: Path | None,
        *,
        trial_s: float = limits.TRIAL_S,
        clock: Clock = wall_clock,
        monotonic: Callable[[], float] = time.monotonic,
        lookup: Lookup = system_lookup,
    ) -> None:
        self.counters = FirewallCounters()
        self._clock, self._monotonic = clock, monotonic
        self._lock = threading.RLock()
        self._domains = Domains(self._names_changed, lookup, monotonic)
        self._kernel = Programmer(options, state_folder, self._domains, self.counters, clock)
        self._trial = Trial(trial_s)
        self._watch: Watch | None = None
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._parts_changed = False
        """Whether something that the ruleset is made of changed, other than the map."""
        self._began_s = 0.0
        self._look_s: float | None = None
        self._next_look_s = 0.0
        self._retry: _Retry | None = None
        self._retry_wait_s = limits.PROGRAM_AGAIN_S_MIN

    @property
    def in_force(self) -> NetworkMap | None:
        """The newest map that is in force."""
        return self._trial.in_force

    @property
    def on_trial(self) -> bool:
        """Whether it has still to be confirmed."""
        return self._trial.deadline_s is not None

    def load(self) -> None:
        """Read what an earlier run left on disk. A file that cannot be used is counted and said."""
        self._kernel.numbers.load()

    def apply(self, network_map: NetworkMap, *, trial: bool = True) -> Outcome:
        """Put a checked map in force. `trial`: it has to be confirmed in time; not for one that was confirmed before."""
        with self._lock:
            now_s = self._monotonic()
            if self._trial.refuses(network_map, now_s):
                self.counters.maps_postponed += 1
                wait_s = self._trial.again_s - now_s
                return Outcome(Result.postponed, f"the server did not answer over it; it is tried again in {wait_s:.0f} s")
            if network_map == self._trial.in_force and self._retry is None:
                return Outcome(Result.unchanged)
            return self._apply(network_map, trial)

    def _apply(self, network_map: NetworkMap, trial: bool) -> Outcome:
        try:
            self._put(network_map)
        except (NftError, OSError) as error:
            self.counters.maps_failed += 1
            self._retry = _Retry(self._later(), network_map, trial)
            _LOG.error("the rules of map %d are not in force: %s", network_map.serial, error)
            return Outcome(Result.failed, str(error))
        self._retry = None
        self._began_s = self._monotonic()
        self.counters.maps_applied += 1
        observing = network_map.mode is Mode.observe
        self._trial.begin(network_map, self._began_s, trial=trial and not observing)
        _LOG.info("map %d is in force: %s, %d rules", network_map.serial, network_map.mode, self.counters.rules)
        self._notify()
        return Outcome(Result.observing if observing else Result.applied)

    def _put(self, network_map: NetworkMap | None) -> None:
        """Make the kernel's rules those of a map."""
        self._parts_changed = False
        self._kernel.put(network_map)
        self._retry_wait_s = limits.PROGRAM_AGAIN_S_MIN

    def _put_again(self, why: str) -> None:
        """The map in force once more, because something else changed."""
        try:
            self._put(self._trial.in_force)
        except (NftError, OSError) as error:
            self.counters.errors += 1
            self._retry = self._retry or _Retry(self._later())
            _LOG.error("%s, and the rules could not be loaded: %s", why, error)

        else:
            self._retry = None if self._retry is None or self._retry.network_map is None else self._retry

    def _later(self) -> float:
        """When to do again what did not work."""
        due_s = self._monotonic() + self._retry_wait_s
        self._retry_wait_s = min(2 * self._retry_wait_s, limits.PROGRAM_AGAIN_S_MAX)
        return due_s

    def confirm(self, asked_s: float | None = None) -> None:
        """The server answered a request, which began at this monotonic time; now, when it is not given."""
        with self._lock:
            if asked_s is not None and asked_s < self._began_s:
                return
            again = self._trial.confirm(self._monotonic())
            if again is not None:
                self._retry = _Retry(self._monotonic(), again, trial=True)
                self._notify()

    def set_servers(self, servers: tuple[Endpoint, ...]) -> None:
        """The server has these addresses now."""
        with self._lock:
            if self._kernel.set_servers(servers):
                self._names_changed()

    def by_mark(self, mark: int, at_us: int) -> Decision | None:
        """What accepted a connection with this mark that began then; None: it is not known."""
        options = self._kernel.options
        number = (mark & options.mask) >> options.shift
        return self._kernel.numbers.decision(number, at_us, self._clock()) if number else None

    def by_prefix(self, text: str, at_us: int) -> Decision | None:
        """What denied a packet that was logged with this prefix then; None: it is not known."""
        return self._kernel.numbers.by_prefix(text, at_us, self._clock())

    def suppressed(self) -> int:
        """Denials since the last call that were counted and not logged. 0 while rules are being loaded; they come later."""
        if not self._lock.acquire(blocking=False):
            return 0
        try:
            return self._kernel.table.suppressed()
        finally:
            self._lock.release()

    def logged(self) -> int | None:
        """Denials that were logged so far; None without a table, and while rules are being loaded."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._kernel.table.logged() if self._kernel.table.is_loaded else None
        finally:
            self._lock.release()

    def metrics(self) -> dict[str, int]:
        """Everything that was counted."""
        kernel = self._kernel
        return {
            **asdict(self.counters), "denials": kernel.table.denied,
            "domains_failed": self._domains.failed, "domains_left_out": self._domains.left_out,
            "numbers_damaged": kernel.numbers.damaged, "numbers_unsaved": kernel.numbers.unsaved,
            "watch_overruns": self._watch.overruns if self._watch is not None else 0,
        }  # fmt: skip

    def open(self) -> None:
        """Begin to hear of changed rules, in the network namespace of the caller. `OSError` when that is forbidden."""
        if self._watch is None:
            self._watch = Watch()
            self._look_s = self._monotonic()

    def start(self) -> None:
        """Begin the firewall's thread."""
        self.open()
        self._domains.start()
        self._thread = threading.Thread(target=self._run, name="meshtrail-firewall", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping:
            try:
                self.turn(limits.TURN_S)
            except Exception:  # noqa: BLE001  whatever it is, a map must still be taken back in time
                self.counters.errors += 1
                _LOG.exception("a fault in the firewall; it goes on")
                select.select([self._wake], [], [], limits.PROGRAM_AGAIN_S_MIN)

    def turn(self, wait_s: float) -> None:
        """Wait for something to do, at most for the time, and do it."""
        heard = self._wait(wait_s)
        with self._lock:
            if heard is not None:
                self._hear(heard)
            now_s = self._monotonic()
            if self._look_s is not None and now_s >= self._look_s:
                self._look()
            if self._trial.overdue(now_s):
                self._take_back()
            if self._retry is not None and now_s >= self._retry.due_s:
                self._try_again(self._retry)
            if self._parts_changed:
                self._put_again("addresses changed")

    def _wait(self, wait_s: float) -> Watch | None:
        """Wait until something is due or heard; the watch, when it has word."""
        retry_s = self._retry.due_s if self._retry is not None else None
        dues_s = [due_s for due_s in (self._look_s, self._trial.deadline_s, retry_s) if due_s is not None]
        wait_s = max(min([wait_s, *(due_s - self._monotonic() for due_s in dues_s)]), 0.0)
        sockets: list[Watch | socket.socket] = [self._wake] if self._watch is None else [self._wake, self._watch]
        ready = select.select(sockets, [], [], wait_s)[0]
        if self._wake in ready:
            self._wake.recv(limits.WAKE_BYTES)
        return self._watch if self._watch in ready else None

    def _hear(self, heard: Watch) -> None:
        """Rules changed, perhaps ours: look when the change has settled."""
        generations, missing = heard.read()
        table = self._kernel.table
        new = [each for each in generations if table.generation is None or watch.later(each.number, table.generation)]
        if table.is_loaded and (new or missing) and self._look_s is None:
            self._look_s = max(self._monotonic() + limits.WATCH_SETTLE_S, self._next_look_s)
            _LOG.debug("rules were changed by %s", ", ".join({each.program for each in new}) or "somebody")

    def _look(self) -> None:
        """Whether our table is as it should be; if it is not, make it so."""
        self._look_s = None
        began_s = self._monotonic()
        table = self._kernel.table
        try:
            good = not table.is_loaded or table.is_as_put()
        except (NftError, OSError) as error:
            self.counters.errors += 1
            _LOG.warning("the rules in the kernel cannot be read: %s", error)
            good = True
        if not good:
            self.counters.rules_changed_under_us += 1
            _LOG.warning("somebody changed or removed the table inet meshtrail; it is made again")
            table.forget()
            self._put_again("the table was changed")
        now_s = self._monotonic()
        self._next_look_s = now_s + (now_s - began_s) / limits.WATCH_TIME_SHARE_MAX

    def _try_again(self, retry: _Retry) -> None:
        if retry.network_map is not None:
            self._apply(retry.network_map, retry.trial)
        else:
            self._retry = None
            self._put_again("once more")

    def _take_back(self) -> None:
        """The server did not answer over the map in force."""
        self.counters.maps_reverted += 1
        serial = self._trial.in_force.serial if self._trial.in_force is not None else 0
        before = self._trial.take_back(self._monotonic())
        shown = f"map {before.serial} is" if before is not None else "no rules are"
        _LOG.error("no answer of the server over map %d: %s in force again", serial, shown)
        self._put_again("a map was taken back")

    def remove(self) -> None:
        """Take our table away; tables of others are not touched. `NftError` when the kernel refuses."""
        with self._lock:
            self._kernel.remove()

    def stop(self, *, remove: bool = True) -> None:
        """End the thread and, unless told otherwise, take our table away. Who neither began nor applied anything leaves it: it is
        that of another agent, because of which this one could not start."""
        self._stopping = True
        self._domains.stop()
        self._notify()
        if self._thread is not None:
            self._thread.join(limits.STOP_S_MAX)
        if remove and (self._watch is not None or self._kernel.table.is_loaded):
            try:
                self.remove()
            except NftError as error:
                _LOG.error("the table inet meshtrail is still there: %s\nRemove it: nft delete table inet meshtrail", error)
        for each in (self._watch, self._wake, self._waker):
            if each is not None:
                each.close()

    def _names_changed(self) -> None:
        self._parts_changed = True
        self._notify()

    def _notify(self) -> None:
        """Wake the thread; a full or closed socket wakes nobody who is not awake."""
        with contextlib.suppress(OSError):
            self._waker.send(b"x")
