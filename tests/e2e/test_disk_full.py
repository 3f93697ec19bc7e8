"""A full disk: senders are told, nothing acknowledged is lost, and the server goes on when there is room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rows import report
from tests.servers import ServerProcess

DISK_MB = 160


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_is_said_and_survived(small_disk: Path) -> None:
    """503 names the disk; after room is made the same batch is stored; every acknowledged row is there."""
    with ServerProcess(small_disk / "data") as server:
        first = [report() for _ in range(500)]
        assert server.ingest(first)[0] == 200
        ballast = small_disk / "ballast"
        free = os.statvfs(small_disk)
        with ballast.open("wb") as file:
            left = free.f_bavail * free.f_frsize - 100_000
            while left > 0:
                file.write(b"x" * min(left, 1 << 20))
                left -= 1 << 20
        second = [report(user_name=os.urandom(200).hex()) for _ in range(2_000)]
        status, answer = server.ingest(second)
        assert status == 503, answer
        assert "disk" in answer["error"]["message"]
        assert server.call("GET", "/readyz")[0] == 503
        ballast.unlink()
        assert server.ingest(second)[0] == 200
        assert server.call("GET", "/readyz")[0] == 200
        _, listed = server.call("GET", "/api/v1/traffic?limit=5000")
        assert {row["flow_id"] for row in listed["data"]} == {row["flow_id"] for row in (*first, *second)}
