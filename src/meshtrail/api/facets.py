"""The values that fields have in the rows that a filter chooses, with their counts."""

import msgspec

from meshtrail.api import parameters as read
from meshtrail.api.aggregation import column_of
from meshtrail.api.limits import FACETS_MAX
from meshtrail.common.errors import InvalidError
from meshtrail.model.columns import Column, Family, Kind
from meshtrail.store.engine import Share
from meshtrail.store.family_reader import FamilyReader
from meshtrail.store.limits import FACET_VALUES_MAX

_UNLISTED = frozenset({Kind.json, Kind.time, Kind.uuid, Kind.u64})


class FacetValue(msgspec.Struct):
    """A value, null where the field is unknown, and how many rows have it."""

    value: str | None
    count: int


class Facets(msgspec.Struct):
    """The most frequent values of each field that was asked for."""

    data: dict[str, list[FacetValue]]


def facets_of(reader: FamilyReader, org_id: str, parameters: read.Parameters, now: int, share: Share | None = None) -> Facets:
    """Values of the fields named by `field`, in any spelling, of the rows that the filters choose."""
    names = list(dict.fromkeys(parameters.get("field", ())))
    if not names or len(names) > FACETS_MAX:
        raise InvalidError(f"field comes {len(names)} times; it must come from once to {FACETS_MAX} times.")
    columns = {name: _listed(name, reader.family) for name in names}
    limit = read.integer(parameters, "limit", FACET_VALUES_MAX, 1, FACET_VALUES_MAX)
    chosen = {name: values for name, values in parameters.items() if name != "field"}
    query = read.query(org_id, chosen, reader.family, now)
    found = {name: reader.facet(query, column.name, limit, share) for name, column in columns.items()}
    return Facets({name: [FacetValue(*each) for each in values] for name, values in found.items()})


def _listed(name: str, family: Family) -> Column:
    column = column_of(name, family)
    if column.kind in _UNLISTED:
        raise InvalidError(f"{name[:40]!r} is no field whose values can be listed.", "See the field list in the API description.")
    return column
