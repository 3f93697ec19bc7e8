"""The page of all components: what templates give it, so that the parts it shows are those of the real pages."""

from dataclasses import dataclass
from datetime import datetime

from meshtrail.web.assets import Assets
from meshtrail.web.changes import Change, changes
from meshtrail.web.details import details
from meshtrail.web.filters import parse
from meshtrail.web.inventory_lines import Named, RuleLine
from meshtrail.web.pages import Failure, Shell
from meshtrail.web.tokens import Colour, colours, measures
from meshtrail.web.traffic import TrafficContext, traffic_context

ACTIONS = (
    ("created", "good"), ("approved", "good"), ("enabled", "good"), ("updated", "changed"), ("requested", "waiting"), ("denied", "bad"),
    ("deleted", "bad"), ("cancelled", "neutral"), ("disabled", "neutral"),
)  # fmt: skip
"""What can become of access to a resource, and how that is coloured."""

_WHEN = "2026-11-21T11:59:07.123456Z"
_ROW = {
    "id": "00000000-0000-7000-8000-000000000000", "seq": "1", "started_at": _WHEN, "state": "closed", "verdict": "allowed",
    "source_name": "ana-laptop", "source_address": "100.64.0.1", "source_port": 40_112, "destination_name": "crm",
    "destination_address": "100.64.0.7", "destination_port": 443, "protocol": 6, "application": "https", "user_name": "Ana Lima",
    "process_name": "firefox", "rx_bytes": 2_100_000, "tx_bytes": 48_000, "duration_ms": 14_000, "close_reason": "fin",
    "policy_name": "Sales to CRM", "reporter_name": "ana-laptop", "reporter_id": "peer1",
}  # fmt: skip
_ROWS = (
    _ROW | {"state": "open", "duration_ms": None, "close_reason": None}, _ROW,
    _ROW | {"state": "denied", "verdict": "denied", "application": "ssh", "destination_port": 22, "policy_name": None, "rx_bytes": None,
            "tx_bytes": None, "duration_ms": None, "close_reason": None},
    _ROW | {"state": "gap", "verdict": None, "ended_at": _WHEN, "gap_lost": 312, "gap_cause": "buffer_overrun"},
)  # fmt: skip


_FAILURE = Failure("The store does not answer.", "Try again in a moment.", "4f1d20a3")


@dataclass(frozen=True, slots=True)
class Samples:
    """What the parts are shown with, made as the pages make it."""

    rows: TrafficContext
    """A list with a filter and rows of every kind, and a row that is open beside it."""
    nothing: TrafficContext
    """The same filter, and no row."""
    broken: TrafficContext
    """The same when the store does not answer."""
    rules: tuple[RuleLine, ...]
    changes: tuple[Change, ...]
    groups: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class UiContext:
    """Everything `ui.html` shows."""

    shell: Shell
    colours: tuple[Colour, ...]
    measures: tuple[tuple[str, str], ...]
    samples: Samples
    actions: tuple[tuple[str, str], ...] = ACTIONS
    failure: Failure = _FAILURE
    again: str = "/ui"


def samples(shell: Shell, now: datetime) -> Samples:
    """All of them."""
    filters = parse("verdict=denied&verdict=allowed&source_name.not=printer&last=24h&search=crm")
    return Samples(
        traffic_context(filters, shell, now, {"data": _ROWS}, details=details(_ROW, filters, "https://mesh.example.org", now)),
        traffic_context(filters, shell, now, {"data": ()}, stored=12_345),
        traffic_context(filters, shell, now, {"data": ()}, failure=_FAILURE),
        (RuleLine("web", "Staff may reach Servers by TCP on port 443", enabled=True, allows=True),
         RuleLine("telnet", "Staff may not reach CRM by TCP on port 23", enabled=True, allows=False),
         RuleLine("old", "Contractors may reach Servers", enabled=False, allows=True)),
        changes({"ports": [443], "name": "Sales"}, {"ports": [443, 8443], "name": "Sales to CRM"}),
        (Named("g1", "Staff"), Named("g2", "Servers")),
    )  # fmt: skip


def ui_context(shell: Shell, assets: Assets, now: datetime) -> UiContext:
    """The page."""
    css = assets.files["css/tokens.css"].content.decode()
    return UiContext(shell, colours(css), measures(css), samples(shell, now))
