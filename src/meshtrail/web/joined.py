"""A short view of the other reports of a row's connection, for the side panel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from meshtrail.web.agreement import AGREEMENTS, sentence
from meshtrail.web.reports import ReportLine, report_line


@dataclass(frozen=True, slots=True)
class JoinedReports:
    """What the reports of one connection say of each other."""

    agreement: str
    badge: str
    finding: bool
    sentence: str
    others: tuple[ReportLine, ...]
    """All reports but the row itself."""
    href: str
    """Address of the connection."""
    failed: bool = False


UNREADABLE = JoinedReports("", "", False, "The other reports could not be read.", (), "", failed=True)
"""Stands in when the question failed."""


def joined_reports(connection: Mapping[str, Any], identifier: str, now: datetime) -> JoinedReports:
    """The connection as the row with this id sees it."""
    reports = tuple(report_line(each, connection["started_at"], now) for each in connection["reports"])
    return JoinedReports(
        agreement=connection["agreement"],
        badge=AGREEMENTS[connection["agreement"]][0],
        finding=bool(connection["finding"]),
        sentence=sentence(connection),
        others=tuple(each for each in reports if each.id != identifier),
        href=f"/connections/{quote(connection['id'], safe='')}",
    )
