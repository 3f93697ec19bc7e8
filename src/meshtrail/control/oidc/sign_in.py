"""From the sign-in page to the provider and back into a session."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from meshtrail.common.clock import Clock
from meshtrail.common.errors import CallerError, ForbiddenError, UnauthenticatedError, UnavailableError
from meshtrail.control.actor import Origin
from meshtrail.control.audit import record
from meshtrail.control.database import Database
from meshtrail.control.limits import SIGN_IN_FAILURES_OF_ADDRESS_MAX, SIGN_IN_WINDOW_S
from meshtrail.control.oidc.attempts import Attempt, Attempts, new_attempt
from meshtrail.control.oidc.claims import Person, is_complete, person_of, role_of
from meshtrail.control.oidc.fetch import ProviderUnavailableError
from meshtrail.control.oidc.id_token import Expected, NotAcceptedError, checked_token
from meshtrail.control.oidc.provider import Provider, refusal
from meshtrail.control.oidc.settings import OidcSettings
from meshtrail.control.permissions import Role
from meshtrail.control.sessions import Sessions, Started
from meshtrail.control.sign_in import UNKNOWN_ID
from meshtrail.control.throttle import Throttle
from meshtrail.control.user import User
from meshtrail.control.users import Users
from meshtrail.model.activities import Activity
from meshtrail.model.enums import InitiatorType, Outcome

METHOD = "oidc"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that leads to the provider."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A sign-in that led to a session."""

    started: Started
    user: User
    next_path: str


class SignInElsewhere:
    """Signs people in whom the provider vouches for. Thread-safe; calls wait for the provider."""

    def __init__(
        self, settings: OidcSettings, database: Database, users: Users, sessions: Sessions, home: Callable[[], str | None], clock: Clock,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._provider = Provider(settings, clock)
        self._attempts = Attempts(clock)
        self._database = database
        self._users = users
        self._sessions = sessions
        self._home = home
        self._clock = clock
        self._failures = Throttle(clock, SIGN_IN_FAILURES_OF_ADDRESS_MAX, SIGN_IN_WINDOW_S, "sign-ins from here")

    def begin(self, redirect_uri: str, next_path: str) -> Begun:
        """Where to go, and what the browser has to keep meanwhile."""
        attempt = new_attempt(redirect_uri, next_path)
        try:
            return Begun(self._provider.sign_in_url(attempt), self._attempts.sealed(attempt))
        except ProviderUnavailableError as error:
            _LOG.warning("no sign-in begins: %s", error.reason)
            raise

    def finish(self, cookie: str | None, answer: Mapping[str, str], where: Origin) -> Finished:
        """A session for whom the answer is of. `UnauthenticatedError` when it proves nothing, `ForbiddenError` for who is blocked
        or waits, `ProviderUnavailableError`; each is written down."""
        attempt = self._attempts.take(cookie, answer.get("state"))
        self._failures.begin(where.address or "")
        person = self._proved(attempt, answer, where)
        self._failures.forgive(where.address or "")
        user = self._admitted(person, where)
        return Finished(self._sessions.start(user, METHOD, where), user, attempt.next_path)

    def _proved(self, attempt: Attempt, answer: Mapping[str, str], where: Origin) -> Person:
        try:
            return self._identified(attempt, answer)
        except NotAcceptedError as error:
            self._record_failure(error.reason, where)
            message = (
                "The identity provider did not let you in." if "error" in answer else "What the identity provider said is not accepted."
            )
            remedy = "Sign in again. If it stays so, an administrator finds the cause in the audit trail."
            raise UnauthenticatedError(message, remedy).told() from None
        except ProviderUnavailableError as error:
            self._failures.forgive(where.address or "")
            self._record_failure(error.reason, where)
            raise error.told() from None

    def _identified(self, attempt: Attempt, answer: Mapping[str, str]) -> Person:
        self._provider.check_sender(answer.get("iss"))
        if "error" in answer:
            raise NotAcceptedError(f"the provider refuses: {refusal(answer.get('error'), answer.get('error_description'))}")
        if not answer.get("code"):
            raise NotAcceptedError("the answer has no code")
        tokens = self._provider.redeem(answer["code"], attempt)
        expected = Expected(self._settings.issuer, self._settings.client_id, attempt.nonce, self._clock() / 1e6)
        claims = checked_token(tokens.id_token, self._provider.keys_for, expected)
        if not is_complete(claims, self._settings.groups_claim, bool(self._settings.roles)):
            claims = {**self._provider.more_of(tokens, claims["sub"]), **claims}
        return person_of(claims, self._settings.groups_claim)

    def _admitted(self, person: Person, where: Origin) -> User:
        """The user. Where groups lead to roles, they decide each time, so that who leaves a group loses its role; who is new and
        whom no group leads to a role waits to be let in."""
        home = self._home()
        if home is None:
            raise UnavailableError("There is no organisation yet.")
        found = role_of(person.groups, self._settings.roles)
        role = found or (Role.user if self._settings.roles else None)
        try:
            return self._users.sign_in_external(
                home, self._settings.issuer, person.subject, person.email, person.name, person.groups,
                email_verified=person.email_verified, role=role, new_waits=found is None, where=where,
            )  # fmt: skip
        except ForbiddenError:
            raise
        except CallerError as error:
            self._record_failure(error.message, where)
            raise error.told() from None

    def _record_failure(self, reason: str, where: Origin) -> None:
        """Tell the organisation of those who run the server: nobody is known to be who tried."""
        _LOG.warning("a sign-in failed: %s", reason, extra={"request_id": where.request_id})
        home = self._home()
        if home is None:
            return
        by = where.actor(home, UNKNOWN_ID, InitiatorType.unknown)
        meta = {"method": METHOD, "issuer": self._settings.issuer}
        with self._database.write() as transaction:
            record(transaction, by, Activity.sign_in_fail, outcome=Outcome.failure, error=reason, meta=meta)
