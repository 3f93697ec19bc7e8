"""Which rows of which tables a transaction writes to, as far as its statements say it themselves.

A statement that names values of a table's key, in what it inserts or where it updates and deletes, can have touched rows with these
values only. Of any other statement it is only known which table it is about.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    BinaryExpression,
    BindParameter,
    BooleanClauseList,
    Column,
    ColumnElement,
    Connection,
    Insert,
    Table,
    and_,
    event,
    false,
    or_,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.dml import UpdateBase

PLACES_MAX = 64
"""Parts of a table that are told apart; a transaction that touches more of them is looked at with the whole table."""

Place = Mapping[str, Any]
"""Values of columns of the key; the organisation alone is no place."""


class Touched:
    """What was written to so far."""

    def __init__(self) -> None:
        self._places: dict[str, list[Place] | None] = {}

    @property
    def tables(self) -> frozenset[str]:
        """Names of the tables that were written to."""
        return frozenset(self._places)

    def __contains__(self, table: Table) -> bool:
        return table.name in self._places

    def within(self, table: Table, touched: Table) -> ColumnElement[bool] | None:
        """A condition for rows of `table`, which has the columns of the touched one: those that may differ now. None: all may."""
        places = self._places.get(touched.name)
        if places is None:
            return None
        return or_(false(), *(and_(*(table.c[name] == value for name, value in place.items())) for place in places))

    def add(self, table: Table, places: Sequence[Place] | None) -> None:
        """One more statement."""
        before = self._places.get(table.name, [])
        new = [place for place in places or () if place not in (before or ())]
        if places is None or before is None or len(before) + len(new) > PLACES_MAX:
            self._places[table.name] = None
        else:
            self._places[table.name] = [*before, *new]


@contextmanager
def touched(transaction: Connection) -> Iterator[Touched]:
    """What is written to meanwhile."""
    found = Touched()

    def note(_connection: Connection, statement: Any, _many: Any, _one: Any, _options: Any, result: Any) -> None:
        if isinstance(statement, UpdateBase) and isinstance(statement.table, Table):
            found.add(statement.table, _places(statement, statement.table, result))

    event.listen(transaction, "after_execute", note)
    try:
        yield found
    finally:
        event.remove(transaction, "after_execute", note)


def _places(statement: UpdateBase, table: Table, result: Any) -> list[Place] | None:
    key = [column.name for column in table.primary_key.columns if column.name != "org_id"]
    if isinstance(statement, Insert):
        rows = result.context.compiled_parameters
        named: list[Place] = [{name: row[name] for name in key} for row in rows if all(row.get(name) is not None for name in key)]
        return named if key and len(named) == len(rows) else None
    place = {name: value for name, value in _equalities(getattr(statement, "whereclause", None), table) if name in key}
    return [place] if place else None


def _equalities(clause: Any, table: Table) -> Iterator[tuple[str, Any]]:
    """Columns of the table that a condition lets have one value only."""
    if isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        for part in clause.clauses:
            yield from _equalities(part, table)
    elif isinstance(clause, BinaryExpression) and clause.operator is operators.eq:
        column, value = clause.left, clause.right
        if isinstance(column, Column) and column.table is table and isinstance(value, BindParameter) and value.value is not None:
            yield column.name, value.value
