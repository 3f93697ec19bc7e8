"""Scenes that change the organisation: what agents report, what they enforce, who is a peer. Played after the others, one at
a time, because each changes what is true of all connections. The last one takes a peer away."""

from lab import traffic
from lab.expect import Expect
from lab.stage import Scene, Stage, Talks


def _web(stage: Stage, initiator: str) -> traffic.Talk:
    crm = stage["crm"]
    return traffic.exchange(stage[initiator], crm, crm.v4, 443, 10_000, 20_000)


def _without_dns(stage: Stage) -> Talks:
    """The question is asked first: when the page after it is reported, the question would have been too."""
    stage.settings({"collect_dns": False}, "phone", "crm")
    crm = stage["crm"]
    return [("question", traffic.datagrams(stage["phone"], crm, crm.v4, 53, [40], [300])), ("page", _web(stage, "phone"))]


def _some_report(stage: Stage) -> Talks:
    stage.settings({"network_traffic_logs_groups": [stage.lab.organisation.group("Servers")]}, "laptop")
    return [("page", _web(stage, "laptop"))]


def _uncounted(stage: Stage) -> Talks:
    stage.settings({"network_traffic_packet_counter_enabled": False}, "laptop", "crm")
    return [("page", _web(stage, "laptop"))]


def _open_house(stage: Stage) -> Talks:
    stage.settings({"overlay_default": "accept"})
    stage.lab.enforced("crm", "input_default_accept")
    laptop, crm = stage["laptop"], stage["crm"]
    return [("no policy", traffic.exchange(laptop, crm, crm.v4, 5432, 1_000, 1_000)), ("telnet", traffic.blocked(laptop, crm, crm.v4, 23))]


def _observed(stage: Stage) -> Talks:
    stage.settings({"mode": "observe"})
    stage.lab.enforced("crm", "input_rules", gone=True)
    laptop, crm = stage["laptop"], stage["crm"]
    return [("telnet", traffic.exchange(laptop, crm, crm.v4, 23, 1_000, 1_000))]


def _removed(stage: Stage) -> Talks:
    stage.settings({})
    stage.lab.enforced("crm", "input_rules")
    stage.lab.organisation.remove_peer("phone")
    stage.lab.enforced("crm", rf"\b{stage['phone'].v4}\b", gone=True)
    crm = stage["crm"]
    return [("page", traffic.blocked(stage["phone"], crm, crm.v4, 443))]


def _ends(policy: str | None, *, attribution: str | None = None, counted: bool = True) -> tuple[Expect, ...]:
    ends = (("laptop", "egress"), ("crm", "ingress"))
    return tuple(
        Expect(name, "closed", "allowed", direction, "p2p", "fin", policy, attribution, counted=counted) for name, direction in ends
    )


def _denied(policy: str | None, attribution: str) -> Expect:
    return Expect("crm", "denied", "denied", "ingress", "p2p", None, policy, attribution, volume=False, drops=(1, 2))


_PHONE = Expect("phone", "closed", "allowed", "egress", "p2p", "fin", "Staff to CRM")
_CRM = Expect("crm", "closed", "allowed", "ingress", "p2p", "fin", "Staff to CRM")
_ATTEMPT = Expect("laptop", "attempted", "unknown", "egress", "p2p", "no_reply", "No telnet", "resolved")

CHANGES = (
    Scene("dns left out", "The organisation does not collect DNS", _without_dns, {"question": (), "page": (_PHONE, _CRM)}),
    Scene("one group reports", "Only servers report", _some_report, {"page": (_CRM,)}),
    Scene("uncounted", "The kernel does not count", _uncounted, {"page": _ends("Staff to CRM", counted=False)}),
    Scene(
        "default allow", "What no policy names is allowed, what one denies is not", _open_house,
        {"no policy": _ends(None, attribution="default_allow"), "telnet": (_ATTEMPT, _denied("No telnet", "reported"))},
    ),
    Scene("observed", "Nothing is enforced, everything reported", _observed, {"telnet": _ends(None)}),
    Scene("removed", "A peer is removed: nobody lets it in, and it is not heard", _removed, {"page": (_denied(None, "default_deny"),)}),
)  # fmt: skip
