"""A denied tuple as a line of the ingest protocol (see `report.py`, which writes the lines of connections).

The last time and the count grow from report to report, everything else is as it was at the first denial: also the rule, which
is resolved for that moment.
"""

import msgspec

from meshtrail.agent.decision import UNDECIDED, Decision, Resolve, unresolved
from meshtrail.agent.denials import Denial, Fold
from meshtrail.agent.netlink.nflog import HOOK_FORWARD, HOOK_IN, HOOK_OUT
from meshtrail.agent.prefix import decode
from meshtrail.agent.processes import user_name
from meshtrail.agent.report import Reporter, address_text, decision_text, is_group, time_text


class DenialWriter:
    """Writes the denials of one machine."""

    def __init__(self, reporter_id: str, reporter_name: str, reporter: Reporter, resolve: Resolve = unresolved) -> None:
        self._who = f'"reporter_id":{_quoted(reporter_id)},"reporter_name":{_quoted(reporter_name)}'
        self._reporter = reporter
        self._resolve = resolve

    def line(self, fold: Fold) -> bytes:
        """The row as it stands, as JSON without a newline."""
        last = time_text(fold.last_us)
        return (
            f'{{"state":"denied","occurred_at":"{last}","ended_at":"{last}","last_seen_at":"{last}","drops":{fold.count},'
            f"{self._facts(fold)}}}"
        ).encode()

    def _facts(self, fold: Fold) -> str:
        """What is the same in each report. It is written anew and not kept, because most rows are reported once."""
        denial = fold.denial
        connection_type, direction = self._shape(denial)
        text = (
            f'{self._who},"flow_id":"{fold.flow_id}","started_at":"{time_text(fold.first_us)}","verdict":"denied",'
            f'"protocol":{denial.protocol},"connection_type":"{connection_type}","direction":"{direction}",'
            f'"source_address":"{address_text(denial.source)}","destination_address":"{address_text(denial.destination)}"'
        )
        if denial.source_port is not None and denial.destination_port is not None:
            text += f',"source_port":{denial.source_port},"destination_port":{denial.destination_port}'
        if denial.icmp_type is not None and denial.icmp_code is not None:
            text += f',"icmp_type":{denial.icmp_type},"icmp_code":{denial.icmp_code}'
        if fold.uid is not None and direction == "egress":
            text += _user(fold.uid)
        return text + decision_text(self._decision(denial.prefix, fold.first_us))

    def _shape(self, denial: Denial) -> tuple[str, str]:
        """Connection type and direction, from where the packet was denied; where that says nothing, from its addresses."""
        reporter = self._reporter
        if denial.hook in {HOOK_IN, HOOK_OUT}:
            left = (denial.hook == HOOK_OUT) != denial.is_reply
            return "p2p", "egress" if left or reporter.is_own(denial.source) else "ingress"
        if denial.hook != HOOK_FORWARD:
            if reporter.is_own(denial.source):
                return "p2p", "egress"
            if reporter.is_own(denial.destination) or is_group(denial.destination):
                return "p2p", "ingress"
        if reporter.is_overlay(denial.source):
            return "routed", "ingress"
        return "routed", "egress" if reporter.is_overlay(denial.destination) else "unknown"

    def _decision(self, prefix: bytes, at_us: int) -> Decision:
        """What decided, as the table of rules knows it; else as far as the prefix says it by itself."""
        found = self._resolve(prefix.decode("utf-8", "replace"), at_us)
        if found is not None:
            return found
        ours = decode(prefix)
        if ours is None or ours.shortened:
            return UNDECIDED
        if ours.is_default:
            return Decision(None, None, ours.rule_id or None, None, "default_deny")
        return Decision(ours.policy_id, None, ours.rule_id or None, ours.version, "reported")


def _user(uid: int) -> str:
    name = user_name(uid)
    return f',"user_id":"uid:{uid}"' + (f',"user_name":{_quoted(name)}' if name is not None else "")


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
