"""Design tokens: every colour has a use, and text can be read on what it stands on."""

import pytest

from meshtrail.web.assets import Assets
from meshtrail.web.tokens import USES, Colour, colours, contrast, measures

CSS = Assets().files["css/tokens.css"].content.decode()


def test_contrast_is_that_of_the_standard() -> None:
    """White on black is 21 to 1; the order does not matter."""
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == pytest.approx(1)


@pytest.mark.parametrize("colour", colours(CSS), ids=lambda colour: colour.name)
def test_what_is_read_can_be_read(colour: Colour) -> None:
    """In both themes."""
    assert min(colour.light_ratio, colour.dark_ratio) >= colour.least


def test_nothing_is_described_that_is_not_there() -> None:
    """And measures are found too."""
    assert {colour.name for colour in colours(CSS)} == set(USES)
    assert dict(measures(CSS))["row"] == "32px"
