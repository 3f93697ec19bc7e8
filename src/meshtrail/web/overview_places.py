"""The Overview's map: public ends by country."""

from collections import defaultdict
from dataclasses import dataclass

from meshtrail.web import formats
from meshtrail.web.outlook import filter_text
from meshtrail.web.overview_source import BYTES, GROUPS_MAX, Asker, bytes_of, number


@dataclass(frozen=True, slots=True)
class Country:
    """Public ends of one country."""

    code: str
    to: int
    """Connections to it."""
    since: int
    """Connections from it."""
    bytes: str
    href: str


@dataclass(frozen=True, slots=True)
class Places:
    """Public ends by country."""

    countries: tuple[Country, ...]
    loaded: bool
    """Whether a file with places is loaded."""


async def places(ask: Asker) -> Places:
    """Where public ends are."""
    found = await ask.aggregate(["source_country_code", "destination_country_code"], ["count", *BYTES], top=str(GROUPS_MAX))
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in found["data"]:
        source, destination = each["group"]["source_country_code"], each["group"]["destination_country_code"]
        for place, code in ((0, destination), (1, source)):
            if code is not None:
                sums[code][place] += number(each["measures"]["count"])
        for code in {source, destination} - {None}:
            sums[code][2] += bytes_of(each["measures"])
    ordered = sorted(sums.items(), key=lambda each: (-each[1][0] - each[1][1], each[0]))
    countries = tuple(
        Country(formats.visible(code), to, since, formats.byte_size(moved), ask.outlook.traffic(filter_text("country_code", code)))
        for code, (to, since, moved) in ordered
    )  # fmt: skip
    return Places(countries, ask.source.places)
