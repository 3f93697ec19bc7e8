"""Rules on the real kernel, with real sockets."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtrail.agent.firewall import watch
from meshtrail.agent.firewall.compile import Endpoint, Options
from meshtrail.agent.firewall.naming import DEFAULT_DENY, decision_of
from meshtrail.agent.firewall.service import Firewall, Result
from meshtrail.model.network_map import Action, Chain, Mode, Protocol, ResourceType, RoutedResource
from tests.agent.firewall.bench import START_US, Bench, connects, pings
from tests.agent.firewall.maps import FAR, governed, network_map, rule
from tests.agent.netns import Namespace, Pair, run, until

pytestmark = pytest.mark.netns
NEAR4, NEAR6 = "10.77.0.1", "fd77::1"


def test_allow_by_port(pair: Pair, bench: Bench) -> None:
    """A port in a range of the rule is open over both families, and its connections carry the rule's number; another one is
    closed, counted and logged."""
    for address, family in ((NEAR4, socket.AF_INET), (NEAR6, socket.AF_INET6)):
        with pair.near.listen(address, family) as good, pair.near.listen(address, family) as bad:
            port = good.getsockname()[1]
            allowing = rule("a", (port, port), 1)
            bench.apply(network_map(allowing, serial=port))
            assert connects(pair.far, address, port, bench)
            (mark,) = {*bench.marks("-f", "ipv6" if ":" in address else "ipv4", "-p", "tcp", "--dport", str(port))}
            assert bench.firewall.by_mark(mark, START_US + 1_000_000_000) == decision_of(allowing)
            assert not connects(pair.far, address, bad.getsockname()[1], bench)
    assert bench.denied == bench.logged >= 1
    assert bench.firewall.by_prefix("meshtrail::@0:D", START_US) == DEFAULT_DENY


def test_icmp_and_neighbours(pair: Pair, bench: Bench) -> None:
    """Echo requests of both families are one protocol; neighbours find each other even when nothing is allowed."""
    bench.apply(network_map(rule("a", protocol=Protocol.icmp)))
    assert pings(pair.far, NEAR4, 7) and pings(pair.far, NEAR6, 7)
    bench.apply(network_map(serial=2))
    pair.far.ip("neigh", "flush", "all")
    assert not pings(pair.far, NEAR4, 8) and not pings(pair.far, NEAR6, 8)
    assert bench.denied == 2
    assert "lladdr" in pair.far.ip("-6", "neigh", "show", NEAR6)


def test_default_allow(pair: Pair, bench: Bench) -> None:
    """With an open default what no rule matches passes without a number, and drops still drop."""
    with pair.near.listen(NEAR4) as listener, pair.near.listen(NEAR4) as closed:
        port, closed_port = listener.getsockname()[1], closed.getsockname()[1]
        bench.apply(network_map(rule("a", closed_port, action=Action.drop), on=(governed(default=Action.accept),)))
        assert connects(pair.far, NEAR4, port, bench) and not connects(pair.far, NEAR4, closed_port, bench)
        assert bench.marks("-p", "tcp", "--dport", str(port)) == [0]


def test_not_governed(pair: Pair, bench: Bench) -> None:
    """What is not governed is left alone: other sources, other destinations, and the machine itself."""
    pair.near.ip("addr", "add", "10.78.0.1/32", "dev", "lo")
    pair.far.ip("route", "add", "10.78.0.1/32", "via", NEAR4)
    with pair.near.listen("0.0.0.0") as listener:
        port = listener.getsockname()[1]
        bench.apply(network_map(on=(governed(destinations=("10.77.0.0/16",)),)))
        assert connects(pair.far, "10.78.0.1", port, bench) and not connects(pair.far, NEAR4, port, bench)
        assert connects(pair.near, NEAR4, port, bench)


def test_first_governed_decides(pair: Pair, bench: Bench) -> None:
    """Kinds of traffic are tried in order."""
    with pair.near.listen(NEAR4) as listener:
        open_first = (governed(sources=FAR, default=Action.accept), governed())
        bench.apply(network_map(on=open_first))
        assert connects(pair.far, NEAR4, listener.getsockname()[1], bench)
        bench.apply(network_map(on=open_first[::-1], serial=2))
        assert not connects(pair.far, NEAR4, listener.getsockname()[1], bench)


def test_drop_before_accept(pair: Pair, bench: Bench) -> None:
    """A drop wins over an accept that comes first in the map, and its denial has its name."""
    with pair.near.listen(NEAR4) as listener:
        port = listener.getsockname()[1]
        dropping = rule("b", port, action=Action.drop, sources=FAR)
        bench.apply(network_map(rule("a", port), dropping))
        assert not connects(pair.far, NEAR4, port, bench)
    assert bench.firewall.by_prefix("meshtrail:policy-b:rule-b@1:D", START_US + 2_000_000_000) == decision_of(dropping)


def test_reload_keeps_connections(pair: Pair, bench: Bench) -> None:
    """A connection goes on when the rule that allowed it is gone; a new one is denied. What was counted stays."""
    with pair.near.listen(NEAR4) as listener, pair.far.open() as client:
        port = listener.getsockname()[1]
        bench.apply(network_map(rule("a", port)))
        client.connect((NEAR4, port))
        accepted, _ = listener.accept()
        assert not connects(pair.far, NEAR4, port + 1 if port < 65_535 else port - 1, bench)
        denied = bench.denied
        bench.apply(network_map(serial=2))
        assert bench.denied >= denied
        assert not connects(pair.far, NEAR4, port, bench)
        with accepted:
            client.sendall(b"still here")
            assert accepted.recv(100) == b"still here"
            accepted.sendall(b"me too")
            assert client.recv(100) == b"me too"


def test_marks_of_others_stay(pair: Pair, bench: Bench) -> None:
    """Bits that others wrote into the mark before us stay."""
    pair.near.nft("add table inet other; add chain inet other c { type filter hook prerouting priority -100; }; "
                  "add rule inet other c ct state new ct mark set 0x0001bd10")  # fmt: skip
    with pair.near.listen(NEAR4) as listener:
        bench.apply(network_map(rule("a", listener.getsockname()[1])))
        assert connects(pair.far, NEAR4, listener.getsockname()[1], bench)
    assert 0x0101BD10 in bench.marks("-p", "tcp")


def test_output_marks_and_never_blocks(pair: Pair, bench: Bench) -> None:
    """Connections of this machine carry the rule that is about them; those that no rule is about leave too."""
    with pair.far.listen("10.77.0.2") as listener, pair.far.listen("10.77.0.2") as other:
        port = listener.getsockname()[1]
        out = rule("out", port, chain=Chain.output, destinations=FAR)
        bench.apply(network_map(out, on=(governed(Chain.output), governed())))
        assert connects(pair.near, "10.77.0.2", port, bench) and connects(pair.near, "10.77.0.2", other.getsockname()[1], bench)
        assert bench.marks("-p", "tcp", "--dport", str(port)) == [1 << 24]


@pytest.fixture
def behind(pair: Pair) -> Iterator[Namespace]:
    """A namespace behind the near one: 10.88.0.2, which knows no way back."""
    made = Namespace(f"mtb{pair.near_link}")
    run("ip", "link", "add", "mtb0", "netns", made.name, "type", "veth", "peer", "name", "mtb1", "netns", pair.near.name)
    made.ip("addr", "add", "10.88.0.2/24", "dev", "mtb0")
    pair.near.ip("addr", "add", "10.88.0.1/24", "dev", "mtb1")
    made.ip("link", "set", "mtb0", "up")
    pair.near.ip("link", "set", "mtb1", "up")
    pair.far.ip("route", "add", "10.88.0.0/24", "via", NEAR4)
    pair.near.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    yield made
    made.close()


ROUTED = (governed(Chain.forward, network_id="net1", destinations=("10.88.0.0/24",)),)


def test_routed(pair: Pair, bench: Bench, behind: Namespace) -> None:
    """A routing peer lets through what a rule allows to a resource behind it, by address and by name, and denies the rest."""
    behind.ip("route", "add", "default", "via", "10.88.0.1")
    with behind.listen("10.88.0.2") as database, behind.listen("10.88.0.2") as other:
        port, other_port = database.getsockname()[1], other.getsockname()[1]
        routed = rule("db", port, chain=Chain.forward, destinations=("10.88.0.2/32",), resource_id="r1", resource_name="Database")
        bench.apply(network_map(routed, on=ROUTED))
        assert connects(pair.far, "10.88.0.2", port, bench) and not connects(pair.far, "10.88.0.2", other_port, bench)
        (mark,) = bench.marks("-p", "tcp", "--dport", str(port))
        decision = bench.firewall.by_mark(mark, START_US + 2_000_000_000)
        assert decision is not None and decision.resource_name == "Database"
        named = rule("name", other_port, chain=Chain.forward, domains=("db.test",))
        bench.names["db.test"] = ["10.88.0.2", "127.0.0.1"]
        pair.near.inside(bench.firewall.start)
        bench.apply(network_map(named, on=ROUTED, serial=2))
        until(lambda: connects(pair.far, "10.88.0.2", other_port, bench), "the name is resolved")


def test_masquerade(pair: Pair, bench: Bench, behind: Namespace) -> None:
    """A resource that knows no way back sees the routing peer's address; what the routing peer itself opens is not changed."""
    pair.near.ip("addr", "add", "10.88.0.7/24", "dev", "mtb1")
    resource = RoutedResource("r1", "Database", ResourceType.subnet, "10.88.0.0/24", "net1", masquerade=True)
    with behind.listen("10.88.0.2") as database, pair.near.open() as own:
        port = database.getsockname()[1]
        bench.apply(network_map(rule("db", port, chain=Chain.forward), on=ROUTED, resources=(resource,)))
        assert connects(pair.far, "10.88.0.2", port, bench)
        own.bind(("10.88.0.7", 0))
        own.connect(("10.88.0.2", port))
        seen = [database.accept() for _ in range(2)]
        assert [address for _, (address, _) in seen] == ["10.88.0.1", "10.88.0.7"]
        for accepted, _ in seen:
            accepted.close()
        bench.apply(network_map(rule("db", port, chain=Chain.forward), on=ROUTED, serial=2))
        assert "postrouting" not in pair.near.run("nft", "list", "table", "inet", "meshtrail")


