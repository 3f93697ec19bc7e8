"""Every error says what is wrong, marks the characters, and suggests what was meant."""

import pytest

from meshtrail.common.errors import InvalidError
from meshtrail.filter import FilterError, parse
from meshtrail.filter import limits as of
from meshtrail.model.columns import AUDIT, TRAFFIC, Family


def error(text: str, family: Family = TRAFFIC) -> FilterError:
    """The error of a text that is no filter."""
    with pytest.raises(FilterError) as caught:
        parse(text, family)
    return caught.value


@pytest.mark.parametrize(
    ("text", "marked", "message", "remedy"),
    [
        # fields
        ("sorce.name = x", "sorce.name", 'There is no field "sorce.name"', "Did you mean source.name"),
        ("src.ip = 10.0.0.1", "src.ip", "There is no field", "Did you mean source.address?"),
        ("dst_port = 22", "dst_port", "There is no field", "Did you mean destination.port?"),
        ("email = x", "email", "There is no field", "Did you mean user.email?"),
        ("time > now-1h", "time", "There is no field", "Did you mean started_at?"),
        ("org_id = x", "org_id", "There is no field", ""),
        ('"source.name" = x', '"source.name"', "A field stands without quotes", "Did you mean source.name?"),
        ("source* = x", "source*", "There is no field", "Did you mean source"),
        # operators
        ("source.name", "", "An operator is missing behind the field source.name", 'write "source.name"'),
        ("source.name not exists", "not", "An operator is missing", "Did you mean missing?"),
        ("verdict ~ /x/", "~", "verdict has no operator ~", "Expected: =, !=, in, not in, exists, missing."),
        ("source.groups < x", "<", "source.groups has no operator <", "Expected: ="),
        ("source.address contains 10", "contains", "source.address has no operator contains", "Expected: ="),
        ("source.address not contains 10", "contains", "has no operator not contains", "Expected: ="),
        ("!a", "!", "! is no operator by itself", "Did you mean not or != or !~?"),
        ("a && b", "&&", "is no operator", "Did you mean and?"),
        ("a || b", "||", "is no operator", "Did you mean or?"),
        # structure
        ("(a or b", "(", "This ( is never closed", "Expected: )."),
        ("a or b)", ")", "This ) closes nothing", "Expected: and or or."),
        ("a or", "", "The end of the filter cannot stand here: a condition is missing", "Expected: a field"),
        ("and a", "and", "cannot stand here: a condition is missing", "Expected: a field"),
        ("a and or b", "or", "cannot stand here: a condition is missing", "Expected: a field"),
        ("not", "", "The end of the filter cannot stand here", "Expected: a field"),
        ("()", ")", "cannot stand here", "Expected: a field"),
        ("= x", "=", "cannot stand here", "Expected: a field"),
        ("port in 22, 23", ",", "cannot stand here", "A list stands in parentheses"),
        ("source.name in ()", ")", "a value is missing", "Expected: a value."),
        ("source.name in (a b)", "b", "cannot stand here", "Expected: , or )."),
        ("source.name in (a", "(", "The list is never closed", "Expected: , or )."),
        ("source.name starts_with", "", "a value is missing", "Expected: a value."),
        ("source.name = and", "and", "a value is missing", 'Write "and" if it is the value.'),
        ("source.name = = x", "=", "a value is missing", "Expected: a value."),
        # texts
        ('source.name = "x', '"x', "The quoted text has no end", 'Expected: ".'),
        ("source.name = 'x", "'x", "The quoted text has no end", "Expected: '."),
        (r"source.name = \q", r"\q", "There is no escape", "Write \\\\ for a backslash"),
        (r'source.name = "\u{110000}"', r"\u{110000}", "There is no character 110000", ""),
        (r'source.name = "\u{d800}"', r"\u{d800}", "There is no character d800", ""),
        ('""', '""', "An empty text is in everything", ""),
        ('source.name contains ""', '""', "An empty text is in everything", "Write exists"),
        ("a\x00b", "\x00", "control character", r"Write \u{0}"),
        ("source.name = a*b*c*d*e*f*g*h*i*j", "a*b*c*d*e*f*g*h*i*j", "more than 8 wildcards", ""),
        # closed vocabularies, ids
        ("verdict = denyed", "denyed", 'verdict cannot be "denyed"', "Did you mean denied?"),
        ("verdict = *", "*", "verdict takes no wildcards", ""),
        ("id = 12", "12", "is no UUID", ""),
        # numbers
        ("port = ssh", "ssh", "is no number", ""),
        ("port = 70000", "70000", "is above 65535", ""),
        ("port = -1", "-1", "is no number", ""),
        ("port = 1.5", "1.5", "is no whole number", ""),
        ("port in 9..1", "9..1", "begins behind its end", ""),
        ("port < 22..23", "22..23", "< takes one value, not a range", ""),
        ("protocol = tpc", "tpc", "is no number and no name; tcp is one", ""),
        ("rx.bytes > 10XB", "10XB", "has the unknown unit XB; units are B, kB", ""),
        ("rx.bytes > many", "many", "is no size such as 10MB", ""),
        ("duration > 1y", "1y", "has the unknown unit y; units are us", ""),
        ("duration > 1.0005s", "1.0005s", "is no whole number of milliseconds", ""),
        ("duration > long", "long", "is no duration such as 30m", ""),
        ("rx.bytes = ١", "١", "is no size", ""),
        # addresses
        ("address = 10.0.0.300", "10.0.0.300", "is neither an address nor a network", ""),
        ("address in 10.0.0.0/33", "10.0.0.0/33", "is neither an address nor a network", ""),
        ("address in 10.0.0.9..10.0.0.1", "10.0.0.9..10.0.0.1", "begins behind its end", ""),
        ("address = 10.*", "10.*", "takes no wildcards", "Write a network"),
        ("address = fe80::1%eth0", "fe80::1%eth0", "is no address", ""),
        # times
        ("started_at > soon", "soon", "is no time such as 2026-09-21T09:00:00Z", ""),
        ("started_at > 2026-09-21T09:00:00", "2026-09-21T09:00:00", "has no time zone", ""),
        ("started_at > 2026-02-30", "2026-02-30", "is no day of the calendar", ""),
        ("started_at > 2026-02-03T25:00:00Z", "2026-02-03T25:00:00Z", "is no time of the calendar", ""),
        ("started_at > 2400-01-01", "2400-01-01", "outside the calendar from 1900 to 2299", ""),
        ("started_at > now-40000d", "now-40000d", "more than a hundred years away", ""),
        ("started_at > now-2", "now-2", "is no duration", ""),
        ("started_at in now..now-1h", "now..now-1h", "is empty", ""),
        ("started_at in 2026-09-22..2026-09-22", "2026-09-22..2026-09-22", "is empty", ""),
        # regular expressions
        ("source.name ~ x", "x", "stands between slashes", "Did you mean /x/?"),
        ("source.name ~ /x", "/x", "The regular expression has no end", "Expected: /."),
        ("source.name ~ /x/g", "/x/g", "There is no flag 'g'", "Expected: /…/ or /…/i."),
        ("source.name ~ //", "", "The regular expression is empty", ""),
    ],
)
def test_errors(text: str, marked: str, message: str, remedy: str) -> None:
    """What is said, of which characters, and what to do."""
    found = error(text)
    assert message in found.message
    assert text[found.start : found.end] == marked
    assert remedy in found.remedy
    assert found.message[-1] == "."
    assert found.details == [
        {"start": found.start, "end": found.end, "expected": list(found.expected), "suggestions": list(found.suggestions)}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [("ip = 10.0.0.1", "initiator.ip"), ("actor = ana", "initiator"), ("time > now-1h", "occurred_at"), ("outcom = denied", "outcome")],
)
def test_suggestions_are_of_the_family(text: str, suggestion: str) -> None:
    """An audit filter is told of audit fields."""
    assert suggestion in error(text, AUDIT).suggestions


