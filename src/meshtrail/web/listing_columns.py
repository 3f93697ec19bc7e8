"""The columns that the tables of the lists can show, in their order."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListColumn:
    """One column. Cells have the class `c-{name}`; `static/css/columns.css` gives it its width and hides it when it is not chosen."""

    name: str
    label: str
    doc: str = ""
    """What the heading does not say."""
    usual: bool = True
    """Whether it is shown before somebody chooses."""
    number: bool = False


TIME = ListColumn("time", "Time", "When it started; always shown")
"""Leads to the details, so every table has it."""

TRAFFIC_COLUMNS = (
    TIME,
    ListColumn("state", "State"),
    ListColumn("reporter", "Reporter", "Whose agent says so: a connection can be reported by both of its ends"),
    ListColumn("source", "Source"),
    ListColumn("destination", "Destination"),
    ListColumn("protocol", "Protocol"),
    ListColumn("direction", "Direction", "Seen from the reporter", usual=False),
    ListColumn("country", "Country", "Of the public address, where one is", usual=False),
    ListColumn("who", "User · process"),
    ListColumn("policy", "Policy", "The policy that allowed or denied it", usual=False),
    ListColumn("rule", "Rule", "The rule, or why none is named", usual=False),
    ListColumn("received", "Received", "Received by the reporter", number=True),
    ListColumn("sent", "Sent", "Sent by the reporter", number=True),
    ListColumn("rx-packets", "Packets in", "Packets received by the reporter", usual=False, number=True),
    ListColumn("tx-packets", "Packets out", "Packets sent by the reporter", usual=False, number=True),
    ListColumn("duration", "Duration", number=True),
    ListColumn("reason", "Closed by", usual=False),
)
CONNECTION_COLUMNS = (
    TIME,
    ListColumn("state", "State"),
    ListColumn("agreement", "Reports", "Whether the reports agree"),
    ListColumn("source", "Source"),
    ListColumn("destination", "Destination"),
    ListColumn("protocol", "Protocol", usual=False),
    ListColumn("who", "User", usual=False),
    ListColumn("reporters", "Reporters", "Who reports it, and who should and does not"),
    ListColumn("policy", "Policy"),
    ListColumn("received", "To destination", number=True),
    ListColumn("sent", "To source", number=True),
    ListColumn("duration", "Duration", number=True),
)
AUDIT_COLUMNS = (
    TIME,
    ListColumn("outcome", "Outcome"),
    ListColumn("what", "What"),
    ListColumn("target", "Target"),
    ListColumn("initiator", "Who"),
    ListColumn("address", "From", "The address that the request came from"),
    ListColumn("changed", "Changed", "Names of the fields that differ"),
    ListColumn("code", "Code", "The code of the activity", usual=False),
    ListColumn("request", "Request", "Id of the request", usual=False),
    ListColumn("reporter", "Reporter", "Who reports the event", usual=False),
)
"""A test holds these lists, the cells of the rows and the style sheet together."""


def chosen_columns(columns: tuple[ListColumn, ...], text: str) -> tuple[str, ...]:
    """Names of the columns that `text` (names with commas between them) chooses, in the table's order; names of no column are
    left out, and without any known name the usual ones are chosen."""
    wanted = set(text.split(","))
    chosen = tuple(each.name for each in columns if each.name in wanted)
    if not chosen:
        return tuple(each.name for each in columns if each.usual)
    return chosen if TIME.name in chosen else (TIME.name, *chosen)
