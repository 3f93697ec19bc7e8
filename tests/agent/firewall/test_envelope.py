"""The signed map on disk."""

from pathlib import Path

import pytest

from meshtrail.agent.firewall import limits
from meshtrail.agent.firewall.envelope import EnvelopeFile
from meshtrail.agent.firewall.verify import Verifier
from tests.agent.firewall.maps import network_map
from tests.agent.firewall.test_verify import TRUST, sealed


def _serial(files: EnvelopeFile) -> int:
    body = files.load()
    assert body is not None
    return Verifier(TRUST).check(body)[0].serial


def _offer(files: EnvelopeFile, serial: int) -> None:
    files.offer(Verifier(TRUST).check(sealed(network_map(serial=serial)))[1])


def test_offered_and_kept(tmp_path: Path) -> None:
    """The last map that proved itself is the one to begin with; before the first, the offered one."""
    files = EnvelopeFile(tmp_path / "state")
    assert files.load() is None
    files.keep()
    _offer(files, 1)
    assert _serial(files) == 1
    files.keep()
    _offer(files, 2)
    assert _serial(files) == 1
    files.keep()
    assert _serial(files) == 2
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / "state").iterdir())
    files.forget()
    assert files.load() is None and not list((tmp_path / "state").iterdir())


def test_disk_refuses(tmp_path: Path) -> None:
    """When the disk does not take a map, the one before is still there."""
    files = EnvelopeFile(tmp_path)
    _offer(files, 1)
    files.keep()
    (tmp_path / "network-map.offered.json.part").mkdir()
    with pytest.raises(OSError, match="directory"):
        _offer(files, 2)
    assert _serial(files) == 1


def test_foreign_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is too large to be ours is not read."""
    files = EnvelopeFile(tmp_path)
    _offer(files, 1)
    monkeypatch.setattr(limits, "ENVELOPE_BYTES_MAX", 10)
    with pytest.raises(ValueError, match="more than 10 bytes"):
        files.load()
