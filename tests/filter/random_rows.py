"""Random rows of each family whose values repeat, with gaps, and with texts that are hard to quote."""

import random
from typing import Any

from meshtrail.model.activities import Activity
from tests.audits import audited
from tests.rows import NOON_US, closing, report

HOUR_US = 3_600_000_000
NAMES = (
    "laptop-1", "Laptop-2", "db.example.org", "crm", "O'Brien", 'say "hi"', "50%_off", "a\\b", "a*b", "größe", "ЖЁЛ", "two words",
    "two\nlines", "tab\there", "$1 {x:y}", "",
)  # fmt: skip
EMAILS = ("ana@example.org", "Bo@Example.com", "c.d+e@x.y", None, None)
ADDRESSES_4 = ("10.0.0.1", "10.0.0.2", "10.0.1.200", "192.168.7.9", "172.16.0.5", "8.8.8.8")
ADDRESSES_6 = ("fe80::1", "2001:db8::10", "2001:db8::1:0", "::1")
GROUPS: tuple[list[str], ...] = ([], ["dev"], ["dev", "All"], ["sales team", "50%"], ["a*b", "Größe"])
CHOICES = {
    "verdict": ("allowed", "denied", "unknown", None), "direction": ("ingress", "egress", None),
    "connection_type": ("p2p", "routed", None), "source_type": ("peer", "external", None),
    "destination_type": ("peer", "resource", "service", None),
}  # fmt: skip


def random_rows(chance: random.Random, count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Reports of connections that began within two days around noon: as they began, and the ends of some. Of a few only the
    end was reported."""
    openings, ends = [], []
    for _ in range(count):
        opening = _opening(chance)
        ended = chance.random() < 0.5
        if ended:
            ends.append(_end(chance, opening))
        if not ended or chance.random() < 0.7:
            openings.append(opening)
    return openings, ends


def _opening(chance: random.Random) -> dict[str, Any]:
    began = NOON_US + chance.randrange(-24, 24) * HOUR_US + chance.choice((0, 1, 500_000, 59_999_999))
    maybe = {name: chance.choice((*NAMES, None, None)) for name in (
        "source_name", "destination_name", "user_name", "source_dns_label", "policy_name", "process_name", "reporter_name",
        "destination_resource_name", "source_os",
    )}  # fmt: skip
    addresses = chance.choice((ADDRESSES_4, ADDRESSES_4, ADDRESSES_6))
    return report(
        began,
        reporter_id=chance.choice(("peer-1", "peer-2", "router")),
        protocol=chance.choice((1, 6, 17, 132)),
        source_port=chance.choice((40_000, 51_820, None)),
        destination_port=chance.choice((22, 80, 443, 3389, 65_535, None)),
        source_address=chance.choice(addresses),
        destination_address=chance.choice(addresses),
        nat_source_address=chance.choice((*addresses[:2], None)),
        user_email=chance.choice(EMAILS),
        user_id=chance.choice(("u1", "u2", None)),
        policy_id=chance.choice(("p1", "p2", None)),
        policy_version=chance.choice((1, 7, 4_000_000_000, None)),
        source_groups=chance.choice(GROUPS),
        destination_groups=chance.choice(GROUPS),
        source_country_code=chance.choice(("DE", "US", None)),
        process_id=chance.choice((1, 4242, None)),
        **maybe,
        **{name: chance.choice(values) for name, values in CHOICES.items()},
    )


def _end(chance: random.Random, opening: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in opening.items() if name not in {"occurred_at", "state"}}
    volume = {"rx_bytes": chance.choice((0, 999, 10_000_000, 1 << 30, 1 << 63)), "tx_packets": chance.randrange(9)}
    return {**kept, **closing(opening, chance.choice((0, 500, 1_500_000, 7_200_000_000)), **volume)}


def random_events(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Audit events of two days around noon."""
    return [_event(chance) for _ in range(count)]


def _event(chance: random.Random) -> dict[str, Any]:
    maybe = {
        name: chance.choice((*NAMES, None, None))
        for name in ("initiator_name", "target_name", "user_agent", "error", "request_id", "reporter_name")
    }
    return audited(
        NOON_US + chance.randrange(-24, 24) * HOUR_US + chance.choice((0, 1, 500_000)),
        chance.choice(tuple(Activity)),
        reporter_id=chance.choice(("control", "proxy")),
        outcome=chance.choice(("success", "failure", "denied")),
        status=chance.choice((200, 403, None)),
        initiator_id=chance.choice(("u1", "u2", "sys", None)),
        initiator_type=chance.choice(("user", "system", None)),
        initiator_email=chance.choice(EMAILS),
        initiator_ip=chance.choice((*ADDRESSES_4, *ADDRESSES_6, None)),
        target_id=chance.choice(("p1", "p2", None)),
        before=chance.choice(({"name": "O'Brien", "n": [1, None]}, {}, None)),
        after=chance.choice(({"name": "größe", "on": True}, None)),
        meta=chance.choice(({"name": "two words"}, None)),
        **maybe,
    )
