"""ClickHouse DDL of an event family, derived from its column table.

Reports of one event share the sort key and merge in an AggregatingMergeTree: each column says how (`model.Merge`).
The partition is the day (or month) of the family's time, which all reports of an event share, so that a report that comes
after midnight, or days later, still merges with the first.
"""

from meshtrail.model.columns import Column, Family, Kind, Merge, Partition

_TYPES: dict[Kind, str] = {
    Kind.text: "String",
    Kind.name: "String",
    Kind.names: "Array(String)",
    Kind.uuid: "UUID",
    Kind.address: "IPv6",
    Kind.port: "UInt16",
    Kind.u8: "UInt8",
    Kind.u32: "UInt32",
    Kind.u64: "UInt64",
    Kind.time: "DateTime64(6, 'UTC')",
    Kind.json: "String",
}

_CODECS: dict[Kind, str] = {Kind.time: "CODEC(DoubleDelta, ZSTD(1))", Kind.u64: "CODEC(T64, ZSTD(1))"}
_CODEC = "CODEC(ZSTD(1))"

_AGGREGATES = {Merge.first: "any", Merge.largest: "max", Merge.smallest: "min"}

_PARTITIONS = {Partition.day: "toYYYYMMDD", Partition.month: "toYYYYMM"}

_SETTINGS = {
    "fsync_after_insert": 1,
    "fsync_part_directory": 1,
    "index_granularity": 8192,
    "min_bytes_for_wide_part": 256 * 1024 * 1024,
    "ratio_of_defaults_for_sparse_serialization": 0.95,
}
"""An insert returns when its part is on disk: that is what an acknowledgement means. A fresh part is compact (one file):
a wide one has some two hundred files, each to be synced, and takes three times as long. Merged parts become wide."""


def value_type(column: Column) -> str:
    """ClickHouse type of the column's value, without how it merges."""
    if column.choices is not None:
        members = ", ".join(f"'{member.name}' = {member.value}" for member in column.choices)
        base = f"Enum8({members})"
    else:
        base = _TYPES[column.kind]
    if column.nullable and column.kind is not Kind.names:
        base = f"Nullable({base})"
    return f"LowCardinality({base})" if column.kind is Kind.name else base


def column_definition(column: Column) -> str:
    """One line of the CREATE TABLE."""
    if column.computed:
        return f"`{column.name}` {value_type(column)} ALIAS {column.expression}"
    codec = _CODECS.get(column.kind, _CODEC)
    if column.merge is Merge.key:
        return f"`{column.name}` {value_type(column)} {codec}"
    return f"`{column.name}` SimpleAggregateFunction({_AGGREGATES[column.merge]}, {value_type(column)}) {codec}"


def lookup_index(column: Column) -> str:
    """Skip index of a column by whose values rows are looked up: it knows which values a granule of 8,192 rows does not have, and is
    wrong about one of a hundred."""
    return f"{lookup_name(column)} `{column.name}` TYPE bloom_filter(0.01) GRANULARITY 1"


def lookup_name(column: Column) -> str:
    """Name of that index."""
    return f"{column.name}_lookup"


def looked_up(family: Family) -> list[Column]:
    """The columns that have such an index."""
    return [column for column in family.stored if column.indexed]


def create_table(family: Family) -> str:
    """CREATE TABLE statement of the family."""
    lines = [column_definition(column) for column in family]
    lines.append("INDEX seq_range seq TYPE minmax GRANULARITY 1")
    lines += [f"INDEX {lookup_index(column)}" for column in looked_up(family)]
    settings = ", ".join(f"{name} = {value}" for name, value in _SETTINGS.items())
    return (
        f"CREATE TABLE {family.name} (\n  "
        + ",\n  ".join(lines)
        + f"\n) ENGINE = AggregatingMergeTree PARTITION BY {_PARTITIONS[family.partition]}({family.time}) "
        f"ORDER BY ({', '.join(family.sort_key)}) SETTINGS {settings}"
    )
