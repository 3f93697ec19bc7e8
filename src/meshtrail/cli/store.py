"""The control store of this machine's server, opened by a command. A running server notices what the command changes."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshtrail.cli.options import CONTROL_URL
from meshtrail.common.errors import OperationError
from meshtrail.control.actor import Actor
from meshtrail.control.service import Control
from meshtrail.model.enums import InitiatorType
from meshtrail.server import control_place


@contextmanager
def opened(data: Path) -> Iterator[tuple[Control, str]]:
    """The store and its first organisation; `OperationError` where no server has one: what would be made there nobody would know."""
    place = control_place(data, os.environ.get(CONTROL_URL, ""))
    if isinstance(place, Path) and not place.exists():
        raise OperationError(
            f"No server has its data in {data}.",
            "Run this as the server's user (sudo), or name its folder with --data; start one: meshtrail up",
        )
    control = Control(place)
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