def test_server_is_never_blocked(pair: Pair, bench: Bench) -> None:
    """Nothing is allowed and the kernel has forgotten the connection; what the server sends on it still arrives."""
    with pair.far.listen("10.77.0.2") as listener, pair.near.open() as client:
        server_port = listener.getsockname()[1]
        client.connect(("10.77.0.2", server_port))
        accepted, _ = listener.accept()
        bench.apply(network_map(on=(governed(), governed(Chain.output))))
        bench.set_servers(Endpoint("10.77.0.2", server_port))
        pair.near.run("conntrack", "-F")
        with accepted:
            accepted.sendall(b"a new map")
            assert client.recv(100) == b"a new map"


def test_server_opens_nothing(pair: Pair, bench: Bench) -> None:
    """The server's port is no way around the rules: connections that come from it are judged like all others."""
    with pair.far.open() as intruder, pair.near.listen(NEAR4) as closed:
        intruder.bind(("10.77.0.2", 0))
        bench.apply(network_map())
        bench.set_servers(Endpoint("10.77.0.2", intruder.getsockname()[1]))
        intruder.setblocking(False)
        intruder.connect_ex((NEAR4, closed.getsockname()[1]))
        until(lambda: bench.denied, "denied")


def test_flood_is_counted(pair: Pair, bench: Bench) -> None:
    """Above the limit denials are counted and not logged, and the difference is told once."""
    bench.apply(network_map())
    with pair.far.open(kind=socket.SOCK_DGRAM) as sender:
        for number in range(4_000):
            sender.sendto(b"x", (NEAR4, 20_000 + number))
    until(lambda: bench.denied == 4_000, "all denied")
    suppressed = pair.near.inside(bench.firewall.suppressed)
    assert suppressed == 4_000 - bench.logged > 0
    assert pair.near.inside(bench.firewall.suppressed) == 0
    bench.apply(network_map(rule("a", 1), serial=2))
    assert bench.denied == 4_000 and pair.near.inside(bench.firewall.suppressed) == 0
    assert bench.firewall.metrics()["denials"] == 4_000


