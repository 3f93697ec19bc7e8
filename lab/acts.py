"""What happens in the scenes: the connections of each. Every scene uses ports of its own, because several are played at once."""

import dataclasses

from lab import traffic
from lab.expect import Expect
from lab.limits import DENIED_S, HUGE_BYTES, PROGRESS_LOOKS
from lab.namespace import LabError
from lab.organisation import CONSOLE
from lab.stage import Stage, Talks
from lab.topology import DATABASE_NAME, LAN_V4, PLAIN_V4, SILENT

NIGHT = dataclasses.replace(CONSOLE, name="Console at night", ports=(7001,))
"""The policy as it becomes for a while: another name, and another port."""
AGAIN = dataclasses.replace(CONSOLE, name="Console by day")
"""And as it is after that."""


def tcp(stage: Stage) -> Talks:
    """A web page each way of addressing."""
    crm = stage["crm"]
    return [
        ("v4", traffic.exchange(stage["laptop"], crm, crm.v4, 443, 300_000, 2_700_000)),
        ("v6", traffic.exchange(stage["phone"], crm, crm.v6, 443, 40_000, 90_000)),
    ]


def udp(stage: Stage) -> Talks:
    """Datagrams both ways."""
    crm = stage["crm"]
    return [
        ("v4", traffic.datagrams(stage["laptop"], crm, crm.v4, 4500, [200] * 20, [1_200] * 7)),
        ("v6", traffic.datagrams(stage["phone"], crm, crm.v6, 4500, [1_000] * 3, [10] * 30)),
    ]


def ping(stage: Stage) -> Talks:
    """Echo requests and answers; the policy holds in both directions."""
    laptop, phone, crm = stage["laptop"], stage["phone"], stage["crm"]
    return [
        ("v4", traffic.ping(laptop, crm.v4, 5, 56)),
        ("v6", traffic.ping(phone, crm.v6, 4, 1_000)),
        ("back", traffic.ping(crm, laptop.v4, 2, 8)),
    ]


def dns(stage: Stage) -> Talks:
    """A question and its answer."""
    crm = stage["crm"]
    return [("question", traffic.datagrams(stage["phone"], crm, crm.v4, 53, [40], [300]))]


def refused(stage: Stage) -> Talks:
    """Nothing listens at the port."""
    return [("closed port", traffic.attempt(stage["laptop"], stage["crm"].v4, 8443))]


def reset(stage: Stage) -> Talks:
    """The initiator throws the connection away."""
    connection = traffic.connect(stage["laptop"], stage["crm"], stage["crm"].v4, 8444)
    connection.send(5_000)
    connection.answer(70_000)
    return [("thrown away", connection.reset())]


def unanswered(stage: Stage) -> Talks:
    """Nothing answers, and nobody there reports."""
    laptop = stage["laptop"]
    return [("tcp", traffic.attempt(laptop, SILENT, 443)), ("udp", traffic.unanswered(laptop, SILENT, 4500, [100] * 3))]


def vanished(stage: Stage) -> Talks:
    """Both machines are gone in mid-connection, and the kernel's patience ends."""
    gateway = stage["gateway"]
    connection = traffic.connect(stage["phone"], gateway, gateway.v4, 7070)
    connection.send(10_000)
    connection.answer(20_000)
    return [("power cut", connection.vanish())]


def huge(stage: Stage) -> Talks:
    """Two hundred megabytes."""
    crm = stage["crm"]
    return [("backup", traffic.exchange(stage["laptop"], crm, crm.v4, 8446, HUGE_BYTES, 1_000))]


def long(stage: Stage) -> Talks:
    """A connection that lasts, and shows its bytes meanwhile: more of them each time."""
    crm = stage["crm"]
    connection = traffic.connect(stage["laptop"], crm, crm.v4, 8445)
    for number in range(PROGRESS_LOOKS):
        connection.send(1_000_000)
        connection.answer(2_000_000)
        ends = (("laptop", "egress"), ("crm", "ingress"))
        seen = [Expect(name, "open", "allowed", direction, policy="Staff to CRM") for name, direction in ends]
        stage.see(f"after {number + 1} MB", connection.talk, seen)
    return [("whole", connection.close())]