@pytest.mark.parametrize(
    "text",
    [
        "(" * (of.DEPTH_MAX + 1) + "a" + ")" * (of.DEPTH_MAX + 1),
        "not " * (of.DEPTH_MAX + 1) + "a",
        "not (" * of.DEPTH_MAX + "a" + ")" * of.DEPTH_MAX,
        "x" * (of.TEXT_CHARACTERS_MAX + 1),
        " or ".join(["port = 1"] * (of.TERMS_MAX + 1)),
        " ".join(f"w{number}" for number in range(of.WORDS_MAX + 1)),
        " or ".join(["source.name ~ /x/"] * (of.REGEXES_MAX + 1)),
        f"port in ({', '.join(['1'] * (of.VALUES_MAX + 1))})",
        f"port in ({', '.join(['1..2'] * (of.RANGES_MAX + 1))})",
        f"source.name = {'x' * (of.VALUE_CHARACTERS_MAX + 1)}",
        f"source.name contains {'x' * (of.VALUE_CHARACTERS_MAX + 1)}",
        f"source.name = {'*x' * (of.WILDCARDS_MAX + 1)}",
        f"source.name ~ /{'x' * (of.REGEX_CHARACTERS_MAX + 1)}/",
        f"source.name ~ /{'(' * (of.REGEX_DEPTH_MAX + 1)}x{')' * (of.REGEX_DEPTH_MAX + 1)}/",
        f"source.name ~ /x{{{of.REGEX_REPEATS_MAX + 1}}}/",
        "source.name ~ /((a{10}){10}){11}/",
        "source.name ~ /(" + "[^a]" * 60 + "){1000}/",
        f"port = {'0' * (of.NUMBER_CHARACTERS_MAX + 1)}",
    ],
    ids=lambda text: text[:24],
)
def test_limits(text: str) -> None:
    """Beyond each limit there is an error that says so, not a slow answer."""
    found = error(text)
    assert any(word in found.message for word in ("more than", "More than", "longer than", "at most", "too large", "is no number"))


