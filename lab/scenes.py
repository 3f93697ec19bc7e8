"""The scenes. Each uses ports of its own, because several are played at once."""

from lab import traffic
from lab.expect import Expect
from lab.limits import HUGE_BYTES
from lab.stage import Scene, Stage, Talks
from lab.topology import LAN_V4, PLAIN_V4, SILENT


def _both(initiator: str, responder: str, close_reason: str, policy: str | None = None) -> tuple[Expect, ...]:
    """Both ends report a connection that was allowed."""
    return tuple(
        Expect(name, "closed", "allowed", direction, close_reason=close_reason, policy=policy)
        for name, direction in ((initiator, "egress"), (responder, "ingress"))
    )


def _routed(initiator: str, close_reason: str, *, translated: bool, policy: str | None = None) -> tuple[Expect, ...]:
    """The initiator and the router report; the target has no agent."""
    return (
        Expect(initiator, "closed", "allowed", "egress", close_reason=close_reason, policy=policy),
        Expect("router", "closed", "allowed", "unknown", "routed", close_reason, policy=policy, translated=translated),
    )


def _attempt(initiator: str) -> Expect:
    """The initiator's word about what nobody answered."""
    return Expect(initiator, "attempted", "unknown", "egress", close_reason="no_reply")


def _tcp(stage: Stage) -> Talks:
    crm = stage["crm"]
    return [("web", traffic.exchange(stage["laptop"], crm, crm.v4, 443, 300_000, 2_700_000))]


def _tcp_v6(stage: Stage) -> Talks:
    crm = stage["crm"]
    return [("web", traffic.exchange(stage["phone"], crm, crm.v6, 443, 40_000, 90_000))]


def _udp(stage: Stage) -> Talks:
    crm = stage["crm"]
    return [("call", traffic.datagrams(stage["laptop"], crm, crm.v4, 4500, [200] * 20, [1_200] * 7))]


def _ping(stage: Stage) -> Talks:
    crm = stage["crm"]
    return [("v4", traffic.ping(stage["laptop"], crm.v4, 5, 56)), ("v6", traffic.ping(stage["phone"], crm.v6, 4, 1_000))]


def _refused(stage: Stage) -> Talks:
    return [("closed port", traffic.attempt(stage["laptop"], stage["crm"].v4, 8443))]


def _reset(stage: Stage) -> Talks:
    connection = traffic.Connection(stage["laptop"], stage["crm"], stage["crm"].v4, 8444)
    connection.send(5_000)
    connection.answer(70_000)
    return [("thrown away", connection.reset())]


def _unanswered(stage: Stage) -> Talks:
    laptop = stage["laptop"]
    return [("tcp", traffic.attempt(laptop, SILENT, 443)), ("udp", traffic.unanswered(laptop, SILENT, 4500, [100] * 3))]


def _vanished(stage: Stage) -> Talks:
    gateway = stage["gateway"]
    connection = traffic.Connection(stage["phone"], gateway, gateway.v4, 7070)
    connection.send(10_000)
    connection.answer(20_000)
    return [("power cut", connection.vanish())]


def _huge(stage: Stage) -> Talks:
    crm = stage["crm"]
    return [("backup", traffic.exchange(stage["laptop"], crm, crm.v4, 8446, HUGE_BYTES, 1_000))]


def _long(stage: Stage) -> Talks:
    crm = stage["crm"]
    connection = traffic.Connection(stage["laptop"], crm, crm.v4, 8445)
    connection.send(1_000_000)
    stage.see("open", connection.talk, _open("laptop", "crm"))
    connection.answer(2_000_000)
    return [("whole", connection.close())]


def _open(initiator: str, responder: str, policy: str | None = None) -> tuple[Expect, ...]:
    ends = ((initiator, "egress"), (responder, "ingress"))
    return tuple(Expect(name, "open", None, direction, policy=policy, volume=False) for name, direction in ends)


def _database(stage: Stage) -> Talks:
    laptop, database = stage["laptop"], stage["database"]
    return [
        ("translated", traffic.exchange(laptop, database, str(LAN_V4[10]), 5432, 20_000, 1_500_000)),
        ("plain", traffic.exchange(laptop, database, str(PLAIN_V4[10]), 5432, 30_000, 50_000)),
        ("v6", traffic.exchange(laptop, database, database.v6, 5432, 10_000, 5_000)),
    ]


def _names(stage: Stage) -> Talks:
    crm = stage["crm"]
    return [("question", traffic.datagrams(stage["phone"], crm, crm.v4, 53, [40], [300]))]


SCENES = (
    Scene("tcp", "A web page, over IPv4", _tcp, {"web": _both("laptop", "crm", "fin")}),
    Scene("tcp over IPv6", "A web page, over IPv6", _tcp_v6, {"web": _both("phone", "crm", "fin")}),
    Scene("udp", "A call: datagrams both ways", _udp, {"call": _both("laptop", "crm", "timeout")}),
    Scene(
        "ping", "Echo requests over IPv4 and IPv6", _ping,
        {"v4": _both("laptop", "crm", "timeout"), "v6": _both("phone", "crm", "timeout")},
    ),
    Scene("dns", "A question to a name server", _names, {"question": _both("phone", "crm", "timeout")}),
    Scene("refused", "Nothing listens at the port", _refused, {"closed port": _both("laptop", "crm", "refused")}),
    Scene("reset", "One side throws the connection away", _reset, {"thrown away": _both("laptop", "crm", "reset")}),
    Scene("unanswered", "Nothing answers", _unanswered, {"tcp": (_attempt("laptop"),), "udp": (_attempt("laptop"),)}),
    Scene("vanished", "Both machines are gone in mid-connection", _vanished, {"power cut": _both("phone", "gateway", "timeout")}),
    Scene("huge", "Two hundred megabytes", _huge, {"backup": _both("laptop", "crm", "fin")}),
    Scene("long", "A connection that is looked at while it lasts", _long, {"whole": _both("laptop", "crm", "fin")}),
    Scene(
        "routed", "A database behind the routing peer, with and without translation", _database,
        {
            "translated": _routed("laptop", "fin", translated=True),
            "plain": _routed("laptop", "fin", translated=False),
            "v6": _routed("laptop", "fin", translated=True),
        },
    ),
)  # fmt: skip
