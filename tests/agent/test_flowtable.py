"""The flow table as transcripts: records in, flows to report out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from meshtrail.agent import limits
from meshtrail.agent.flow import Flow
from meshtrail.agent.flowtable import FlowTable, key_of
from meshtrail.agent.netlink.decode import Record
from tests.agent.records import at, closing, destroy, entry, new


@pytest.fixture
def table() -> FlowTable:
    """An empty table."""
    return FlowTable(b"abcdef")


def _said(flow: Flow | None) -> tuple[str, str, float | None] | None:
    """State, reason and length of what is to be reported."""
    if flow is None:
        return None
    return flow.state, flow.close_reason, None if flow.ended_us is None else (flow.ended_us - flow.started_us) / 1e6


def _present(*numbers: int) -> set[int]:
    """The keys of a dump of these entries."""
    return {key_of(new(number)) for number in numbers}


def test_open_and_close(table: FlowTable) -> None:
    """Start and end of a connection are one flow, whose start is the event's and not the slightly different entry's."""
    opened = table.start(new(seconds=1.0), at(1.1))
    assert opened is not None
    name, began = opened.flow_id, opened.started_us
    assert began == at(1.0)
    closed = table.end(destroy(started=1.000_03, stopped=3.0), at(3.1))
    assert closed is opened
    assert (closed.flow_id, closed.started_us) == (name, began)
    assert _said(closed) == ("closed", "fin", 2.0)
    assert closed.counted == (4, 400, 3, 300)
    assert len(table) == 0


def test_repeated_start(table: FlowTable) -> None:
    """A start that is known from a dump already is not reported again."""
    assert table.entry(entry(started=0.0), at(0.2))
    assert table.start(new(seconds=0.000_05), at(0.3)) is None
    assert table.settle(at(0.3)) == []


def test_prompt_end(table: FlowTable) -> None:
    """A closing update ends the flow; the kernel's last word is reported only if it has other counters."""
    table.start(new(), at(0))
    assert table.closing(closing())
    assert _said(table.closed(closing(seconds=1.0), entry(counts=(4, 400, 3, 300)), at(1))) == ("closed", "fin", 1.0)
    assert not table.closing(closing())
    assert table.closed(closing(), None, at(1)) is None
    assert table.end(destroy(stopped=121.0), at(121)) is None


def test_later_counters(table: FlowTable) -> None:
    """Counters that grew after the end are reported, with the end as it was."""
    table.start(new(), at(0))
    table.closed(closing(seconds=1.0), entry(counts=(4, 400, 3, 300)), at(1))
    again = table.end(destroy(stopped=121.0, counts=(5, 440, 3, 300)), at(121))
    assert _said(again) == ("closed", "fin", 1.0)
    assert again is not None
    assert again.counted == (5, 440, 3, 300)


def test_unknown_end(table: FlowTable) -> None:
    """The end of a connection whose start was lost is a whole flow, with the kernel's start."""
    flow = table.end(destroy(started=5.0, stopped=6.0), at(6))
    assert _said(flow) == ("closed", "fin", 1.0)
    assert flow is not None
    assert flow.start_known
    assert table.counters.unmatched_ends == 1


def test_unknown_end_without_times(table: FlowTable) -> None:
    """Where the kernel kept no times, the moment of the report stands for both, and the start is not called seen."""
    flow = table.end(destroy(started=None, stopped=None, counts=None), at(9))
    assert flow is not None
    assert (flow.started_us, flow.ended_us, flow.start_known, flow.counted) == (at(9), at(9), False, None)


def test_same_id_again(table: FlowTable) -> None:
    """The kernel used an id again: the old connection ends as itself, the new one begins, also within one batch."""
    first = table.start(new(seconds=0.0), at(0))
    assert table.start(new(seconds=30.0), at(30)) is None
    assert table.end(destroy(stopped=29.0), at(30)) is first
    (second,) = table.settle(at(30))
    assert first is not None
    assert second.flow_id != first.flow_id
    assert (second.started_us, second.state) == (at(30.0), "open")


