"""Requests to a provider that is slow, large, elsewhere or gone."""

from collections.abc import Iterator

import pytest

from meshtrail.common.clock import wall_clock
from meshtrail.control.oidc.fetch import ProviderUnavailableError, document, fetch
from meshtrail.control.oidc.limits import ANSWER_BYTES_MAX
from tests.identity_provider import Answer, IdentityProvider, running


@pytest.fixture
def place() -> Iterator[IdentityProvider]:
    """Somebody who answers what the test wants."""
    with running() as started:
        yield started


def test_a_document(place: IdentityProvider) -> None:
    """An object comes as it is."""
    place.answers["/x"] = Answer(b'{"a": 1}')
    assert document(f"{place.issuer}/x?y=1") == {"a": 1}
    assert fetch("POST", f"{place.issuer}/x", b"a=1").status == 200
    assert place.requests[-1][2] == {"a": "1"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"[]"), "no JSON object"),
        (Answer(b"<html>"), "no JSON"),
        (Answer(b"\xff"), "no JSON"),
        (Answer(b"[" * 100_000), "no JSON"),
        (Answer(b"{}", 500), "status 500"),
        (Answer(b"{}", 302, {"Location": "http://192.0.2.1/"}), "status 302"),
        (Answer(b" " * (ANSWER_BYTES_MAX + 1)), "more than"),
        (Answer(b" " * (ANSWER_BYTES_MAX + 1), length=10**15), "more than"),
        (Answer(b"{}", length=100), "broke off"),
        (Answer(b"{}", headers={f"X-{number}": "y" for number in range(200)}), "got more than"),
    ],
)
def test_what_is_no_document(place: IdentityProvider, answer: Answer, reason: str) -> None:
    """Not JSON, not in one piece, not here, or without an end."""
    place.answers["/x"] = answer
    with pytest.raises(ProviderUnavailableError) as raised:
        document(f"{place.issuer}/x")
    assert reason in raised.value.reason
    assert place.issuer not in raised.value.message, "people read no addresses of the inside"


def test_an_answer_that_never_ends(place: IdentityProvider) -> None:
    """It is cut off after its time, though a byte arrives now and then."""
    place.answers["/x"] = Answer(pieces=1_000, pause_s=0.05)
    began = wall_clock()
    with pytest.raises(ProviderUnavailableError) as raised:
        fetch("GET", f"{place.issuer}/x", seconds=0.5)
    assert "not over" in raised.value.reason, "what came until then would be JSON; it must not be taken for the whole"
    assert wall_clock() - began < 5_000_000


def test_nobody_there(place: IdentityProvider) -> None:
    """Neither a server nor a name."""
    place.stop()
    for url in (f"{place.issuer}/x", "http://nobody.invalid/x", "http://[::1]:1/x"):
        with pytest.raises(ProviderUnavailableError):
            fetch("GET", url)
