"""Which passwords are taken, and how they are kept."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from meshtrail.common.errors import BusyError, UnusableError
from meshtrail.control import passwords
from meshtrail.control.limits import ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES, PASSWORD_CHARACTERS_MAX, PASSWORD_HASHES_MAX


@pytest.mark.parametrize(
    "password",
    [
        "", "short", "elevenchars", "x" * 40, "123456789012", "PasswordPassword", "ana.lima.2026", "ana@example.org", "abababababab",
        "y" * (PASSWORD_CHARACTERS_MAX + 1), "Ana Lima Ana Lima",
    ],
)  # fmt: skip
def test_bad_passwords_are_refused_with_a_reason(password: str) -> None:
    """Too short, too long, one of the first that are tried, or the user's own name."""
    with pytest.raises(UnusableError, match=r"^password: "):
        passwords.checked(password, "Ana Lima", "ana.lima@example.org")


@pytest.mark.parametrize(
    "password", ["four words of ana", "Zxcvb-nm,./-2026", "пароль для меня", "🦊🐻🐼🦁🐯🐨🐸🐵🐔🐧🐦🐤", "y" * 8 + "abcd efgh"]
)
def test_good_ones_are_taken(password: str) -> None:
    """Of any characters."""
    assert passwords.checked(password, "Ana Lima", "ana.lima@example.org") == password


def test_what_is_kept_has_its_parameters_and_a_salt() -> None:
    """The same password is kept differently each time; only the right one matches, also when typed decomposed."""
    first, second = passwords.hashed("pâté of four ducks"), passwords.hashed("pâté of four ducks")
    assert first != second
    assert first.startswith(f"$argon2id$v=19$m={ARGON2_MEMORY_KIB},t={ARGON2_PASSES},p={ARGON2_LANES}$")
    assert passwords.matches("pa\u0302te\u0301 of four ducks", first)
    assert not passwords.matches("pâté of four duck", first)
    assert not passwords.is_outdated(first)
    assert passwords.is_outdated(first.replace(f"t={ARGON2_PASSES}", "t=1"))


def test_nobodys_password_costs_as_much_and_never_matches() -> None:
    """It has the same parameters; damage is no match either."""
    assert passwords.NOBODYS.split("$")[:4] == passwords.hashed("four words of ana").split("$")[:4]
    for guess in ("", "A" * 32, "the password of nobody"):
        assert not passwords.matches(guess, passwords.NOBODYS)
    assert not passwords.matches("anything", "nonsense")


def test_few_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes 64 MiB: one too many waits, and is told to try again when it takes too long."""
    monkeypatch.setattr(passwords, "PASSWORD_WAIT_S", 0.05)
    inside, leave = threading.Semaphore(0), threading.Event()

    def occupy() -> None:
        with passwords._place():
            inside.release()
            leave.wait(20)

    with ThreadPoolExecutor(PASSWORD_HASHES_MAX) as pool:
        holding = [pool.submit(occupy) for _ in range(PASSWORD_HASHES_MAX)]
        for _ in holding:
            assert inside.acquire(timeout=20)
        with pytest.raises(BusyError):
            passwords.matches("anything", passwords.NOBODYS)
        leave.set()
        for each in holding:
            each.result(20)
    assert not passwords.matches("anything", passwords.NOBODYS)
