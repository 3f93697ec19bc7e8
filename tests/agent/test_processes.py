"""Owners of sockets, from the real /proc and from a written one."""

import os
import socket
from pathlib import Path

from meshtrail.agent import limits
from meshtrail.agent.processes import TCP, UDP, Processes, find, user_name, written

LINE = "   0: {local} 0100007F:0050 01 00000000:00000000 00:00000000 00000000  {uid}        0 {inode} 1 0000 100 0 0 10 0"


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _proc(root: Path, *, tcp: tuple[str, ...] = (), udp: tuple[str, ...] = (), holders: dict[int, tuple[str, int]] | None = None) -> str:
    """A /proc with these sockets and the processes that hold them."""
    (root / "self" / "net").mkdir(parents=True)
    for name, lines in (("tcp", tcp), ("udp", udp)):
        (root / "self" / "net" / name).write_text("\n".join(("  sl  local_address ...", *lines)) + "\n", encoding="ascii")
    for pid, (program, inode) in (holders or {}).items():
        (root / str(pid) / "fd").mkdir(parents=True)
        (root / str(pid) / "fd" / "3").symlink_to(f"socket:[{inode}]")
        (root / str(pid) / "comm").write_text(program + "\n", encoding="ascii")
    return str(root)


def test_real_socket() -> None:
    """A socket of this process is found as this process's, over both address families."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as listener, socket.socket(family) as client:
            listener.bind((address, 0))
            listener.listen()
            client.connect(listener.getsockname())
            endpoint = (TCP, socket.inet_pton(family, address), client.getsockname()[1])
            owner = Processes().owners({endpoint})[endpoint]
        assert (owner.uid, owner.user, owner.pid) == (os.getuid(), user_name(os.getuid()), os.getpid())
        assert owner.program == Path("/proc/self/comm").read_text(encoding="utf-8").strip()


def test_mapped_and_unconnected() -> None:
    """A socket of both families, and one of UDP without an address of its own, are found for an IPv4 connection."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as made:
        made.bind(("::", 0))
        endpoint = (UDP, socket.inet_aton("10.1.2.3"), made.getsockname()[1])
        assert Processes().owners({endpoint})[endpoint].pid == os.getpid()


def test_listener_is_no_initiator(tmp_path: Path) -> None:
    """A TCP socket that listens on all addresses is not the one that opened a connection from its port."""
    address = socket.inet_aton("10.0.0.1")
    proc = _proc(tmp_path, tcp=(LINE.format(local=written(b"\0" * 4, 80), uid=0, inode=5),))
    assert Processes(proc=proc).owners({(TCP, address, 80)}) == {}


def test_gone_socket_is_unknown(tmp_path: Path) -> None:
    """A socket without an inode has lost its owner: it is counted as unknown, not called root."""
    address = socket.inet_aton("10.0.0.1")
    processes = Processes(proc=_proc(tmp_path, tcp=(LINE.format(local=written(address, 80), uid=0, inode=0),)))
    assert processes.owners({(TCP, address, 80)}) == {}
    assert processes.unknown == 1


def test_exact_before_unconnected() -> None:
    """A socket with an address knows better than one without, whichever stands first."""
    address = socket.inet_aton("10.0.0.1")
    endpoint = (UDP, address, 53)
    exact, loose = written(address, 53), written(b"\0" * 4, 53)
    lines = [LINE.format(local=exact, uid=1, inode=11), LINE.format(local=loose, uid=2, inode=12)]
    for order in (lines, lines[::-1]):
        assert find(order, {exact: [endpoint], loose: [endpoint]})[endpoint] == (exact, 1, 11)


def test_broken_lines() -> None:
    """Lines that are no socket lines are passed over."""
    assert find(["", "x", "a b c d e f g h i j k"], {"b": [(TCP, b"", 1)]}) == {}


def test_program(tmp_path: Path) -> None:
    """The program is the one that holds the socket; without the right to see it, the user alone is known."""
    address = socket.inet_aton("10.0.0.1")
    lines = tuple(LINE.format(local=written(address, port), uid=0, inode=port) for port in (80, 81))
    owners = Processes(proc=_proc(tmp_path, tcp=lines, holders={42: ("curl", 80), 43: ("other", 9)})).owners(
        {(TCP, address, 80), (TCP, address, 81)}
    )
    assert owners[TCP, address, 80][2:] == (42, "curl")
    assert owners[TCP, address, 81][2:] == (None, None)


def test_time_is_bounded(tmp_path: Path) -> None:
    """Looks that cost more than their share of time are refused until it is earned again."""
    clock = Clock()

    class Slow(Processes):
        def _sockets(self, wanted: set[tuple[int, bytes, int]]) -> dict[tuple[int, bytes, int], tuple[int, int]]:
            clock.now += limits.PROCESS_CREDIT_S_MAX + 0.05
            return super()._sockets(wanted)

    processes = Slow(clock, _proc(tmp_path))
    assert processes.may_look
    processes.owners({(TCP, socket.inet_aton("10.0.0.1"), 80)})
    assert not processes.may_look
    clock.now += 0.06 / limits.PROCESS_TIME_SHARE_MAX
    assert processes.may_look


def test_unknown_user() -> None:
    """A number without a name is no name."""
    assert user_name(3_999_999_999) is None