@pytest.mark.parametrize(
    "text",
    [
        "(" * of.DEPTH_MAX + "a" + ")" * of.DEPTH_MAX,
        "not " * of.DEPTH_MAX + "a",
        " or ".join(["port = 1"] * of.TERMS_MAX),
        " ".join(f"w{number}" for number in range(of.WORDS_MAX)),
        " or ".join(["source.name ~ /x/"] * of.REGEXES_MAX),
        f"port in ({', '.join(str(number) for number in range(of.VALUES_MAX))})",
        f"port in ({', '.join(f'{number}..65535' for number in range(of.RANGES_MAX))})",
        f"source.name = {'x' * of.VALUE_CHARACTERS_MAX}",
        f"source.name = {'*x' * of.WILDCARDS_MAX}",
        f"source.name ~ /{'x' * of.REGEX_CHARACTERS_MAX}/",
        f"source.name ~ /{'(' * of.REGEX_DEPTH_MAX}x{')' * of.REGEX_DEPTH_MAX}/",
        f"source.name ~ /x{{{of.REGEX_REPEATS_MAX}}}/",
        f"port = {'0' * of.NUMBER_CHARACTERS_MAX}",
        "a" + " " * (of.TEXT_CHARACTERS_MAX - 1),
    ],
    ids=lambda text: text[:24],
)
def test_the_limit_itself_is_allowed(text: str) -> None:
    """A limit is the largest that is possible."""
    parse(text, TRAFFIC)


def test_it_is_an_error_of_the_caller() -> None:
    """Status 400 with a code of its own."""
    found = error("x y = ")
    assert isinstance(found, InvalidError)
    assert (found.status, found.code) == (400, "invalid_filter")


def test_pointed() -> None:
    """For terminals: the line and a mark below it."""
    text = "a\nverdict = denyed\nb"
    assert error(text).pointed(text) == "verdict = denyed\n          ^^^^^^"
    assert error("a or").pointed("a or") == "a or\n    ^"
    assert error('x\n"y\nz').pointed('x\n"y\nz') == '"y\n^^'
