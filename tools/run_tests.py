"""Runs pytest and says in the last lines what this machine could not test."""

import sys

import pytest


class _Skips:
    """Collects why tests were skipped."""

    def __init__(self) -> None:
        self.reasons: dict[str, int] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a skipped test under its reason."""
        if report.skipped and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            self.reasons[reason] = self.reasons.get(reason, 0) + 1


def main() -> int:
    """Exit code of pytest."""
    skips = _Skips()
    code = pytest.main(sys.argv[1:], plugins=[skips])
    for reason, count in skips.reasons.items():
        print(f"NOT TESTED HERE: {count} tests: {reason}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
