"""Requests to a provider that is slow, large, elsewhere or gone."""

import datetime as dt
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

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


def test_an_answer_that_never_begins() -> None:
    """Headers that come letter by letter are cut off as well."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def drip() -> None:
            taken, _ = listener.accept()
            with taken:
                taken.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
                while not stop.wait(0.02):
                    try:
                        taken.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        began = wall_clock()
        with pytest.raises(ProviderUnavailableError):
            fetch("GET", f"http://127.0.0.1:{listener.getsockname()[1]}/", seconds=0.5)
        assert wall_clock() - began < 5_000_000
        stop.set()
        thread.join(10)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody trusts yet."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = tmp_path / "server.pem"
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem))
    return file


def test_tls_is_checked(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that nobody vouches for, or that is another host's, ends it; one that the system trusts does not."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    port = server.server_address[1]
    try:
        with pytest.raises(ProviderUnavailableError) as untrusted:
            fetch("GET", f"https://127.0.0.1:{port}/")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert document(f"https://127.0.0.1:{port}/") == {}
        with pytest.raises(ProviderUnavailableError) as other:
            fetch("GET", f"https://localhost:{port}/")
    finally:
        server.shutdown()
        server.server_close()
    assert "CERTIFICATE_VERIFY_FAILED" in untrusted.value.reason and "CERTIFICATE_VERIFY_FAILED" in other.value.reason
