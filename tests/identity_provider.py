"""An identity provider over real HTTP whose every answer a test can change: what a broken or hostile one says."""

import base64
import hashlib
import hmac
import http.server
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from joserfc import jws, jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

CLIENT, SECRET = "meshtrail", "a secret: of the client/+"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig", "alg": "RS256"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "other", "use": "sig"})
KEYS: dict[str, Key] = {"RS256": RSA, "ES256": EC, "EdDSA": ED, "Ed25519": ED}


@dataclass
class Answer:
    """What is sent instead of the right answer."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: int = 0
    """More pieces of a blank each, one every `pause_s`: an answer that never ends."""
    pause_s: float = 0.0
    length: int | None = None
    """Content-Length that is said."""


@dataclass
class Code:
    """What a code stands for."""

    asked: dict[str, str]
    claims: dict[str, Any]
    more: dict[str, Any]


class IdentityProvider:
    """Keeps its users in the test: `code_for` is what its sign-in page would do."""

    def __init__(self) -> None:
        self.keys: list[Key] = [RSA, EC, ED]
        self.signer: tuple[str, Key] = ("RS256", RSA)
        self.answers: dict[str, Answer] = {}
        self.described: dict[str, Any] = {}
        """Members of the description that are different."""
        self.secret = SECRET
        self.now: Callable[[], float] = time.time
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        """Path, headers and form of each request."""
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self._codes: dict[str, Code] = {}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def asked_of(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(path == asked for asked, _, _ in self.requests)

    def code_for(self, url: str, claims: dict[str, Any] | None = None, more: dict[str, Any] | None = None) -> dict[str, str]:
        """What comes back to the server in the address after somebody with these claims signed in at the address `url`."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = f"code-{len(self._codes)}"
        self._codes[code] = Code(asked, claims or {}, more or {})
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def claims_of(self, code: Code) -> dict[str, Any]:
        """All claims of an ID token."""
        now = int(self.now())
        standard = {"iss": self.issuer, "aud": CLIENT, "sub": "ana", "exp": now + 300, "iat": now, "nonce": code.asked["nonce"]}
        return {name: value for name, value in {**standard, **code.claims}.items() if value is not None}

    def signed(self, claims: dict[str, Any]) -> str:
        """A token with the key of the day."""
        algorithm, key = self.signer
        return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])

    def answer(self, path: str, headers: dict[str, str], form: dict[str, str]) -> Answer:
        """What a right provider answers, unless the test wants another answer."""
        self.requests.append((path, headers, form))
        if path in self.answers:
            return self.answers[path]
        match path:
            case "/.well-known/openid-configuration":
                return _json(self._description())
            case "/keys":
                return _json({"keys": [key.as_dict(private=False) for key in self.keys]})
            case "/token":
                return self._token(headers, form)
            case "/userinfo":
                code = self._codes.get(headers.get("authorization", "").removeprefix("Bearer access-"))
                return _json({"sub": "ana", **code.more}) if code is not None else _json({"error": "invalid_token"}, 401)
            case _:
                return _json({"error": "not_found"}, 404)

    def _description(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys", "userinfo_endpoint": f"{self.issuer}/userinfo",
            "scopes_supported": ["openid", "profile", "email", "groups"], "authorization_response_iss_parameter_supported": True,
            **self.described,
        }  # fmt: skip

    def _token(self, headers: dict[str, str], form: dict[str, str]) -> Answer:
        expected = "Basic " + base64.b64encode(b"meshtrail:a%20secret%3A%20of%20the%20client%2F%2B").decode()
        if self.secret and headers.get("authorization") != expected and form.get("client_secret") != self.secret:
            return _json({"error": "invalid_client"}, 401)
        code = self._codes.get(form.get("code", ""))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if (
            code is None or code.asked["code_challenge_method"] != "S256" or code.asked["code_challenge"] != challenge
            or form.get("redirect_uri") != code.asked["redirect_uri"] or form.get("grant_type") != "authorization_code"
        ):  # fmt: skip
            return _json({"error": "invalid_grant", "error_description": "no such code"}, 400)
        return _json({"access_token": f"access-{form['code']}", "token_type": "Bearer", "id_token": self.sign(self.claims_of(code))})


def unsigned(claims: dict[str, Any]) -> str:
    """A token with `alg` none."""
    parts = [base64.urlsafe_b64encode(msgspec.json.encode(each)).rstrip(b"=").decode() for each in ({"alg": "none", "kid": "rsa"}, claims)]
    return ".".join([*parts, ""])


def signed_by_public_key(claims: dict[str, Any]) -> str:
    """A token with HS256 whose secret is the provider's public key, which everybody knows."""
    public = RSA.as_pem(private=False)
    head, body = (
        base64.urlsafe_b64encode(msgspec.json.encode(each)).rstrip(b"=") for each in ({"alg": "HS256", "kid": "rsa"}, claims)
    )  # fmt: skip
    mac = base64.urlsafe_b64encode(hmac.digest(public, head + b"." + body, "sha256")).rstrip(b"=")
    return b".".join([head, body, mac]).decode()


def with_header(claims: Any, header: dict[str, Any], key: Key = RSA, algorithm: str = "RS256") -> str:
    """A token with further members in its header."""
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = 100_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # of the name EdDSA
        return jws.serialize_compact({"alg": algorithm, **header}, msgspec.json.encode(claims), key, registry=registry)


@contextmanager
def running() -> Iterator[IdentityProvider]:
    """A provider that answers."""
    provider = IdentityProvider()
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


def _json(document: Any, status: int = 200) -> Answer:
    return Answer(msgspec.json.encode(document), status)


def _handler(provider: IdentityProvider) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            self._reply({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
            self._reply(dict(parse_qsl(body, keep_blank_values=True)))

        def _reply(self, form: dict[str, str]) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = provider.answer(urlsplit(self.path).path, headers, form)
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            if answer.length is not None:
                self.send_header("Content-Length", str(answer.length))
            self.end_headers()
            self.wfile.write(answer.body)
            for _ in range(answer.pieces):
                time.sleep(answer.pause_s)
                try:
                    self.wfile.write(b" ")
                    self.wfile.flush()
                except OSError:
                    return

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    return Handler
