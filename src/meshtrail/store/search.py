"""Search texts and free words, replaced by the values of the vocabulary that hold them.

`ana` becomes `source_name IN ('ana-laptop', …) OR user_name IN (…)`: the same rows, found by the indexes of values instead of by
looking into every text. What holds in more values than a list may have stays as it is: it is frequent, and found soon.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from meshtrail.filter.addresses import read_addresses
from meshtrail.filter.fields import Field
from meshtrail.filter.searched import address_of, may_be_address
from meshtrail.filter.tree import And, Match, Node, Not, Or, Word
from meshtrail.filter.values import AddressRange, Text
from meshtrail.model.columns import Column, Family, Kind
from meshtrail.store.address_sql import address_text
from meshtrail.store.engine import Engine
from meshtrail.store.hours_source import with_bounds
from meshtrail.store.limits import SEARCH_CHARACTERS_MAX, SEARCH_VALUES_MAX
from meshtrail.store.query import Condition, Operator, Query
from meshtrail.store.vocabulary import DAY_US, vocabulary_table

_Values = dict[str, list[str]]
"""Values of each column that has some; addresses in the form of the store."""


@dataclass(frozen=True, slots=True)
class Search:
    """Searches of one family that has a vocabulary. Methods block."""

    engine: Engine
    family: Family

    def resolved(self, query: Query) -> Query:
        """The query with values in place of what is searched for; the rows that it chooses are the same."""
        found = None
        if query.search and len(query.search) <= SEARCH_CHARACTERS_MAX and query.found is None:
            names = query.searched or self.family.searched
            values = self._values(query, names, query.search)
            if values is not None:
                found = tuple(Condition(self.family.columns[name], Operator.is_in, tuple(each)) for name, each in values.items())
        tree = None if query.filter is None else self._tree(query, query.filter)
        return query if found is None and tree is query.filter else replace(query, found=found, filter=tree)

    def _tree(self, query: Query, node: Node) -> Node:
        match node:
            case And(items) | Or(items):
                new = tuple(self._tree(query, item) for item in items)
                return node if all(one is other for one, other in zip(new, items, strict=True)) else type(node)(new)
            case Not(item):
                inner = self._tree(query, item)
                return node if inner is item else Not(inner)
            case Word(Text() as text):
                return self._word(query, node, text)
            case _:
                return node

    def _word(self, query: Query, node: Word, word: Text) -> Node:
        columns = [self.family.columns[name] for name in self.family.searched]
        addresses = address_of(word)
        in_text = [each for each in columns if each.kind is not Kind.address or (addresses is None and may_be_address(word))]
        values = self._values(query, [each.name for each in in_text], word.text)
        if values is None:
            return node
        whole = [each for each in columns if each.kind is Kind.address] if addresses is not None else []
        matches = [_match(self.family, each, (addresses,)) for each in whole if addresses is not None]
        matches += [_match(self.family, self.family.columns[name], _tree_values(self.family.columns[name], each))
                    for name, each in values.items()]  # fmt: skip
        return Or(tuple(matches))

    def _values(self, query: Query, names: Sequence[str], text: str) -> _Values | None:
        """The values that hold the text, in any case; None when they are too many."""
        bounded = with_bounds(query)
        days = [f"day {sign} toDate({{{name}:Int32}})" for name, sign, moment in
                (("since", ">=", bounded.since), ("until", "<=", bounded.until)) if moment is not None]  # fmt: skip
        moments = {"since": bounded.since, "until": bounded.until}
        addresses = [name for name in names if self.family.columns[name].kind is Kind.address]
        texts = [name for name in names if name not in addresses]
        parameters: dict[str, str | int | list[str] | list[int]] = {
            "org": query.org_id,
            "text": text,
            "texts": texts,
            "addresses": addresses,
        }
        parameters |= {name: moment // DAY_US for name, moment in moments.items() if moment is not None}
        answer = self.engine.read(
            f"SELECT DISTINCT field, if(value = '' AND field IN {{addresses:Array(String)}}, toString(address), value) AS value "
            f"FROM {vocabulary_table(self.family)} WHERE {' AND '.join(['org_id = {org:String}', *days])} AND ("
            "(field IN {texts:Array(String)} AND positionCaseInsensitiveUTF8(value, {text:String}) > 0) OR "
            f"(field IN {{addresses:Array(String)}} AND position({address_text('address')}, lower({{text:String}})) > 0)) "
            f"LIMIT {SEARCH_VALUES_MAX + 1}",
            parameters,
        ).splitlines()  # fmt: skip
        if len(answer) > SEARCH_VALUES_MAX:
            return None
        found: _Values = {}
        for line in answer:
            row = msgspec.json.decode(line, type=_Row)
            found.setdefault(row.field, []).append(row.value)
        return found


class _Row(msgspec.Struct):
    field: str
    value: str


def _tree_values(column: Column, values: list[str]) -> tuple[AddressRange | Text, ...]:
    return tuple(read_addresses(each) if column.kind is Kind.address else Text(each) for each in values)


def _match(family: Family, column: Column, values: tuple[AddressRange | Text, ...]) -> Match:
    return Match(Field(family.name, column.name, (column,)), values)