def denied(stage: Stage) -> Talks:
    """No policy allows it: the default decides, at the one that is asked."""
    phone, crm, gateway = stage["phone"], stage["crm"], stage["gateway"]
    return [
        ("tcp", traffic.blocked(phone, crm, crm.v4, 5432)),
        ("tcp v6", traffic.blocked(phone, crm, crm.v6, 5432)),
        ("udp", traffic.datagrams(phone, crm, crm.v4, 4501, [100] * 20, [], DENIED_S)),
        ("ping", traffic.ping(stage["laptop"], gateway.v4, 2, 56, DENIED_S / 2)),
    ]


def dropped(stage: Stage) -> Talks:
    """One policy allows a range of ports, another takes one of them away."""
    laptop, crm = stage["laptop"], stage["crm"]
    return [("telnet", traffic.blocked(laptop, crm, crm.v4, 23)), ("beside it", traffic.exchange(laptop, crm, crm.v4, 24, 500, 500))]


def port_range(stage: Stage) -> Talks:
    """The last port of a range, and the one after it."""
    laptop, crm = stage["laptop"], stage["crm"]
    return [
        ("last port", traffic.exchange(laptop, crm, crm.v4, 9_099, 2_000, 3_000)),
        ("one more", traffic.blocked(laptop, crm, crm.v4, 9_100)),
    ]


def outsider(stage: Stage) -> Talks:
    """A machine that is no peer tries what peers may."""
    crm = stage["crm"]
    return [("web", traffic.blocked(stage["outsider"], crm, crm.v4, 8447))]


def routed(stage: Stage) -> Talks:
    """A database behind the routing peer: translated on the way, not translated, and over IPv6."""
    laptop, database = stage["laptop"], stage["database"]
    return [
        ("translated", traffic.exchange(laptop, database, str(LAN_V4[10]), 5432, 20_000, 1_500_000)),
        ("plain", traffic.exchange(laptop, database, str(PLAIN_V4[10]), 5432, 30_000, 50_000)),
        ("v6", traffic.exchange(laptop, database, database.v6, 5432, 10_000, 5_000)),
    ]


def domain(stage: Stage) -> Talks:
    """A resource that is known by its name."""
    address = stage.resolve("phone", DATABASE_NAME)
    if address != str(LAN_V4[20]):
        raise LabError(f"{DATABASE_NAME} resolves to {address}.")
    return [("by name", traffic.exchange(stage["phone"], stage["database"], address, 8080, 1_000, 400_000))]


def routed_denied(stage: Stage) -> Talks:
    """Only laptops may use the database, and nobody anything else."""
    database = stage["database"]
    return [
        ("phone", traffic.blocked(stage["phone"], database, str(LAN_V4[10]), 5433)),
        ("other port", traffic.blocked(stage["laptop"], database, str(LAN_V4[10]), 22)),
    ]


def edited(stage: Stage) -> Talks:
    """A policy is changed while the network runs: each connection carries the rule of its own time."""
    laptop, gateway = stage["laptop"], stage["gateway"]
    talks = [("before", traffic.exchange(laptop, gateway, gateway.v4, 7000, 700, 800))]
    stage.change(CONSOLE.name, NIGHT, "laptop", "gateway")
    talks.append(("closed now", traffic.blocked(laptop, gateway, gateway.v4, 7000)))
    talks.append(("elsewhere", traffic.exchange(laptop, gateway, gateway.v4, 7001, 700, 800)))
    stage.change(CONSOLE.name, AGAIN, "laptop", "gateway")
    return [*talks, ("open again", traffic.exchange(laptop, gateway, gateway.v4, 7000, 700, 800))]
