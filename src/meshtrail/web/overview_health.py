"""What the Overview says of the network's own state: policies that nobody uses, collectors in trouble."""

from collections.abc import Sequence
from dataclasses import dataclass

from meshtrail.web import formats
from meshtrail.web.collectors import CollectorLine, collector_line
from meshtrail.web.overview_source import GROUPS_MAX, Asker, Row


@dataclass(frozen=True, slots=True)
class Unused:
    """Policies without a hit."""

    policies: tuple[tuple[str, str], ...]
    """Name and address."""
    enabled: int
    narrowed: bool


async def unused(ask: Asker) -> Unused:
    """Policies that decided nothing in the window."""
    enabled = await ask.source.policies(ask.org_id)
    found = await ask.aggregate(["policy_id"], top=str(GROUPS_MAX)) if enabled else {"data": ()}
    used = {each["group"]["policy_id"] for each in found["data"]}
    left = sorted((name, identifier) for identifier, name in enabled if identifier not in used)
    shown = tuple((formats.visible(name), f"/inventory/policies/{identifier}") for name, identifier in left)
    return Unused(shown, len(enabled), ask.outlook.filters.narrowed)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Collectors that are not as they should be."""

    lines: tuple[CollectorLine, ...]
    total: int


async def collectors(ask: Asker) -> Trouble:
    """Silent, late and losing collectors."""
    answer = await ask.source.collectors(ask.org_id)
    lines: Sequence[Row] = answer["data"]
    return Trouble(tuple(collector_line(each, ask.now) for each in lines if each["state"] != "ok"), len(lines))
