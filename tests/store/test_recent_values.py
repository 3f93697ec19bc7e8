"""Values that occur: of the organisation alone, those that begin so first, then the most frequent."""

import time

import pytest

from meshtrail.model.columns import AUDIT, TRAFFIC
from meshtrail.store.audit_reader import AuditReader
from meshtrail.store.embedded import EmbeddedEngine
from meshtrail.store.reader import Reader
from tests.audits import audited, store_audit
from tests.pipes import store
from tests.rows import NOON_US, report


def test_values_that_occur(engine: EmbeddedEngine, org_id: str) -> None:
    """Texts, items of lists and addresses of several columns, in any case; nothing unknown or empty."""
    ends = [("Db-1", "crm", ["dev"]), ("db-2", "old-db", ["dev", "all"]), ("db-2", None, []), ("", "crm", ["All"])]
    store(engine, org_id, [report(NOON_US, source_name=one, destination_name=other, source_groups=groups) for one, other, groups in ends])
    store(engine, "another", [report(NOON_US, source_name="db-9")])
    reader = Reader(engine)
    names = ["source_name", "destination_name"]
    assert reader.recent_values(org_id, names, "db", 9) == ["db-2", "Db-1", "old-db"]
    assert reader.recent_values(org_id, names, "", 2) == ["crm", "db-2"]
    assert reader.recent_values(org_id, ["source_groups"], "al", 9) == ["All", "all"]
    assert reader.recent_values(org_id, ["source_address", "destination_address"], "10.0.", 9) == ["10.0.0.1", "10.0.0.2"]
    assert reader.recent_values(org_id, ["policy_name"], "", 9) == []


@pytest.mark.parametrize("part", ["'", "\\", "%", "{part:String}", "' OR 1=1 --", "\n", "\x00"])
def test_hostile_parts(engine: EmbeddedEngine, org_id: str, part: str) -> None:
    """What is typed is a parameter."""
    store(engine, org_id, [report(NOON_US, source_name="plain")])
    assert Reader(engine).recent_values(org_id, ["source_name"], part, 9) == []


def test_every_text_of_every_family(engine: EmbeddedEngine, org_id: str) -> None:
    """No column that holds text or addresses fails."""
    store(engine, org_id, [report(NOON_US)])
    store_audit(engine, org_id, [audited(NOON_US)])
    for family, reader in ((TRAFFIC, Reader(engine)), (AUDIT, AuditReader(engine))):
        for column in family:
            if column.name != "org_id":
                began = time.process_time()
                assert isinstance(reader.recent_values(org_id, [column.name], "", 9), list)
                assert time.process_time() - began < 5
