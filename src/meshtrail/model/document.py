"""Documentation of a family's fields, and its CSV header."""

from meshtrail.model.columns import Column, Family

_MERGES = {"key": "identity", "first": "first known", "largest": "largest", "smallest": "smallest"}


def csv_header(family: Family) -> str:
    """Names of all columns in order, as an export's first line has them."""
    return ",".join(column.name for column in family if column.name != "org_id")


def _row(column: Column) -> str:
    kind = "|".join(column.choices.__members__) if column.choices is not None else column.kind.value
    sender = "yes" if column.wire and not column.computed else "no"
    unit = f" ({column.unit})" if column.unit else ""
    escaped = kind.replace("|", " \\| ")
    return f"| `{column.name}` | {escaped}{unit} | {column.doc} | {_MERGES[column.merge]} | {sender} |"


def markdown(family: Family) -> str:
    """A table a group: name, type, meaning, how reports merge, whether a sender may set it."""
    lines = [f"## {family.name}", ""]
    for name, columns in family.groups.items():
        lines += [f"### {name}", "", "| field | type | meaning | merges by | sender |", "|---|---|---|---|---|"]
        lines += [_row(column) for column in columns]
        lines.append("")
    return "\n".join(lines)
