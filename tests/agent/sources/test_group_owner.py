"""Who owns a log group."""

import os

import pytest

from meshtrail.agent.sources import group_owner
from meshtrail.agent.sources.group_owner import Owner, holds, owner_of
from meshtrail.agent.sources.nflog import Nflog
from tests.agent.netns import Pair


@pytest.mark.netns
def test_owner(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that holds the socket, whatever number the socket has; a guess where that cannot be seen; nobody without an owner."""
    assert pair.near.inside(lambda: owner_of(78)) is None
    nflog = pair.near.inside(lambda: Nflog(78))
    found = pair.near.inside(lambda: owner_of(78))
    assert found is not None
    assert (found.pid, found.certain) == (os.getpid(), True)
    assert str(found) == f"{found.name} (process {os.getpid()})"
    monkeypatch.setattr(group_owner, "SOCKETS_FILE", "/proc/none")
    guessed = pair.near.inside(lambda: owner_of(78))
    assert guessed is None or str(guessed).startswith("probably ")
    nflog.close()


def test_text() -> None:
    """A guess is called one."""
    assert str(Owner(5, "ulogd", False)) == "probably ulogd (process 5)"


def test_holds(tmp_path: os.PathLike[str]) -> None:
    """Whether a process has a file open; of one that is gone, no."""
    path = os.path.join(os.path.realpath(tmp_path), "file")
    with open(path, "w", encoding="ascii"):
        assert holds(os.getpid(), path)
    assert not holds(os.getpid(), path)
    assert not holds(2**30, path)
