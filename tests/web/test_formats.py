"""Values as people read them, in Python and in the browser."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page

from meshtrail.web import formats

BYTES = {
    None: formats.UNKNOWN,
    0: "0 B", 999: "999 B", 1_000: "1.0 kB", 1_049: "1.0 kB", 1_050: "1.1 kB", 9_949: "9.9 kB", 9_950: "10 kB",
    14_000: "14 kB", 999_499: "999 kB", 999_500: "1.0 MB", 2_100_000: "2.1 MB", 3_400_000_000: "3.4 GB",
    9_007_199_254_740_991: "9.0 PB",
}  # fmt: skip
DURATIONS = {
    None: formats.UNKNOWN,
    0: "0 ms", 340: "340 ms", 999: "999 ms", 1_000: "1.0 s", 6_449: "6.4 s", 14_000: "14 s", 59_999: "59 s",
    60_000: "1 m 00 s", 192_000: "3 m 12 s", 3_599_999: "59 m 59 s", 7_500_000: "2 h 05 m", 273_600_000: "3 d 4 h",
}  # fmt: skip
ENDS = [
    ("10.0.0.5", 443, "10.0.0.5:443"), ("2001:db8::1", 443, "[2001:db8::1]:443"), ("10.0.0.5", None, "10.0.0.5"),
    ("2001:db8::1", None, "2001:db8::1"), (None, 53, ":53"), (None, None, ""),
]  # fmt: skip
TEXTS = {"plain": "plain", "invoice\u202efdp.exe": "invoice\\u202efdp.exe", "a\u200bb\x00": "a\\u200bb\\u0000", "Núñez": "Núñez"}


@pytest.mark.parametrize(("number", "text"), BYTES.items())
def test_bytes(number: int | None, text: str) -> None:
    """Powers of a thousand with two digits that count."""
    assert formats.byte_size(number) == text


@pytest.mark.parametrize(("number", "text"), DURATIONS.items())
def test_durations(number: int | None, text: str) -> None:
    """The two largest units, never more than a glance."""
    assert formats.duration(number) == text


@pytest.mark.parametrize(("address", "port", "text"), ENDS)
def test_addresses(address: str | None, port: int | None, text: str) -> None:
    """IPv6 stands in brackets before a port."""
    assert formats.address_port(address, port) == text


@pytest.mark.parametrize(("text", "shown"), TEXTS.items())
def test_deceiving_characters_are_written_out(text: str, shown: str) -> None:
    """What is invisible or turns the direction of text becomes visible."""
    assert formats.visible(text) == shown


def test_protocols() -> None:
    """Known numbers by name, others by number."""
    assert [formats.protocol(number) for number in (6, 17, 58, 99, None)] == ["TCP", "UDP", "ICMPv6", "IP 99", formats.UNKNOWN]


def test_times() -> None:
    """Today to the millisecond, other days with the day."""
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert formats.clock_time("2026-11-21T03:12:42.009870Z", now) == "03:12:42.009"
    assert formats.clock_time("2026-11-02T23:12:42.009870Z", now) == "2 Nov 23:12:42"
    assert formats.full_time("2026-11-21T03:12:42.009870Z") == "21 Nov 2026 03:12:42.009870"
    assert formats.count(1_284_003) == "1,284,003"


SCRIPT = """async ([path, bytes, durations, ends, texts]) => {
  const f = await import(path);
  return {
    bytes: bytes.map(f.byteSize), durations: durations.map(f.duration),
    ends: ends.map(([address, port]) => f.addressPort(address, port)), texts: texts.map(f.visible),
    times: [f.clockTime("2026-11-02T23:12:42.009870Z", new Date("2026-11-21T12:00:00Z")),
            f.clockTime("2026-11-21T03:12:42.009870Z", new Date("2026-11-21T12:00:00Z")),
            f.fullTime("2026-11-21T03:12:42.009870Z")],
    after: ["2026-11-21T03:12:42.009870Z", "2026-11-21T03:12:42.999999Z"].map(f.justAfter),
    more: [f.count(1284003), f.count(7), f.protocol(58), f.protocol(99)],
  };
}"""


@pytest.mark.browser
def test_the_browser_formats_alike(page: Page) -> None:
    """The script's formats give what the server's give, so that a live row looks like a rendered one."""
    page.goto("/traffic")
    path = page.evaluate("document.querySelector('script[type=module]').src.replace('app.js', 'formats.js')")
    given = [path, list(BYTES), list(DURATIONS), [list(end[:2]) for end in ENDS], list(TEXTS)]
    assert page.evaluate(SCRIPT, given) == {
        "bytes": list(BYTES.values()),
        "durations": list(DURATIONS.values()),
        "ends": [end[2] for end in ENDS],
        "texts": list(TEXTS.values()),
        "times": ["2 Nov 23:12:42", "03:12:42.009", "21 Nov 2026 03:12:42.009870"],
        "after": ["2026-11-21T03:12:42.009871Z", "2026-11-21T03:12:43.000Z"],
        "more": ["1,284,003", "7", "ICMPv6", "IP 99"],
    }
