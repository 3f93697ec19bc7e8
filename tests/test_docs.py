"""The documentation agrees with the code."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_reference_pages_are_current() -> None:
    """`make docs` would change nothing."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "write_reference.py"), "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_every_dependency_has_its_reason() -> None:
    """Each direct requirement stands in the table of reasons."""
    reasons = (ROOT / "docs" / "internals" / "dependencies.md").read_text()
    for name in ("runtime", "dev"):
        for line in (ROOT / "requirements" / f"{name}.in").read_text().splitlines():
            if line and not line.startswith(("#", "-")):
                assert re.search(rf"\b{re.escape(line.partition('[')[0])}\b", reasons), line


def test_links_lead_somewhere() -> None:
    """Relative links of the documentation point at files that are there."""
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_every_page_is_in_the_index() -> None:
    """Nobody finds a page that no other one names."""
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")]
    missing = [str(page) for page in pages if page.parts[0] not in {"adr", "README.md"} and f"({page})" not in index]
    assert not missing


def test_locks_hold_hashes_and_no_addresses() -> None:
    """What is installed is named by hash alone."""
    for name in ("runtime", "dev"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        assert "://" not in text
        assert "--index" not in text
        assert text.count("--hash=sha256:") > text.count("==")
