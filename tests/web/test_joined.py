"""The other reports of a row, in its panel."""

from meshtrail.web.joined import UNREADABLE, joined_reports
from tests.web.connections import NOW, attempt, connection, denial, denied


def test_all_but_the_row_itself() -> None:
    """Whichever report the row is, the others are listed, and the address is that of the connection."""
    row = connection()
    for each, other in zip(row["reports"], row["reports"][::-1], strict=True):
        found = joined_reports(row, each["id"], NOW)
        assert [line.id for line in found.others] == [other["id"]]
        assert (found.badge, found.finding, found.failed, found.href) == ("agree", False, False, f"/connections/{row['id']}")


def test_a_denial_beside_its_attempt() -> None:
    """The attempt's panel says who denied it."""
    row = denied(attempt(), denial(), agreement="denied_by_other")
    found = joined_reports(row, row["reports"][0]["id"], NOW)
    assert (found.sentence, found.others[0].drops) == ("laptop tried; crm denied it: no policy allows it.", "3")


def test_what_could_not_be_read_says_so() -> None:
    """And looks like no agreement."""
    assert (UNREADABLE.failed, UNREADABLE.badge, UNREADABLE.others, UNREADABLE.href) == (True, "", (), "")
