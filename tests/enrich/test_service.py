"""Rows get names, places and service names of their moment; what the sender said stays."""

from pathlib import Path
from typing import Any

import msgspec
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from meshtrail.enrich.directory import Directory, Peer
from meshtrail.enrich.geo import FileAtlas
from meshtrail.enrich.resources import Resource, Resources
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.query import Query
from meshtrail.store.reader import NATIVE_COLUMNS, Reader
from tests.pipes import store
from tests.rows import NOON_US, report

DIRECTORY = Directory.of(
    [
        Peer("peer-1", "laptop", "Debian 12", "laptop.mesh", ("10.0.0.1", "fd00::1", "127.0.0.1")),
        Peer("peer-2", "crm", "Alpine", None, ("10.0.0.2",)),
    ]
)


def stored(engine: EmbeddedEngine, org_id: str, row: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """The row as the store has it."""
    store(engine, org_id, [row], directory=DIRECTORY, **settings)
    found: dict[str, Any] = msgspec.json.decode(Reader(engine).page(Query(org_id), NATIVE_COLUMNS, 1))[0]
    return found


def test_peers_are_named_by_address(engine: EmbeddedEngine, org_id: str) -> None:
    """Both ends and the reporter get id, name, system and label."""
    row = stored(engine, org_id, report(NOON_US))
    assert (row["source_id"], row["source_name"], row["source_os"], row["source_dns_label"]) == (
        "peer-1", "laptop", "Debian 12", "laptop.mesh",
    )  # fmt: skip
    assert (row["destination_id"], row["destination_type"], row["destination_dns_label"]) == ("peer-2", "peer", None)
    assert (row["reporter_name"], row["application"]) == ("laptop", "https")


def test_groups_and_resources_of_both_ends(engine: EmbeddedEngine, org_id: str) -> None:
    """A peer brings its groups, a resource its name, its groups, and itself as the end; what the sender says stays."""
    resources = Resources([("10.9.0.0/16", Resource("r-1", "office", ("Sites",))), ("10.0.0.1/32", Resource("r-2", "desk"))])
    peers = [Peer("peer-1", "laptop", addresses=("10.0.0.1",), groups=("All", "Staff")), Peer("peer-2", "crm", addresses=("10.0.0.2",))]
    directory = Directory.of(peers, resources)
    rows = [
        report(NOON_US, destination_address="10.9.1.1"),
        report(NOON_US + 1, source_groups=["Mine"], source_resource_id="mine"),
        report(NOON_US + 2, source_address="10.7.7.7", destination_address="127.0.0.1"),
    ]
    store(engine, org_id, rows, directory=directory)
    third, second, first = msgspec.json.decode(Reader(engine).page(Query(org_id), NATIVE_COLUMNS, 3))
    assert (first["source_groups"], first["source_resource_name"], first["source_type"]) == (["All", "Staff"], "desk", "peer")
    names = ("type", "id", "name", "groups", "resource_id", "resource_name")
    assert [first[f"destination_{name}"] for name in names] == ["resource", "r-1", "office", ["Sites"], "r-1", "office"]
    assert (second["source_groups"], second["source_resource_id"], second["destination_groups"]) == (["Mine"], "mine", [])
    assert (third["source_groups"], third["source_type"], third["destination_groups"]) == ([], "unknown", ["All", "Staff"])


def test_loopback_is_the_reporter(engine: EmbeddedEngine, org_id: str) -> None:
    """127.0.0.1 is the machine that reports it, whatever others claim."""
    row = stored(engine, org_id, report(NOON_US, reporter_id="peer-2", source_address="127.0.0.1", destination_address="127.0.0.1"))
    assert (row["source_name"], row["destination_name"]) == ("crm", "crm")


def test_what_the_sender_says_stays(engine: EmbeddedEngine, org_id: str) -> None:
    """The directory only fills what is unknown."""
    row = stored(engine, org_id, report(NOON_US, source_name="my own name"))
    assert (row["source_name"], row["source_id"]) == ("my own name", "peer-1")


def test_unknown_ports_and_peers_stay_unknown(engine: EmbeddedEngine, org_id: str) -> None:
    """No name is invented."""
    row = stored(engine, org_id, report(NOON_US, destination_address="10.9.9.9", destination_port=49_999))
    assert (row["destination_id"], row["destination_type"], row["application"]) == (None, "unknown", None)
    assert row["destination_country_code"] is None


def test_places_come_from_the_configured_file(engine: EmbeddedEngine, org_id: str, tmp_path: Path) -> None:
    """Country and city of public addresses in both families; private ones are nowhere."""
    writer = MMDBWriter(6, "GeoLite2-City", languages=["en"], ipv4_compatible=True)
    berlin = {"country": {"iso_code": "DE"}, "city": {"names": {"en": "Berlin"}}}
    writer.insert_network(IPSet(["93.184.0.0/16", "2a00:1::/32", "10.0.0.0/8"]), berlin)
    writer.insert_network(IPSet(["8.8.0.0/16"]), {"country": {"iso_code": "US"}})
    path = tmp_path / "places.mmdb"
    writer.to_db_file(str(path))
    atlas = FileAtlas(path)
    row = stored(engine, org_id, report(NOON_US, destination_address="93.184.216.34"), atlas=atlas)
    assert (row["destination_country_code"], row["destination_city_name"]) == ("DE", "Berlin")
    assert (row["destination_type"], row["source_country_code"]) == ("external", None)
    row = stored(engine, org_id + "6", report(NOON_US, source_address="fd00::1", destination_address="2a00:1::5"), atlas=atlas)
    assert (row["destination_city_name"], row["source_name"]) == ("Berlin", "laptop")
    row = stored(engine, org_id + "8", report(NOON_US, destination_address="8.8.8.8"), atlas=atlas)
    assert (row["destination_country_code"], row["destination_city_name"]) == ("US", None)
