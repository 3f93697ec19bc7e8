"""What reports say of each other, in words."""

from typing import Any

import pytest

from meshtrail.store.connection_view import AGREEMENTS as OF_THE_STORE
from meshtrail.web.agreement import AGREEMENTS, NAME_CHARACTERS_MAX, explained, lost_packets, sentence
from tests.web.connections import attempt, connection, denial, denied, missing, report

Row = dict[str, Any]


def test_every_agreement_has_words() -> None:
    """A badge and a meaning for each that the store knows, and for no other."""
    assert set(AGREEMENTS) == set(OF_THE_STORE)


LAPTOP, CRM, ROUTER = (report(role, name) for role, name in (("initiator", "laptop"), ("target", "crm"), ("router", "edge")))
SENTENCES = [
    (connection(), "laptop and crm say the same."),
    (connection(LAPTOP, ROUTER, CRM), "laptop, edge and crm say the same."),
    (connection(LAPTOP, CRM | {"bytes_to_source": 5_040}), "laptop and crm say the same, but for 40 B."),
    (connection(LAPTOP, CRM | {"bytes_to_source": None}), "laptop and crm say the same."),
    (connection(LAPTOP, CRM | {"state": "open"}), "laptop and crm report it; crm has not told the end yet."),
    (connection(LAPTOP | {"state": "open"}, CRM | {"state": "open"}), "laptop and crm say the same."),
    (connection(LAPTOP, CRM | {"state": "lost"}), "laptop and crm report it; crm fell silent before the end."),
    (connection(LAPTOP), "laptop reports it, and nobody else could."),
    (connection(LAPTOP, CRM, agreement="bytes_differ"), "laptop and crm count different amounts."),
    (connection(LAPTOP, agreement="one_side"), "Only laptop reports it: nobody else has to."),
    (connection(LAPTOP, agreement="one_side", missing=[missing("destination")]),
     "Only laptop reports it: crm has a reporter that says nothing."),
    (connection(LAPTOP, agreement="one_side", missing=[missing("router", "edge")]),
     "Only laptop reports it: edge has a reporter that says nothing."),
    (connection(LAPTOP, agreement="one_side", missing=[missing("router", "edge"), missing("router")]),
     "Only laptop reports it: edge and id-router have a reporter that says nothing."),
    (connection(ROUTER, CRM, agreement="one_side", missing=[missing("source")]),
     "Only edge and crm report it: laptop has a reporter that says nothing."),
    (denied(attempt(), denial(), agreement="denied_by_other"), "laptop tried; crm denied it: no policy allows it."),
    (denied(attempt(), denial("router", "edge"), agreement="denied_by_other", policy_name="No telnet", attribution="reported"),
     "laptop tried; edge denied it: policy No telnet."),
    (denied(attempt(), denial(), agreement="denied_by_other", attribution="none"), "laptop tried; crm denied it."),
    (denied(denial(), agreement="one_side"), "crm denied it: no policy allows it. Only crm reports it: nobody else has to."),
    (denied(denial(), agreement="one_side", missing=[missing("source")]),
     "crm denied it: no policy allows it. Only crm reports it: laptop has a reporter that says nothing."),
]  # fmt: skip


@pytest.mark.parametrize(("row", "words"), SENTENCES, ids=[words for _, words in SENTENCES])
def test_the_sentence(row: Row, words: str) -> None:
    """Who says what, and who denied by which policy."""
    assert sentence(row) == words


def test_names_leave_room_and_do_not_deceive() -> None:
    """Endless names are cut, characters that turn the direction of text are written out."""
    said = sentence(connection(report("initiator", "x" * 500), report("target", "invoice\u202efdp.exe")))
    assert "x" * (NAME_CHARACTERS_MAX - 1) + "…" in said
    assert "x" * NAME_CHARACTERS_MAX not in said
    assert "invoice\\u202efdp.exe" in said


def test_lost_packets_by_the_way_that_they_went() -> None:
    """From source to destination along the reports, and back; between the two that differ."""
    laptop, edge, crm = (
        each | {"packets_to_destination": there, "packets_to_source": back}
        for each, there, back in ((LAPTOP, 1_800, 90), (ROUTER, 1_800, 90), (CRM, 1_488, 100))
    )
    assert lost_packets([laptop, edge, crm]) == (
        "312 of 1,800 packets to the destination passed edge and did not arrive at crm: they were lost on the way.",
        "10 of 100 packets to the source passed crm and did not arrive at edge: they were lost on the way.",
    )
    assert lost_packets([laptop, edge]) == ()
    assert lost_packets([laptop, edge | {"packets_to_destination": None}, crm | {"packets_to_source": 90}]) == (
        "312 of 1,800 packets to the destination passed laptop and did not arrive at crm: they were lost on the way.",
    )
    assert lost_packets([laptop, crm | {"role": "observer"}]) == ()


def test_more_packets_than_were_sent_were_not_lost() -> None:
    """Something added them; nothing is claimed of the way."""
    assert lost_packets([LAPTOP, CRM | {"packets_to_destination": 99}]) == ()


def test_what_may_be_the_reason() -> None:
    """As many reasons as apply, and none where nothing is wrong."""
    assert explained(connection()) == ()
    assert explained(connection(LAPTOP, agreement="one_side")) == ()
    differ = explained(connection(LAPTOP, CRM | {"packets_to_destination": 3}, agreement="bytes_differ", finding=True))
    assert differ[0].startswith("7 of 10 packets to the destination")
    assert len(differ) == 3
    one_side = {"agreement": "one_side", "missing": [missing("destination")]}
    assert "never have reached" in explained(connection(attempt(), state="attempted", **one_side))[0]
    assert "under way" in explained(connection(LAPTOP, **one_side))[0]
    assert len(explained(connection(LAPTOP, finding=True, **one_side))) == 4
    past = explained(connection(LAPTOP, finding=True, agreement="one_side", missing=[missing("router", "edge")]))
    assert "It took another way, past the router." in past
