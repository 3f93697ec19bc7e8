"""When reliable capture has to give way to the network. Pure: numbers in, a decision out.

The kernel keeps ends that it could not deliver, in the table that new connections need too. A table that fills, or a
reader that stays behind, is the sign that the agent is too slow: then the kernel may forget ends again, and that the
record has a gap from then on is itself recorded.
"""

from dataclasses import dataclass

from meshtrail.agent import limits


@dataclass(slots=True)
class Watchdog:
    """Remembers what it saw last."""

    reliable: bool = True
    _late_before: bool = False

    def look(self, count: int, most: int, lag_s: float) -> bool:
        """Whether capture is to be reliable, given the table's fill and the age of the events just read."""
        fill = count / most if most else 0.0
        late = lag_s > limits.READER_LAG_S_MAX
        if self.reliable and (fill > limits.TABLE_FILL_MAX or (late and self._late_before)):
            self.reliable = False
        elif not self.reliable and fill < limits.TABLE_FILL_CALM and not late:
            self.reliable = True
        self._late_before = late
        return self.reliable


@dataclass(slots=True)
class Pace:
    """Decides whether closing updates are worth their price now."""

    wanted: bool
    """Whether they are wanted at all."""
    _second: int = 0
    _count: int = 0
    _paused_until_s: float = 0.0
    pauses: int = 0

    def add(self, count: int, now_s: float) -> bool:
        """Note closing updates; whether to hear them from now on. `now_s` is a monotonic time."""
        if int(now_s) != self._second:
            self._second, self._count = int(now_s), 0
        self._count += count
        if self._count > limits.CLOSINGS_PER_S_MAX and now_s >= self._paused_until_s:
            self._paused_until_s = now_s + limits.CLOSINGS_PAUSE_S
            self.pauses += 1
        return self.wanted and now_s >= self._paused_until_s
