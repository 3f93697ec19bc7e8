"""`meshtrail enrolment-key`."""

import pytest

from meshtrail.common.clock import wall_clock
from meshtrail.control.actor import system
from meshtrail.control.service import Control
from tests.cli.conftest import Run
from tests.control.organisation import Machine


def test_a_key_is_made_listed_and_revoked(run: Run, control: Control) -> None:
    """It is printed once, lets a machine in, and after it was revoked none."""
    org_id, _ = control.first_organisation()
    control.groups.create(system(org_id), "Staff")
    code, printed = run("enrolment-key", "create", "laptops", "--reusable", "--uses", "3", "--days", "1", "--group", "Staff")
    assert code == 0
    let_in = control.enrolment.enrol(Machine("laptop").asks(printed.strip(), wall_clock()))
    control.changes.announce(org_id)
    assert [group.name for group in control.snapshot(org_id).groups_of_peers[let_in.peer_id]] == ["All", "Staff"]
    code, listed = run("enrolment-key", "list")
    assert (code, printed.strip() in listed) == (0, False)
    identifier, state, uses, *_, name = listed.split()
    assert (state, uses, name) == ("valid", "1/3", "laptops")
    assert run("enrolment-key", "revoke", identifier) == (0, "revoked\n")
    assert "revoked" in run("enrolment-key", "list")[1]


@pytest.mark.usefixtures("control")
def test_what_is_not_there_is_said(run: Run) -> None:
    """A group that is none, a key that is none; a key is one-off and ends in a week unless told otherwise."""
    code, words = run("enrolment-key", "create", "x", "--group", "Staff")
    assert (code, "no group 'Staff'" in words) == (1, True)
    code, words = run("enrolment-key", "revoke", "nothing")
    assert (code, "no enrolment key" in words) == (1, True)
    assert run("enrolment-key", "create", "x")[0] == 0
    assert "0/1" in run("enrolment-key", "list")[1]