def test_same_id_again_and_gone_at_once(table: FlowTable) -> None:
    """A connection under a used id that ends in the batch in which it began is reported once, as ended."""
    first = table.start(new(seconds=0.0), at(0))
    assert table.start(new(seconds=30.0), at(32)) is None
    assert table.end(destroy(stopped=29.0), at(32)) is first
    second = table.end(destroy(started=30.000_03, stopped=31.0), at(32))
    assert _said(second) == ("closed", "fin", 1.0)
    assert second is not None
    assert (second.started_us, second.start_known) == (at(30.0), True)
    assert table.settle(at(32)) == []
    assert (len(table), table.counters.unmatched_ends, table.counters.reborn) == (0, 0, 1)


def test_same_id_again_without_end(table: FlowTable) -> None:
    """If the old connection's end never comes, it is lost after a while, and the new one goes on."""
    table.start(new(seconds=0.0), at(0))
    table.start(new(seconds=30.0), at(30))
    assert [flow.state for flow in table.settle(at(30))] == ["open"]
    assert table.has_overdue
    assert table.missing(_present(1), at(50)) == []
    assert [flow.state for flow in table.missing(_present(1), at(60))] == ["lost"]
    assert not table.has_overdue
    assert len(table) == 1


def test_same_id_again_and_late_end(table: FlowTable) -> None:
    """The old connection's end that comes after the new one began closes the old one, and leaves the new one open."""
    first = table.start(new(seconds=0.0), at(0))
    table.start(new(seconds=30.0), at(30))
    (second,) = table.settle(at(30))
    found = table.end(destroy(started=0.0, stopped=29.0), at(31))
    assert found is first
    assert _said(found) == ("closed", "fin", 29.0)
    assert table.missing(_present(1), at(90)) == []
    assert table.end(destroy(started=30.0, stopped=32.0), at(32)) is second


def test_same_id_again_and_last_word(table: FlowTable) -> None:
    """The kernel's last word about a connection that was reported as closed finds it, though its id is another's by now."""
    table.start(new(seconds=0.0), at(0))
    table.closed(closing(seconds=1.0), entry(counts=(4, 400, 3, 300)), at(1))
    table.start(new(seconds=30.0), at(30))
    table.settle(at(30))
    assert table.end(destroy(started=0.0, stopped=29.0), at(31)) is None
    assert (table.counters.unmatched_ends, table.has_overdue, len(table)) == (0, False, 1)


def test_absence_is_confirmed(table: FlowTable) -> None:
    """A flow absent from one dump is suspected, absent for long it is lost, and one that ends or comes back is neither."""
    for number in (1, 2, 3, 4):
        table.start(new(number), at(0))
    assert table.missing(_present(1), at(10)) == []
    assert table.has_suspects
    table.end(destroy(2), at(11))
    assert table.missing(_present(1, 4), at(39)) == []
    (lost,) = table.missing(_present(1), at(40))
    assert (lost.number, lost.state, lost.close_reason, lost.ended_us) == (3, "lost", "lost", at(40))
    assert table.missing(_present(1, 4), at(100)) == []
    assert not table.has_suspects


def test_ends_held_back(table: FlowTable) -> None:
    """While the kernel holds ends back, an absence proves nothing."""
    table.start(new(), at(0))
    table.missing(set(), at(10))
    table.doubt(at(35))
    assert table.missing(set(), at(45)) == []
    assert _said(table.end(destroy(stopped=9.0), at(46))) == ("closed", "fin", 9.0)
    assert not table.has_suspects


def test_lost_and_found(table: FlowTable) -> None:
    """A connection that was called lost, and whose end comes after all, is closed under its name."""
    opened = table.start(new(), at(0))
    assert opened is not None
    name = opened.flow_id
    table.missing(set(), at(10))
    assert [flow.state for flow in table.missing(set(), at(40))] == ["lost"]
    found = table.end(destroy(started=0.000_3, stopped=9.0), at(41))
    assert _said(found) == ("closed", "fin", 9.0)
    assert found is not None
    assert found.flow_id == name
    assert table.counters.unmatched_ends == 0
    again = table.end(destroy(started=50.0, stopped=51.0), at(51))
    assert again is not None
    assert again.flow_id != name


