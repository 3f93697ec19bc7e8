"""Sign-ins that were begun: what has to be known again when the browser comes back.

It travels in a cookie of the browser that began it, encrypted and with a MAC (Fernet), so that nothing has to be kept for people
who never come back, and nobody else can use it. The key is this process's own: whoever signs in while the server is started again
begins anew.
"""

import base64
import hashlib
import hmac
import threading
from collections import OrderedDict
from urllib.parse import unquote

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from meshtrail.common.clock import Clock
from meshtrail.common.errors import UnauthenticatedError
from meshtrail.control.hashing import new_secret
from meshtrail.control.oidc.limits import ATTEMPT_S, ATTEMPTS_USED_MAX, NEXT_CHARACTERS_MAX

_COOKIE_CHARACTERS_MAX = 4_096


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """The secrets of one sign-in, and where it leads."""

    state: str
    """Comes back in the address: proves that the answer belongs to this attempt."""
    nonce: str
    """Comes back in the ID token: proves that the token was made for this attempt."""
    verifier: str
    """Shown when the code is redeemed: proves that whoever redeems it began this attempt (PKCE)."""
    redirect_uri: str
    next_path: str

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier (S256)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


def new_attempt(redirect_uri: str, next_path: str) -> Attempt:
    """An attempt with secrets that nobody guesses. A path that leads elsewhere is replaced by the front page."""
    next_path = next_path if is_local(next_path) else "/"
    return Attempt(new_secret(), new_secret(), new_secret(), redirect_uri, next_path)


def is_local(path: str) -> bool:
    """Whether it is a path on this server, however a browser may read it."""
    plain = unquote(path)
    safe = plain.startswith("/") and not plain.startswith("//") and "\\" not in plain and plain.isprintable()
    return safe and path.isascii() and path.startswith("/") and len(path) <= NEXT_CHARACTERS_MAX


class Attempts:
    """Seals attempts, and opens each once. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seal = Fernet(Fernet.generate_key())
        self._lock = threading.Lock()
        self._used: OrderedDict[str, int] = OrderedDict()

    def sealed(self, attempt: Attempt) -> str:
        """What the cookie holds."""
        return self._seal.encrypt_at_time(msgspec.json.encode(attempt), self._now()).decode()

    def take(self, cookie: str | None, state: str | None) -> Attempt:
        """The attempt of a cookie to which this state belongs. `UnauthenticatedError` when it was not begun in this browser, too
        long ago, or has been used."""
        attempt = self._opened(cookie or "")
        if attempt is None or not hmac.compare_digest(attempt.state.encode(), (state or "").encode("utf-8", "surrogatepass")):
            raise UnauthenticatedError(
                "This sign-in was not begun in this browser, or too long ago.", "Sign in again; cookies have to be allowed."
            )  # fmt: skip
        if not self._use(attempt.state):
            raise UnauthenticatedError("This sign-in was used already.", "Sign in again.")
        return attempt

    def _opened(self, cookie: str) -> Attempt | None:
        if len(cookie) > _COOKIE_CHARACTERS_MAX:
            return None
        try:
            return msgspec.json.decode(
                self._seal.decrypt_at_time(cookie.encode("utf-8", "surrogatepass"), ATTEMPT_S, self._now()), type=Attempt
            )
        except (InvalidToken, msgspec.DecodeError):
            return None

    def _use(self, state: str) -> bool:
        now = self._now()
        with self._lock:
            while self._used and next(iter(self._used.values())) < now - ATTEMPT_S:
                self._used.popitem(last=False)
            if state in self._used:
                return False
            if len(self._used) >= ATTEMPTS_USED_MAX:
                self._used.popitem(last=False)
            self._used[state] = now
            return True

    def _now(self) -> int:
        return self._clock() // 1_000_000
