"""The design tokens as the style sheet has them, with the contrast of each colour (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from dataclasses import dataclass

_COLOUR = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
_OTHER = re.compile(r"--((?:face|size|row|gutter|radius)[a-z-]*): ([^;]+);")
TEXT, GRAPHIC = 4.5, 3.0
"""Least contrast of text, and of what has to be seen without a word beside it."""

USES: dict[str, tuple[str, str, float]] = {
    "ground": ("Behind everything", "", 0),
    "surface": ("Fields, buttons, menus, panels", "", 0),
    "hover": ("A row or button under the pointer", "", 0),
    "line": ("Between rows", "", 0),
    "line-strong": ("Edges of fields and buttons, which have words in them", "", 0),
    "text": ("What is read", "ground", TEXT),
    "text-second": ("What stands beside it", "ground", TEXT),
    "text-quiet": ("Labels and hints", "ground", TEXT),
    "accent": ("Links, focus, what is current: the only colour without a meaning", "ground", TEXT),
    "accent-soft": ("Behind what is current", "", 0),
    "on-accent": ("Words on the accent colour", "accent", TEXT),
    "allowed": ("Allowed, in order, added", "ground", TEXT),
    "denied": ("Denied, broken, removed", "denied-soft", TEXT),
    "denied-soft": ("Behind a denied row", "", 0),
    "denied-soft-hover": ("The same under the pointer", "", 0),
    "warn": ("Late, lossy, waiting, missing", "warn-soft", TEXT),
    "warn-soft": ("Behind what is missing", "", 0),
    "bar-allowed": ("Bars of allowed connections; numbers say the same", "", 0),
    "bar-unknown": ("Bars without a verdict; numbers say the same", "", 0),
    "bar-failed": ("Bars of what failed; numbers say the same", "", 0),
    "bar-denied": ("Bars of denied connections", "ground", GRAPHIC),
}
"""What each colour is for, what it stands on, and the least contrast there; nothing where none is asked."""


@dataclass(frozen=True, slots=True)
class Colour:
    """One colour in both themes."""

    name: str
    light: str
    dark: str
    use: str
    on: str
    """Name of the colour that it stands on; empty where it stands behind."""
    light_ratio: float
    dark_ratio: float
    least: float


def colours(css: str) -> tuple[Colour, ...]:
    """All colours of the style sheet; KeyError for one that nobody says the use of."""
    pairs = {name: (light, dark) for name, light, dark in _COLOUR.findall(css)}
    found = []
    for name, (light, dark) in pairs.items():
        use, on, least = USES[name]
        under = pairs[on or "ground"]
        found.append(Colour(name, light, dark, use, on, contrast(light, under[0]), contrast(dark, under[1]), least))
    return tuple(found)


def measures(css: str) -> tuple[tuple[str, str], ...]:
    """Faces, sizes and distances."""
    return tuple(_OTHER.findall(css))


def contrast(one: str, other: str) -> float:
    """Ratio of the luminances of two colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
