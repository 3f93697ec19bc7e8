"""Steps from one version of the event store to the next, applied in order at start.

A step is a list of statements. Steps are never edited after a release: a new step is added.
"""

import msgspec

from meshtrail.model.columns import AUDIT, TRAFFIC
from meshtrail.store.engine import Engine, EngineUnavailableError
from meshtrail.store.schema import column_definition, create_table, looked_up, lookup_index
from meshtrail.store.vocabulary import create_vocabulary, fill_vocabulary

_VERSIONS = (
    "CREATE TABLE IF NOT EXISTS schema_versions (version UInt32, applied_at DateTime64(6, 'UTC')) ENGINE = MergeTree ORDER BY version"
)

STEPS: tuple[tuple[str, ...], ...] = (
    (create_table(TRAFFIC),),
    (f"ALTER TABLE traffic MODIFY COLUMN {column_definition(TRAFFIC.columns['gap_cause'])}",),
    (create_table(AUDIT),),
    (
        f"ALTER TABLE traffic MODIFY COLUMN {column_definition(TRAFFIC.columns['attribution'])}",
        f"ALTER TABLE traffic ADD COLUMN IF NOT EXISTS {column_definition(TRAFFIC.columns['rule_candidates'])} AFTER attribution",
    ),
    (f"ALTER TABLE traffic MODIFY COLUMN {column_definition(TRAFFIC.columns['gap_cause'])}",),
    tuple(
        f"ALTER TABLE {family.name} ADD INDEX IF NOT EXISTS {lookup_index(column)}"
        for family in (TRAFFIC, AUDIT)
        for column in looked_up(family)
    ),
    (
        *(f"ALTER TABLE traffic ADD INDEX IF NOT EXISTS {lookup_index(column)}" for column in looked_up(TRAFFIC)),
        create_vocabulary(TRAFFIC),
        fill_vocabulary(TRAFFIC),
    ),
)
"""Step n brings the store from version n to n + 1. The second: gaps can come from a limit on logged denials. The third:
audit events. The fourth: rules are found by the server. The fifth: gaps can come from a full table of
connections. The sixth: rows are found by indexes of their values; parts that are there get them when they merge.
The seventh: searches look at names and addresses of a day before they look at rows."""

VERSION = len(STEPS)


def current_version(engine: Engine) -> int:
    """Version of the store on disk; 0 when it is new."""
    engine.execute(_VERSIONS)
    answer = msgspec.json.decode(engine.read("SELECT max(version) AS version FROM schema_versions"))
    return int(answer["version"])


def migrate(engine: Engine) -> int:
    """Bring the store to this release's version; returns the version it had. A newer store is refused."""
    before = current_version(engine)
    if before > VERSION:
        raise EngineUnavailableError(f"The store has version {before}, this release knows {VERSION}: install the newer release again.")
    for version in range(before, VERSION):
        for statement in STEPS[version]:
            engine.execute(statement)
        engine.execute(f"INSERT INTO schema_versions VALUES ({version + 1}, now64(6))")
    return before
