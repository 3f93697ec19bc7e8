"""How totals stand against the window before."""

import pytest

from meshtrail.web.overview_totals import growth


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [(112, 100, "+12 %"), (60, 100, "−40 %"), (340, 100, "×3.4"), (123_456, 10, "×12,345"), (5, 5, ""), (5, 0, ""), (0, 5, "−100 %"),
     (100_001, 100_000, "")],
)  # fmt: skip
def test_growth(now: int, before: int, said: str) -> None:
    """In percent, or in times; nothing where there is nothing to compare."""
    assert growth(now, before) == said
