"""Regular expressions: a described subset of RE2, each refusal at its place; what is allowed, the engine takes."""

import random
import time

import pytest

from meshtrail.filter import FilterError
from meshtrail.filter.regex import checked
from meshtrail.store.embedded import EmbeddedEngine

PIECES = (
    "a", "é", ".", "^", "$", r"\d", r"\W", r"\s", r"\b", r"\B", r"\t", r"\x41", r"\x{1F600}", r"\.", r"\/", r"\]", r"\-", "[a-z]", "[^a-z]",
    r"[\d\-x]", "[]]"[1:], "[-a]", "[a-]", r"[\[\]]", "(", "(?:", ")", "|", "*", "+", "?", "*?", "{2}", "{2,}", "{1,3}", "{0}", "{1000}",
    "{30,40}?", " ", "🙂", "-", "_", "@", "#", "&&", "[^\\s]", "{", "}", ",", "<", "/",
)  # fmt: skip

CATASTROPHIC = (
    "(a+)+$", "(a|a)*$", "(a|aa)+$", "(.*a){12}$", "(a*)*b", "([^a]{1,400})x", "^(([a-z])+.)+[A-Z]([a-z])+$", "(?:.?){900}a{90}",
)  # fmt: skip


def refusal(pattern: str) -> FilterError | None:
    """Why the expression is refused, or None."""
    try:
        checked(pattern, False, 0)
    except FilterError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("pattern", "marked", "message"),
    [
        ("", "", "is empty"),
        ("(", "(", "The group has no end"),
        ("a)", ")", "closes nothing"),
        ("(?=x)", "(?=", "Looking ahead or behind"),
        ("(?<!x)", "(?<", "Looking ahead or behind"),
        ("(?i)x", "(?i", "Flags stand behind"),
        ("(?P<n>x)", "(?P", "are groups"),
        ("(?", "(?", "are groups"),
        (r"(a)\1", r"\1", "References back"),
        (r"\A", r"\A", "There is no escape"),
        (r"\pL", r"\p", "There is no escape"),
        (r"\Qx\E", r"\Q", "There is no escape"),
        ("\\", "\\", "Nothing stands behind"),
        (r"\x{110000}", r"\x{110000}", "There is no such character"),
        (r"\x{d800}", r"\x{d800}", "There is no such character"),
        ("[]", "[]", "The class is empty"),
        ("[^]", "[^]", "The class is empty"),
        ("[a", "[a", "The class has no end"),
        ("[z-a]", "z-a", "This is no range"),
        (r"[\d-z]", r"\d-z", "This is no range"),
        ("[[:alpha:]]", "[", "needs a backslash"),
        ("[a-b-c]", "-", "A - inside a class"),
        (r"[\b]", r"\b", "is no character"),
        ("*", "*", "repeats nothing"),
        ("a|+", "+", "repeats nothing"),
        ("a**", "**", "A repetition cannot be repeated"),
        ("a{2}{3}", "{2}{", "A repetition cannot be repeated"),
        ("x{3,2}", "{3,2}", "The larger number"),
        ("x{a}", "{", "This is no repetition"),
        ("x{1001}", "{1001}", "More than 1000 repetitions"),
        ("(x{40}){40}", "{40}", "More than 1000 repetitions"),
        ("^*", "^*", "A place cannot be repeated"),
        (r"\b+", r"\b+", "A place cannot be repeated"),
        ("(((a{10,}){10}){9}[^b]){2}", "{2}", "More than 1000 repetitions"),
        ("([^a][^b][^c]){900}", "([^a][^b][^c]){900}", "too large"),
        ("a\nb", "\n", "does not print"),
        ("a\u202eb", "\u202e", "does not print"),
    ],
)
def test_refused(pattern: str, marked: str, message: str) -> None:
    """What RE2 cannot do or what would be large is refused at its place."""
    with pytest.raises(FilterError) as caught:
        checked(pattern, False, 7)
    assert message in caught.value.message
    assert pattern[caught.value.start - 7 : caught.value.end - 7] == marked


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^db-[0-9]+$", "db-17", True),
        ("^db-[0-9]+$", "db-17\n", False),
        ("b.c", "b\nc", True),
        ("B", "abc", False),
        (r"\bhi\b", 'say "hi"', True),
        (r"\x{1F600}|\x41", "A", True),
        (r"[\]\-\[]", "-", True),
        ("[-a]", "-", True),
        ("[a-]", "-", True),
        (r"\w", "é", False),
        ("é?x{0}", "", True),
        ("(a|b|)+c", "xc", True),
        ("a-b,c}", "a-b,c}", True),
    ],
)
def test_allowed(engine: EmbeddedEngine, pattern: str, text: str, found: bool) -> None:
    """What is allowed means what the documentation says."""
    assert checked(pattern, False, 0).pattern == pattern
    answer = engine.read("SELECT match({text:String}, {pattern:String}) AS found", {"text": text, "pattern": pattern}, "TSV")
    assert answer == (b"1\n" if found else b"0\n")


def test_what_is_allowed_the_engine_takes(engine: EmbeddedEngine) -> None:
    """Random expressions: each is refused by a `FilterError`, or runs, and quickly."""
    chance = random.Random(5)
    allowed: list[str] = []
    while len(allowed) < 600:
        pattern = "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 12)))
        error = refusal(pattern)
        if error is None:
            allowed.append(pattern)
        else:
            assert 0 <= error.start <= error.end <= len(pattern)
    for at in range(0, len(allowed), 50):
        parameters = {f"p{number}": prefix + pattern for number, (prefix, pattern) in enumerate(
            (prefix, pattern) for pattern in allowed[at : at + 50] for prefix in ("", "(?i)")
        )}  # fmt: skip
        sums = ", ".join(f"match(materialize('aébc -_@'), {{{name}:String}})" for name in parameters)
        engine.read(f"SELECT {sums}", parameters)


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_nothing_is_catastrophic(engine: EmbeddedEngine, pattern: str) -> None:
    """Expressions that take other engines years look at a long text in a moment, or are refused."""
    if (error := refusal(pattern)) is not None:
        assert "repetitions" in error.message or "too large" in error.message
        return
    began = time.process_time()
    engine.read("SELECT countIf(match(concat(repeat('a', 1000), '!', toString(number)), {pattern:String})) FROM numbers(1000)",
                {"pattern": pattern}, "TSV")  # fmt: skip
    assert time.process_time() - began < 5
