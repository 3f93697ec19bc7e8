"""The scenes, and what is to be recorded of each of their talks.

The three rules of traffic logging: who is allowed reports at both ends; who is denied, only the one that denies reports the
denial, and the initiator its attempt; what is routed, initiator and router report, never the target.
"""

from lab import acts
from lab.acts import AGAIN, NIGHT
from lab.expect import Expect
from lab.organisation import CONSOLE
from lab.stage import Scene

UDP_DENIED = 20
"""Datagrams of the denied call; they are one row."""


def _ends(initiator: str, responder: str, close_reason: str, policy: str, version: int | None = None) -> tuple[Expect, ...]:
    """Both ends report what was allowed."""
    return tuple(
        Expect(name, "closed", "allowed", direction, "p2p", close_reason, policy, "reported", version=version)
        for name, direction in ((initiator, "egress"), (responder, "ingress"))
    )


def _routed(initiator: str, policy: str, resource: str, *, translated: bool) -> tuple[Expect, ...]:
    """The initiator and the router report; the target has no agent."""
    return (
        Expect(initiator, "closed", "allowed", "egress", "p2p", "fin", policy, "reported", resource),
        Expect("router", "closed", "allowed", "ingress", "routed", "fin", policy, "reported", resource, translated=translated),
    )


def _attempt(initiator: str, attribution: str | None = None, policy: str | None = None) -> Expect:
    """The initiator's word about what nobody answered; no policy let it leave. The server says what the policies say of it."""
    return Expect(initiator, "attempted", "unknown", "egress", "p2p", "no_reply", policy, attribution)


def _denial(reporter: str, drops: tuple[int, int], policy: str | None = None, connection_type: str = "p2p") -> Expect:
    """The word of the one that denied."""
    attribution = "default_deny" if policy is None else "reported"
    return Expect(
        reporter, "denied", "denied", "ingress", connection_type, None, policy, attribution, volume=False, drops=drops
    )  # fmt: skip


def _denied(initiator: str, reporter: str, drops: tuple[int, int] = (1, 2), connection_type: str = "p2p") -> tuple[Expect, ...]:
    """Denied by the default."""
    return _attempt(initiator, "default_deny"), _denial(reporter, drops, None, connection_type)


SCENES = (
    Scene(
        "tcp", "Web pages over IPv4 and IPv6", acts.tcp,
        {"v4": _ends("laptop", "crm", "fin", "Staff to CRM"), "v6": _ends("phone", "crm", "fin", "Staff to CRM")},
    ),
    Scene(
        "udp", "Calls: datagrams both ways", acts.udp,
        {"v4": _ends("laptop", "crm", "timeout", "Calls"), "v6": _ends("phone", "crm", "timeout", "Calls")},
    ),
    Scene(
        "ping", "Echo requests, in both directions of a policy", acts.ping,
        {
            "v4": _ends("laptop", "crm", "timeout", "Ping"),
            "v6": _ends("phone", "crm", "timeout", "Ping"),
            "back": _ends("crm", "laptop", "timeout", "Ping"),
        },
    ),
    Scene("dns", "A question to a name server", acts.dns, {"question": _ends("phone", "crm", "timeout", "Names")}),
    Scene("refused", "Nothing listens at the port", acts.refused, {"closed port": _ends("laptop", "crm", "refused", "Staff to CRM")}),
    Scene("reset", "One side throws the connection away", acts.reset, {"thrown away": _ends("laptop", "crm", "reset", "Staff to CRM")}),
    Scene("unanswered", "Nothing answers", acts.unanswered, {"tcp": (_attempt("laptop"),), "udp": (_attempt("laptop"),)}),
    Scene(
        "vanished", "Both machines are gone in mid-connection", acts.vanished,
        {"power cut": _ends("phone", "gateway", "timeout", "Phones to gateway")},
    ),
    Scene("huge", "Two hundred megabytes", acts.huge, {"backup": _ends("laptop", "crm", "fin", "Staff to CRM")}),
    Scene("long", "A connection that is looked at while it lasts", acts.long, {"whole": _ends("laptop", "crm", "fin", "Staff to CRM")}),
    Scene(
        "denied", "No policy allows it", acts.denied,
        {
            "tcp": _denied("phone", "crm"),
            "tcp v6": _denied("phone", "crm"),
            "udp": _denied("phone", "crm", (UDP_DENIED, UDP_DENIED)),
            "ping": _denied("laptop", "gateway", (2, 2)),
        },
    ),
    Scene(
        "dropped", "A policy denies what another allows", acts.dropped,
        {
            "telnet": (_attempt("laptop", "resolved", "No telnet"), _denial("crm", (1, 2), "No telnet")),
            "beside it": _ends("laptop", "crm", "fin", "Maintenance"),
        },
    ),
    Scene(
        "port range", "The last port of a range, and the one after it", acts.port_range,
        {"last port": _ends("laptop", "crm", "fin", "Batch jobs"), "one more": _denied("laptop", "crm")},
    ),
    Scene("outsider", "A machine that is no peer tries", acts.outsider, {"web": (_denial("crm", (1, 2)),)}),
    Scene(
        "routed", "A database behind the routing peer, with and without translation", acts.routed,
        {
            "translated": _routed("laptop", "Database", "database", translated=True),
            "plain": _routed("laptop", "Plant", "plant", translated=False),
            "v6": _routed("laptop", "Database", "database-v6", translated=True),
        },
    ),
    Scene(
        "domain", "A resource known by its name", acts.domain,
        {"by name": _routed("phone", "Reports", "reports", translated=True)},
    ),
    Scene(
        "routed, denied", "The routing peer denies", acts.routed_denied,
        {
            "phone": _denied("phone", "router", connection_type="routed"),
            "other port": _denied("laptop", "router", connection_type="routed"),
        },
    ),
    Scene(
        "edited", "A policy is changed while the network runs", acts.edited,
        {
            "before": _ends("laptop", "gateway", "fin", CONSOLE.name, 1),
            "closed now": _denied("laptop", "gateway"),
            "elsewhere": _ends("laptop", "gateway", "fin", NIGHT.name, 2),
            "open again": _ends("laptop", "gateway", "fin", AGAIN.name, 3),
        },
    ),
)  # fmt: skip
