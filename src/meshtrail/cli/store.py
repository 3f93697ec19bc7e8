"""The control store of this machine's server, opened by a command. A running server notices what the command changes."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshtrail.cli.options import CONTROL_URL
from meshtrail.control.actor import Actor
from meshtrail.control.service import Control
from meshtrail.model.enums import InitiatorType
from meshtrail.server import control_place


@contextmanager
def opened(data: Path) -> Iterator[tuple[Control, str]]:
    """The store and its first organisation."""
    control = Control(control_place(data, os.environ.get(CONTROL_URL, "")))
    control.open()
    try:
        yield control, control.first_organisation()[0]
    finally:
        control.close()


def terminal(org_id: str) -> Actor:
    """Whoever sits at the server's terminal: the account of the machine, and the person behind `sudo` where there is one."""
    try:
        account = getpass.getuser()
    except (OSError, KeyError):
        account = str(os.getuid())
    person = os.environ.get("SUDO_USER", account)
    name = account if person == account else f"{account}, by sudo of {person}"
    return Actor(org_id, f"terminal:{person}", InitiatorType.user, f"{name} (terminal of the server)")
