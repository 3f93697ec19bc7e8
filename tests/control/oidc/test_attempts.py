"""Sign-ins that were begun."""

import pytest

from meshtrail.common.errors import UnauthenticatedError
from meshtrail.control.oidc import attempts as module
from meshtrail.control.oidc.attempts import Attempts, is_local, new_attempt
from meshtrail.control.oidc.limits import ATTEMPT_S, NEXT_CHARACTERS_MAX
from tests.control.organisation import Clock

RETURN = "https://trail.example.org/sign-in/oidc/callback"


def test_it_comes_back_as_it_was(clock: Clock) -> None:
    """Once, with its own state, within its time; the longest path fits into a cookie."""
    attempts = Attempts(clock)
    attempt = new_attempt(RETURN, "/" + "x" * (NEXT_CHARACTERS_MAX - 1))
    sealed = attempts.sealed(attempt)
    assert len(sealed) < 3_500 and attempt.verifier not in sealed
    clock.pass_s(ATTEMPT_S)
    assert attempts.take(sealed, attempt.state) == attempt
    with pytest.raises(UnauthenticatedError, match="used"):
        attempts.take(sealed, attempt.state)


def test_another_server_cannot_open_it(clock: Clock) -> None:
    """Each process has a key of its own."""
    attempt = new_attempt(RETURN, "/")
    with pytest.raises(UnauthenticatedError, match="not begun"):
        Attempts(clock).take(Attempts(clock).sealed(attempt), attempt.state)


def test_what_is_remembered_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number, and by time."""
    monkeypatch.setattr(module, "ATTEMPTS_USED_MAX", 3)
    attempts = Attempts(clock)
    for _ in range(5):
        attempt = new_attempt(RETURN, "/")
        attempts.take(attempts.sealed(attempt), attempt.state)
    assert len(attempts._used) == 3
    clock.pass_s(ATTEMPT_S + 1)
    attempt = new_attempt(RETURN, "/")
    attempts.take(attempts.sealed(attempt), attempt.state)
    assert list(attempts._used) == [attempt.state]


@pytest.mark.parametrize("path", ["/", "/traffic?filter=a%3Db&x=/y", "/traffic/%C3%A9", "/a//b", "/@evil.example", "/?next=//evil.example"])
def test_paths_of_this_server(path: str) -> None:
    """Stay as they are."""
    assert is_local(path)
    assert new_attempt(RETURN, path).next_path == path


@pytest.mark.parametrize(
    "path",
    ["", "x", "//e", "/\\e", "\\\\e", "https://e", "/%2fe", "/%2Fe", "/%5Ce", "/\te", "/%09/e", "/a\r\nb", "/%0d%0ab",
     "/é", "/" + "x" * NEXT_CHARACTERS_MAX],
)  # fmt: skip
def test_paths_of_others(path: str) -> None:
    """Lead to the front page."""
    assert new_attempt(RETURN, path).next_path == "/"


def test_the_challenge_is_that_of_the_standard() -> None:
    """The example of RFC 7636, appendix B."""
    attempt = module.Attempt("s", "n", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", RETURN, "/")
    assert attempt.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
