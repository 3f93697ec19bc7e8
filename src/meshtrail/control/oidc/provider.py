"""What is asked of the provider: its description, its keys, tokens for a code, and more about a person."""

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from meshtrail.common.clock import Clock
from meshtrail.common.errors import InvalidError
from meshtrail.control.oidc.attempts import Attempt
from meshtrail.control.oidc.fetch import ProviderUnavailableError, document, fetch
from meshtrail.control.oidc.id_token import NotAcceptedError
from meshtrail.control.oidc.kept import Kept
from meshtrail.control.oidc.keys import PublicKey, matching, public_keys
from meshtrail.control.oidc.limits import KEYS_LIFE_S, KEYS_REFRESH_S, METADATA_LIFE_S, SHOWN_CHARACTERS_MAX
from meshtrail.control.oidc.settings import OidcSettings, checked_url

_SCOPES = ("openid", "profile", "email")
_OK = 200


class _Described(msgspec.Struct):
    """Members of the description that are used (OpenID Connect Discovery 1.0, 3; RFC 9207)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    scopes_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Granted(msgspec.Struct):
    id_token: str
    access_token: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was redeemed for."""

    id_token: str
    access_token: str


class Provider:
    """The provider. Thread-safe; calls take as long as it takes to answer, at most `FETCH_S` for each request."""

    def __init__(self, settings: OidcSettings, clock: Clock) -> None:
        self._settings = settings
        self._secret = settings.secret()
        self._described = Kept(self._describe, clock, METADATA_LIFE_S)
        self._keys = Kept(self._published, clock, KEYS_LIFE_S)

    def sign_in_url(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in."""
        described = self._described.get()
        scopes = list(_SCOPES)
        if self._settings.roles and self._settings.groups_claim in described.scopes_supported:
            scopes.append(self._settings.groups_claim)
        asked = {
            "response_type": "code", "client_id": self._settings.client_id, "redirect_uri": attempt.redirect_uri, "scope": " ".join(scopes),
            "state": attempt.state, "nonce": attempt.nonce, "code_challenge": attempt.challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        endpoint = described.authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked, quote_via=quote)}"

    def check_sender(self, issuer: str | None) -> None:
        """`NotAcceptedError` unless the answer in the address comes from this provider, as far as it says so (RFC 9207)."""
        required = self._described.get().authorization_response_iss_parameter_supported
        if issuer != self._settings.issuer and (required or issuer is not None):
            raise NotAcceptedError("the answer comes from another provider")

    def redeem(self, code: str, attempt: Attempt) -> Tokens:
        """Tokens for a code; `NotAcceptedError` when the provider refuses it."""
        described = self._described.get()
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": attempt.redirect_uri, "code_verifier": attempt.verifier,
        }  # fmt: skip
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._secret and "client_secret_basic" in described.token_endpoint_auth_methods_supported:
            headers["Authorization"] = _basic(self._settings.client_id, self._secret)
        else:
            form["client_id"] = self._settings.client_id
            if self._secret:
                form["client_secret"] = self._secret
        answer = fetch("POST", described.token_endpoint, urlencode(form).encode(), headers)
        said = answer.document()
        if answer.status != _OK:
            raise NotAcceptedError(f"the provider redeems no code: {refusal(said.get('error'), said.get('error_description'))}")
        try:
            granted = msgspec.convert(said, _Granted)
        except msgspec.ValidationError as error:
            raise NotAcceptedError(f"the provider's tokens: {error}") from None
        return Tokens(granted.id_token, granted.access_token)

    def keys_for(self, key_id: str | None, algorithm: str) -> tuple[PublicKey, ...]:
        """Keys by a name and for an algorithm. They are fetched again when there is no such one: keys are changed now and then."""
        found = matching(self._keys.get(), key_id, algorithm)
        return found or matching(self._keys.get(KEYS_REFRESH_S), key_id, algorithm)

    def more_of(self, tokens: Tokens, subject: str) -> dict[str, Any]:
        """More claims of the person; nothing when the provider has no place for it. They are believed because TLS says whose they
        are, and only if they are of the same person."""
        endpoint = self._described.get().userinfo_endpoint
        if endpoint is None or not tokens.access_token:
            return {}
        answer = fetch("GET", endpoint, None, {"Authorization": f"Bearer {tokens.access_token}"})
        if answer.status != _OK:
            raise ProviderUnavailableError(f"GET {endpoint}: status {answer.status}")
        claims = answer.document()
        if claims.get("sub") != subject:
            raise NotAcceptedError("the provider's further claims are of somebody else")
        return claims

    def _describe(self) -> _Described:
        url = self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            found = msgspec.convert(document(url), _Described)
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
                address = getattr(found, name)
                if address is not None:
                    checked_url(address, name)
        except (msgspec.ValidationError, InvalidError) as error:
            raise ProviderUnavailableError(f"{url}: {error}") from None
        if found.issuer != self._settings.issuer:
            raise ProviderUnavailableError(f"{url}: the provider calls itself {found.issuer[:200]!r}; write --oidc-issuer exactly so")
        return found

    def _published(self) -> tuple[PublicKey, ...]:
        return public_keys(document(self._described.get().jwks_uri))


def refusal(error: object, description: object) -> str:
    """The provider's own words for an error, as far as they can be shown."""
    said = ": ".join(each for each in (error, description) if isinstance(each, str) and each)
    return "".join(each for each in said if each.isprintable())[:SHOWN_CHARACTERS_MAX] or "without a reason"


def _basic(name: str, secret: str) -> str:
    """RFC 6749, 2.3.1: both are encoded as in a form first."""
    pair = f"{quote(name, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
