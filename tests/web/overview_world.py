"""Nine days of a small network for the Overview's tests: people and their machines, a database, a phone that goes somewhere new, an
outsider that is denied, public addresses with and without a country."""

import random
from typing import Any

from tests.rows import closing, report

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
Row = dict[str, Any]

PEOPLE = (
    ("Ana Lima", "ana@example.com", "ana-laptop", "100.64.0.11"), ("Jun Sato", "jun@example.com", "jun-desktop", "100.64.0.12"),
    ("Mara Weiss", "mara@example.com", "mara-phone", "100.64.0.13"), ("Tomás Núñez", "tomas@example.com", "tomas-laptop", "100.64.0.14"),
)  # fmt: skip
PHONE = PEOPLE[2]
SERVICES = (
    ("crm", "100.64.1.20", 443, "Sales to CRM", 40_000), ("database", "10.20.0.5", 5432, "Apps to databases", 900_000),
    ("git", "100.64.1.22", 22, "Engineers to git", 300_000), ("grafana", "100.64.1.30", 3000, "Everyone to dashboards", 90_000),
    (None, "93.184.215.14", 443, None, 20_000),
)  # fmt: skip
COUNTRIES = ("US", "DE", "JP", "BR", "SG")


def rows(now_us: int, seed: int = 7) -> list[Row]:
    """Reports up to now: an ordinary week that follows the hours of work, and on the last day a new destination of the phone, an outsider,
    and a database that moves much more."""
    chance = random.Random(seed)
    made = [_ordinary(chance, now_us - _at_work(chance, now_us)) for _ in range(900)]
    made += [_connection(PEOPLE[0], SERVICES[1], now_us - chance.randrange(1, 20 * HOUR_US), 8_000_000) for _ in range(25)]
    made += [
        _connection(PHONE, ("wiki", "100.64.1.44", 443, "Everyone to dashboards", 0), now_us - 3 * HOUR_US - n, 5_000) for n in range(3)
    ]
    made += [_denied(chance, now_us - chance.randrange(1, 22 * HOUR_US), None, "100.64.0.99", SERVICES[1], None) for _ in range(40)]
    made += [
        _denied(chance, now_us - chance.randrange(1, 22 * HOUR_US), PHONE, "", SERVICES[1], "No phones at databases") for _ in range(12)
    ]
    return [each for row in made for each in ((row,) if row["state"] == "denied" else (row, closing(row, **row.pop("counted"))))]


def _at_work(chance: random.Random, now_us: int) -> int:
    """How long ago, mostly in the hours from nine to six of UTC."""
    while True:
        ago = chance.randrange(1, 9 * DAY_US)
        hour = (now_us - ago) // HOUR_US % 24
        if 8 <= hour < 18 or chance.random() < 0.15:
            return ago


def _ordinary(chance: random.Random, at: int) -> Row:
    person = chance.choice(PEOPLE)
    service = chance.choice(SERVICES if person is not PHONE else (SERVICES[0], SERVICES[4]))
    more: Row = {}
    if service[0] is None:
        more = {
            "destination_address": f"93.184.{chance.randrange(4)}.{chance.randrange(1, 9)}",
            "destination_country_code": chance.choice(COUNTRIES),
        }
    return _connection(person, service, at, int(service[4] * chance.lognormvariate(0, 1)), **more)


def _connection(person: tuple[str, ...], service: tuple[Any, ...], at: int, size: int, **more: Any) -> Row:
    name, address, port, policy, _ = service
    return report(
        at, reporter_id=f"peer-{person[2]}", reporter_name=person[2], source_name=person[2], source_address=person[3], user_name=person[0],
        user_email=person[1], user_id=person[1].split("@")[0], policy_id=policy and policy.replace(" ", "-").lower(), policy_name=policy,
        verdict="allowed" if policy else "unknown", direction="egress",
        **{"destination_name": name, "destination_address": address, "destination_port": port} | more,
    ) | {"counted": {"rx_bytes": size, "tx_bytes": size // 9}}  # fmt: skip


def _denied(
    chance: random.Random, at: int, person: tuple[str, ...] | None, address: str, service: tuple[Any, ...], policy: str | None
) -> Row:
    who = (
        {"source_name": person[2], "source_address": person[3], "user_name": person[0], "user_id": person[1].split("@")[0]}
        if person
        else {}
    )
    return report(
        at, reporter_id="peer-database", reporter_name="database", state="denied", verdict="denied", policy_name=policy,
        policy_id=policy and "no-phones", attribution="reported" if policy else "default_deny", destination_name=service[0],
        **{"source_address": address, "destination_address": service[1], "destination_port": chance.choice((22, 5432))} | who,
    )  # fmt: skip
