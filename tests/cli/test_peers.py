"""`meshtrail peers`."""

import pytest

from meshtrail.common.clock import wall_clock
from meshtrail.common.errors import PeerRemovedError
from meshtrail.control.actor import system
from meshtrail.control.service import Control
from tests.cli.conftest import Run
from tests.control.organisation import Machine


def enrolled(control: Control, machine: Machine) -> tuple[str, str]:
    """Id and token of a new peer."""
    org_id, _ = control.first_organisation()
    _, key = control.enrolment_keys.create(system(org_id), "key")
    let_in = control.enrolment.enrol(machine.asks(key, wall_clock()))
    return let_in.peer_id, let_in.token


def test_a_peer_is_listed_and_removed(run: Run, control: Control) -> None:
    """By its name or its id; its token is refused then."""
    first, token = enrolled(control, Machine("laptop", "100.64.0.1"))
    second, _ = enrolled(control, Machine("phone"))
    _, listed = run("peers", "list")
    assert first in listed and "100.64.0.1" in listed and "laptop" in listed and "no overlay address" in listed
    assert run("peers", "remove", "laptop") == (0, "removed\n")
    assert run("peers", "remove", second) == (0, "removed\n")
    assert run("peers", "list") == (0, "")
    with pytest.raises(PeerRemovedError):
        control.token_identity(token)


def test_a_name_has_to_be_one_peers(run: Run, control: Control) -> None:
    """Else the ids are told; a peer that is none is said."""
    ids = [enrolled(control, Machine("laptop"))[0] for _ in range(2)]
    code, words = run("peers", "remove", "laptop")
    assert code == 1
    assert all(each in words for each in ids)
    code, words = run("peers", "remove", "phone")
    assert (code, "no peer 'phone'" in words) == (1, True)