def test_revert(pair: Pair, bench: Bench) -> None:
    """A map over which the server does not answer is taken back in time; when the server answers again it gets another
    chance, later each time."""
    with pair.near.listen(NEAR4) as listener:
        port = listener.getsockname()[1]
        good, bad = network_map(rule("a", port), serial=1), network_map(serial=2)
        bench.apply(good, trial=True)
        bench.firewall.confirm()
        bench.apply(bad, trial=True)
        bench.firewall.confirm(asked_s=bench.now_s - 1)
        assert bench.firewall.on_trial
        bench.turn(29)
        assert bench.firewall.in_force == bad and not connects(pair.far, NEAR4, port, bench)
        bench.turn(2)
        assert bench.firewall.in_force == good and connects(pair.far, NEAR4, port, bench)
        assert bench.firewall.counters.maps_reverted == 1
        assert bench.apply(bad, trial=True).result is Result.postponed
        bench.firewall.confirm()
        bench.turn()
        assert bench.firewall.in_force == good
        bench.turn(61)
        bench.firewall.confirm()
        bench.turn()
        assert bench.firewall.in_force == bad
        bench.firewall.confirm()
        bench.turn(100)
        assert bench.firewall.in_force == bad and not bench.firewall.on_trial


def test_revert_to_nothing(pair: Pair, bench: Bench) -> None:
    """Before the first map there was none: then there are no rules again."""
    bench.apply(network_map(), trial=True)
    assert "meshtrail" in bench.tables()
    bench.turn(31)
    assert "meshtrail" not in bench.tables() and bench.firewall.in_force is None


