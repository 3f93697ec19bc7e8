"""The folding of denials, as transcripts: packets in, rows to report out."""

import random
import struct
import uuid
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as some

from meshtrail.agent.denials import Denials, Fold
from meshtrail.agent.netlink.nflog import Logged
from tests.agent.records import FAR, NEAR, at

UPDATE_S, SILENCE_S, LIFE_S = 10.0, 75.0, 3_600.0


def packet(port: int = 443, seconds: float | None = 0.0, **changes: object) -> Logged:
    """A logged TCP packet from far to near."""
    payload = struct.pack(">BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0) + FAR + NEAR + struct.pack(">HH", 40_000, port)
    made = Logged(1, b"meshtrail:p1:r1@3:D", payload, None if seconds is None else at(seconds), None, 0, None, False)
    return made._replace(**changes)  # type: ignore[arg-type]


def _denials(rows_max: int = 1_000) -> Denials:
    return Denials(b"abcdef", update_s=UPDATE_S, silence_s=SILENCE_S, life_s=LIFE_S, rows_max=rows_max)


def _add(denials: Denials, seconds: float, *packets: Logged) -> list[tuple[int | None, int]]:
    return _said(denials.add([*packets], at(seconds), seconds))


def _said(folds: Sequence[Fold]) -> list[tuple[int | None, int]]:
    """Port and count of what is to be reported."""
    return [(fold.denial.destination_port, fold.count) for fold in folds]


def test_first_and_again() -> None:
    """The first denial is reported at once, the next ones later, together, in the same row."""
    denials = _denials()
    (first,) = denials.add([packet()], at(0), 0.0)
    name = first.flow_id
    assert uuid.UUID(name).version == 8
    assert (first.count, first.first_us, first.last_us) == (1, at(0), at(0))
    assert _add(denials, 1.0, packet(seconds=1.0)) == []
    assert _add(denials, 3.0, packet(seconds=3.0)) == []
    assert denials.tick(9.9) == []
    (again,) = denials.tick(10.4)
    assert (again.flow_id, again.count, again.first_us, again.last_us) == (name, 3, at(0), at(3.0))
    assert denials.tick(30.0) == []
    assert (denials.counters.rows, denials.counters.folded, denials.counters.updates) == (1, 2, 1)


def test_one_batch() -> None:
    """Denials that come together are counted together, and not told twice."""
    denials = _denials()
    assert _add(denials, 0.0, packet(), packet(), packet(80)) == [(443, 2), (80, 1)]
    assert denials.tick(20.0) == []


def test_updates_keep_their_pace() -> None:
    """A tuple that is denied all the time is reported every ten seconds, with all denials so far."""
    denials = _denials()
    told = []
    for second in range(60):
        told += _add(denials, float(second), packet(seconds=float(second)))
        told += _said(denials.tick(float(second)))
    assert told == [(443, 1), (443, 11), (443, 21), (443, 31), (443, 41), (443, 51)]


def test_silence() -> None:
    """After a silence the same tuple is a new row, whether or not anybody looked meanwhile."""
    denials = _denials()
    (first,) = denials.add([packet()], at(0), 0.0)
    (second,) = denials.add([packet(seconds=SILENCE_S)], at(SILENCE_S), SILENCE_S)
    assert (first.count, second.count) == (1, 1)
    assert second.flow_id != first.flow_id
    assert denials.tick(2 * SILENCE_S - 0.1) == []
    assert len(denials) == 1
    denials.tick(2 * SILENCE_S + 1)
    assert len(denials) == 0


def test_silence_leaves_nothing_unsaid() -> None:
    """What was counted and not reported is reported with the row's end."""
    denials = _denials()
    _add(denials, 0.0, packet())
    _add(denials, 1.0, packet(seconds=1.0))
    told = denials.add([packet(seconds=200)], at(200), 200.0)
    assert sorted(_said(told)) == [(443, 1), (443, 2)]
    assert len({fold.flow_id for fold in told}) == 2


def test_old_rows_end() -> None:
    """A tuple that is denied for hours has a row for each."""
    denials = _denials()
    names = set()
    for minute in range(121):
        names |= {fold.flow_id for fold in denials.add([packet(seconds=60.0 * minute)], at(60.0 * minute), 60.0 * minute)}
    assert len(names) == 3


def test_what_is_one_row() -> None:
    """Tuples, rules, places and directions have rows of their own; packets without readable addresses are counted."""
    denials = _denials()
    assert len(_add(denials, 0.0, packet(), packet(80), packet(hook=2), packet(prefix=b"other"), packet(is_reply=True))) == 5
    assert _add(denials, 0.0, packet(payload=b"\x00\x01\x08\x00"), packet(payload=b"")) == []
    assert denials.counters.unreadable == 2


def test_answers() -> None:
    """A denied answer counts for the connection that it answers."""
    (fold,) = _denials().add([packet(is_reply=True)], at(0), 0.0)
    denial = fold.denial
    assert (denial.source, denial.source_port, denial.destination, denial.destination_port) == (NEAR, 443, FAR, 40_000)
    assert denial.reply_source == FAR


def test_bounded() -> None:
    """A full table ends the row that was quiet for longest, with what it has left to say; that is counted."""
    denials = _denials(rows_max=2)
    _add(denials, 0.0, packet(1), packet(2))
    _add(denials, 1.0, packet(1), packet(2))
    _add(denials, 2.0, packet(1))
    assert sorted(_add(denials, 3.0, packet(3))) == [(2, 2), (3, 1)]
    assert (len(denials), denials.counters.overflow) == (2, 1)
    assert _said(denials.tick(20.0)) == [(1, 3)]


def test_ended_in_its_own_batch() -> None:
    """A row that begins, grows and ends within one batch is reported once."""
    denials = _denials(rows_max=1)
    assert _add(denials, 0.0, packet(1), packet(1), packet(2), packet(1)) == [(1, 2), (2, 1), (1, 1)]


def test_rest() -> None:
    """At the end of the agent everything that was counted is reported."""
    denials = _denials()
    _add(denials, 0.0, packet(), packet(80))
    _add(denials, 1.0, packet(seconds=1.0))
    assert _said(denials.rest(2.0)) == [(443, 2)]
    assert denials.rest(2.0) == []


def test_no_time() -> None:
    """A packet without a time of its own happened now."""
    (fold,) = _denials().add([packet(seconds=None)], at(5), 5.0)
    assert fold.first_us == at(5)


def test_clock_set_back() -> None:
    """A clock that is set back neither holds reports back nor makes two of them look alike."""
    denials = _denials()
    (fold,) = denials.add([packet(seconds=3_600.0)], at(3_600), 0.0)
    before = fold.last_us
    _add(denials, 1.0, packet(seconds=0.0))
    (again,) = denials.tick(11.0)
    assert again is fold
    assert again.last_us == before + 1
    assert again.first_us < again.last_us


@given(some.integers(0, 2**32), some.integers(1, 6))
def test_nothing_is_lost(seed: int, rows_max: int) -> None:
    """However denials come, the last reports of all rows together count each of them once."""
    chance = random.Random(seed)
    denials = _denials(rows_max)
    told: dict[tuple[str, int], int] = {}
    now, sent = 0.0, 0

    def note(folds: Sequence[Fold]) -> None:
        for fold in folds:
            key = fold.flow_id, fold.first_us
            assert fold.count > told.get(key, 0)
            told[key] = fold.count

    for step in range(60):
        now += chance.choice([0.0, 0.1, 1.0, 11.0, 80.0])
        packets = [packet(chance.randrange(8), step + number / 100) for number in range(chance.randrange(5))]
        sent += len(packets)
        note(denials.add(packets, at(now), now))
        note(denials.tick(now))
        assert len(denials) <= rows_max
    note(denials.rest(now))
    assert sum(told.values()) == sent
