"""The control store of this machine's server, opened by a command. A running server notices what the command changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshtrail.control.service import Control
from meshtrail.server import CONTROL_FILE


@contextmanager
def opened(data: Path) -> Iterator[tuple[Control, str]]:
    """The store and its first organisation."""
    control = Control(data / CONTROL_FILE)
    control.open()
    try:
        yield control, control.first_organisation()[0]
    finally:
        control.close()
