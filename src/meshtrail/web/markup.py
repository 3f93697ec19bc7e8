"""Markup that templates show twice, or as text."""

import re

from markupsafe import Markup

_REFERENCES = re.compile(r'(?<=\s)(id|for|aria-labelledby|aria-describedby|aria-controls)="([^"]+)"')


def twin(markup: Markup, prefix: str) -> Markup:
    """The same markup for a second place on the page: ids and what refers to them get a prefix."""

    def renamed(found: re.Match[str]) -> str:
        return f'{found[1]}="{" ".join(f"{prefix}-{name}" for name in found[2].split())}"'

    return Markup(_REFERENCES.sub(renamed, markup))  # noqa: S704 - what was escaped stays escaped: only names of ids change


def indented(markup: Markup) -> str:
    """The markup as text to read and to copy: without blank lines and without the indentation of the template."""
    lines = [line.rstrip() for line in str(markup).splitlines() if line.strip()]
    least = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    return "\n".join(line[least:] for line in lines)