def test_lost_are_remembered_within_bounds(table: FlowTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many lost connections are remembered."""
    monkeypatch.setattr(limits, "LOST_REMEMBERED_MAX", 1)
    for number in (1, 2):
        table.start(new(number), at(0))
    table.missing(set(), at(10))
    table.missing(set(), at(40))
    table.end(destroy(1), at(41))
    table.end(destroy(2), at(41))
    assert (table.counters.found, table.counters.unmatched_ends) == (1, 1)


def test_suspicion_is_about_one_flow(table: FlowTable) -> None:
    """A new connection under a suspected id does not inherit the suspicion."""
    table.start(new(), at(0))
    table.missing(set(), at(10))
    table.end(destroy(), at(11))
    table.start(new(seconds=12.0), at(12))
    assert table.missing(set(), at(50)) == []


def test_dump_after_loss(table: FlowTable) -> None:
    """A dump shows connections whose start was lost, with the kernel's start and counters."""
    flow = table.entry(entry(started=4.0, counts=(1, 60, 1, 60)), at(9))
    assert flow is not None
    assert (flow.started_us, flow.counted, flow.start_known) == (at(4.0), (1, 60, 1, 60), True)
    assert table.entry(entry(started=4.0), at(10)) is None


def test_dump_shows_an_end(table: FlowTable) -> None:
    """An entry in TIME_WAIT is over: known flows end, unknown ones are reported as ended."""
    table.start(new(1), at(0))
    assert _said(table.entry(entry(1, tcp_state=7), at(3))) == ("closed", "fin", 3.0)
    assert table.entry(entry(1, tcp_state=7), at(4)) is None
    assert _said(table.entry(entry(2, started=1.0, tcp_state=8), at(4))) == ("closed", "reset", 3.0)


def test_silent_flows(table: FlowTable) -> None:
    """A flow of which the kernel never tells is watched by dumps: when it is gone it has ended, for an unknown reason."""
    flow = table.entry(entry(started=None), at(0))
    assert flow is not None
    table.watch_silent([flow])
    assert table.has_silent
    table.missing(set(), at(3))
    assert table.has_silent_suspects
    (gone,) = table.missing(set(), at(4))
    assert (gone.state, gone.close_reason) == ("closed", "unknown")
    assert not table.has_silent


def test_bounded(table: FlowTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full table follows no further connections, counts them, and still reports their ends whole."""
    monkeypatch.setattr(limits, "FLOWS_MAX", 1)
    table.start(new(1), at(0))
    assert table.start(new(2), at(0)) is None
    assert table.counters.not_followed == 1
    assert _said(table.end(destroy(2, started=0.0, stopped=1.0), at(1))) == ("closed", "fin", 1.0)


@pytest.mark.parametrize(("changes", "ended"), [
    ({}, 5.0), ({"tcp_state": 8}, 115.0), ({"tcp_state": 3}, 125.0), ({"timeout_s": 100}, 125.0), ({"tcp_state": None}, 125.0),
])  # fmt: skip
def test_linger(table: FlowTable, changes: dict[str, object], ended: float) -> None:
    """An entry that expired in a state in which its connection was over ended when that state began."""
    table.linger_us = {7: 120_000_000, 8: 10_000_000}
    table.start(new(), at(0))
    flow = table.end(destroy(stopped=125.0, **changes), at(130))  # type: ignore[arg-type]
    assert flow is not None
    assert flow.ended_us == at(ended)


def test_clock_set_back(table: FlowTable) -> None:
    """An end before its start, from a clock that was set back, is taken as its start."""
    table.start(new(seconds=10.0), at(10))
    assert _said(table.end(destroy(started=10.0, stopped=5.0), at(5))) == ("closed", "fin", 0.0)


def test_progress() -> None:
    """An open connection is news when its counters have grown since it was reported, and only then."""
    table = FlowTable(b"abcdef")
    flow = table.start(new(), at(0))
    assert flow is not None
    assert table.progress(at(1)) == []
    table.entry(entry(counts=(4, 400, 3, 300)), at(60))
    assert table.progress(at(60)) == [flow]
    assert flow.seen_us == at(60)
    flow.told = flow.counted
    table.entry(entry(counts=(4, 400, 3, 300)), at(120))
    assert table.progress(at(120)) == []
    table.entry(entry(counts=(5, 500, 3, 300)), at(180))
    table.end(destroy(), at(181))
    assert table.progress(at(182)) == []


OTHER: dict[str, Any] = {"source_port": 40_001, "reply_destination_port": 40_001}
"""Another tuple."""


@pytest.mark.parametrize("apart", [0.0, 0.000_2, 0.05, 30.0])
def test_one_id_twice(table: FlowTable, apart: float) -> None:
    """Two connections that have one id at the same time are both reported, under names of their own, and both end as themselves,
    however close together they began."""
    first, second = table.start(new(), at(0)), table.start(new(seconds=apart, **OTHER), at(apart))
    assert first is not None
    assert second is not None
    assert first.flow_id != second.flow_id
    assert table.settle(at(31)) == []
    assert (len(table), table.counters.opened, table.counters.reborn, table.has_overdue) == (2, 2, 0, False)
    assert table.end(destroy(stopped=40.0), at(40)) is first
    assert second.ended_us is None
    assert table.end(destroy(started=apart, stopped=50.0, **OTHER), at(50)) is second
    assert [_said(flow) for flow in (first, second)] == [("closed", "fin", 40.0), ("closed", "fin", 50.0 - apart)]
    assert (len(table), table.counters.unmatched_ends) == (0, 0)


def test_one_id_twice_in_dumps(table: FlowTable) -> None:
    """A dump of two connections with one id is no news when both are known, and neither goes missing while both are there."""
    flows = [table.entry(entry(started=1.0), at(2)), table.entry(entry(started=1.0, **OTHER), at(2))]
    assert None not in flows
    for seconds in (10, 60, 120):
        assert table.entry(entry(started=1.0), at(seconds)) is None
        assert table.start(new(seconds=1.0, **OTHER), at(seconds)) is None
        assert table.settle(at(seconds)) == []
        assert table.missing({key_of(new()), key_of(new(**OTHER))}, at(seconds)) == []
    assert len(table) == 2
    table.missing({key_of(new(**OTHER))}, at(130))
    assert table.has_suspects
    table.missing(set(), at(200))
    assert {flow.state for flow in table.missing(set(), at(240))} == {"lost"}
    assert table.counters.lost == 2
    assert _said(table.end(destroy(started=1.0, stopped=199.0, **OTHER), at(241))) == ("closed", "fin", 198.0)


def test_one_id_twice_and_prompt_ends(table: FlowTable) -> None:
    """A closing update closes the connection that it is about, and the counters of another one with its id are not its own."""
    first, second = table.start(new(), at(0)), table.start(new(seconds=1.0, **OTHER), at(1))
    assert table.closing(closing(**OTHER))
    assert table.closed(closing(seconds=3.0, **OTHER), entry(counts=(9, 900, 9, 900)), at(3)) is second
    assert second is not None
    assert second.counted is None
    assert table.closing(closing())
    assert not table.closing(closing(**OTHER))
    assert table.closed(closing(seconds=4.0), entry(counts=(9, 900, 9, 900)), at(4)) is first
    assert first is not None
    assert first.counted == (9, 900, 9, 900)


def test_one_id_twice_in_silence(table: FlowTable) -> None:
    """Of two silent flows with one id, one that ends as the kernel tells leaves the other one watched."""
    flows = [table.entry(entry(started=None, source_port=port), at(0)) for port in (1, 2)]
    table.watch_silent([flow for flow in flows if flow is not None])
    assert table.end(destroy(started=None, source_port=1), at(1)) is flows[0]
    assert table.has_silent
    table.missing(set(), at(3))
    assert table.missing(set(), at(4)) == [flows[1]]


@given(some.lists(some.tuples(some.integers(1, 2), some.integers(1, 2)), max_size=40), some.integers(1, 6))
def test_every_connection_once(steps: list[tuple[int, int]], batch: int) -> None:
    """However connections share ids and use them again, each is reported under one name of its own, and ends as itself."""
    table = FlowTable(b"abcdef")
    live: dict[tuple[int, int], float] = {}
    began: list[float] = []
    flows: dict[str, Flow] = {}
    for first in range(0, len(steps), batch):
        starts: list[Record] = []
        ends: list[Record] = []
        for index, (number, port) in enumerate(steps[first : first + batch], first):
            if (number, port) in live:
                ends.append(destroy(number, live.pop((number, port)), float(index), source_port=port))
            else:
                live[number, port] = float(index)
                began.append(float(index))
                starts.append(new(number, float(index), source_port=port))
        now = at(first + batch)
        told = [table.start(record, now) for record in starts] + [table.end(record, now) for record in ends] + table.settle(now)
        flows |= {flow.flow_id: flow for flow in told if flow is not None}
    assert sorted(flow.started_us for flow in flows.values()) == [at(seconds) for seconds in began]
    assert sorted(flow.started_us for flow in flows.values() if flow.ended_us is None) == sorted(at(seconds) for seconds in live.values())
    assert len(table) == len(live)