CHANGES = (
    "flush ruleset", "delete table inet meshtrail", "flush chain inet meshtrail input_rules", "insert rule inet meshtrail input accept",
    "delete rule inet meshtrail input handle {handle}", "add element inet meshtrail {set} {{ 10.99.0.0/16 }}",
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_changed_under_us(pair: Pair, bench: Bench, change: str) -> None:
    """Whoever removes or changes the table finds it made again, counted."""
    bench.apply(network_map(rule("a", 22, sources=("10.1.0.0/16", "10.3.0.0/16"))))
    before = pair.near.run("nft", "list", "table", "inet", "meshtrail")
    listed = pair.near.run("nft", "-a", "list", "table", "inet", "meshtrail")
    handle = listed.split("iifname")[1].split("handle ")[1].split("\n")[0]
    pair.near.run("nft", change.format(handle=handle, set=listed.split("set ")[1].split(" ")[0]))
    bench.turn(wait_s=5)
    bench.turn(1)
    assert bench.firewall.counters.rules_changed_under_us == 1
    assert pair.near.run("nft", "list", "table", "inet", "meshtrail") == before
    bench.turn()
    bench.turn(10)
    assert bench.firewall.counters.rules_changed_under_us == 1


def test_changes_of_others(pair: Pair, bench: Bench) -> None:
    """Others may change their own rules; that is no fault, and no reason to load ours again."""
    bench.apply(network_map(rule("a", 22)))
    pair.near.nft("add table ip other; add chain ip other c { type filter hook input priority 0; }; add rule ip other c counter")
    bench.turn(wait_s=5)
    bench.turn(1)
    assert bench.firewall.counters.rules_changed_under_us == 0 and bench.firewall.counters.rulesets_loaded == 1


def test_remove_leaves_others(pair: Pair, bench: Bench) -> None:
    """Stopping takes our table away and nothing else, also one that an earlier run left behind."""
    pair.near.nft("add table ip meshtrail; add table inet meshtrail_track; add table inet other")
    bench.apply(network_map(rule("a", 22)))
    later = bench.another()
    pair.near.inside(later.stop)
    assert bench.tables() == {"meshtrail", "meshtrail_track", "other"}
    assert "table ip meshtrail" in pair.near.run("nft", "list", "tables")


def test_observe_mode_removes(pair: Pair, bench: Bench) -> None:
    """When the peer is to observe only, the rules of an earlier map go."""
    bench.apply(network_map(rule("a", 22)))
    assert bench.apply(network_map(rule("a", 22), serial=2, mode=Mode.observe)).result is Result.observing
    assert bench.tables() == set()


def test_numbers_survive(pair: Pair, bench: Bench) -> None:
    """An agent that starts again gives the same numbers, and knows those of connections from before."""
    with pair.near.listen(NEAR4) as listener:
        allowing = rule("a", listener.getsockname()[1])
        bench.apply(network_map(rule("z", 1), allowing))
        assert connects(pair.far, NEAR4, listener.getsockname()[1], bench)
        later = bench.another()
        bench.now_s += 100
        pair.near.inside(lambda: later.apply(network_map(allowing, serial=2)))
        assert connects(pair.far, NEAR4, listener.getsockname()[1], bench)
        (mark,) = set(bench.marks("-p", "tcp", "--dport", str(listener.getsockname()[1])))
        assert later.by_mark(mark, START_US + 1_000_000_000) == decision_of(allowing)
        pair.near.inside(later.stop)


def test_refused_by_the_kernel(pair: Pair, bench: Bench) -> None:
    """A ruleset that the kernel refuses leaves the one in force, is told with its statement, and is tried again."""
    first = network_map(rule("a", 22))
    bench.apply(first)
    bench.firewall._kernel.options = bench.firewall._kernel.options.__class__(priority=2**31 - 1, servers=(Endpoint("10.0.0.1", 70_000),))
    outcome = bench.apply(network_map(rule("b", 23), serial=2))
    assert outcome.result is Result.failed and "70000" in outcome.detail
    assert bench.firewall.in_force == first and "tcp dport 22" in pair.near.run("nft", "list", "table", "inet", "meshtrail")
    bench.set_servers()
    bench.turn(2)
    in_force = bench.firewall.in_force
    assert in_force is not None and in_force.serial == 2


def test_many_rules(pair: Pair, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """5,000 rules are loaded in one transaction, and again; the times are printed."""
    rules = tuple(rule(str(number), number + 1, sources=(f"10.{number % 200}.0.0/16", "10.200.7.0/24")) for number in range(5_000))
    took = []
    for serial in (1, 2):
        before = time.perf_counter()
        assert bench.apply(network_map(*rules[: 5_000 - serial], serial=serial)).result is Result.applied
        took.append(time.perf_counter() - before)
    assert bench.firewall.counters.rules_unnumbered == 4_998 - 255
    with capsys.disabled():
        print(f"\n5,000 rules: compiled, loaded and listed in {took[0]:.2f} s, replaced in {took[1]:.2f} s")


def test_generation(pair: Pair) -> None:
    """Each transaction is one generation."""
    before = pair.near.inside(watch.generation)
    pair.near.nft("add table inet other")
    assert pair.near.inside(watch.generation) == watch.following(before)


def test_by_itself(pair: Pair, tmp_path: Path) -> None:
    """The firewall's own thread makes a removed table again, and takes back a map over which nobody answers."""
    firewall = Firewall(Options(), tmp_path, trial_s=1.0)
    try:
        pair.near.inside(firewall.start)
        pair.near.inside(lambda: firewall.apply(network_map(rule("a", 22)), trial=False))
        pair.near.run("nft", "flush", "ruleset")
        until(lambda: firewall.counters.rulesets_loaded == 2, "the table is made again")
        assert "tcp dport 22" in pair.near.run("nft", "list", "table", "inet", "meshtrail")
        pair.near.inside(lambda: firewall.apply(network_map(serial=2)))
        until(lambda: firewall.counters.maps_reverted == 1 and not firewall.on_trial, "the map is taken back")
        until(lambda: firewall.counters.rulesets_loaded == 4, "the rules before it are back")
        assert "tcp dport 22" in pair.near.run("nft", "list", "table", "inet", "meshtrail")
    finally:
        pair.near.inside(firewall.stop)
    assert not pair.near.run("nft", "list", "tables")


def test_who_never_began_takes_nothing_away(pair: Pair, bench: Bench) -> None:
    """An agent that could not start, because another one runs, leaves that one's rules alone."""
    bench.apply(network_map(rule("a", 4_711)))
    second = bench.another()
    pair.near.inside(second.stop)
    assert "meshtrail" in bench.tables()
