"""From the sign-in page to the provider and back, with right providers and wrong ones."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from meshtrail.common.errors import ForbiddenError, ThrottledError, UnauthenticatedError, UnusableError
from meshtrail.control.actor import Origin
from meshtrail.control.limits import SIGN_IN_FAILURES_OF_ADDRESS_MAX, SIGN_IN_WINDOW_S
from meshtrail.control.oidc.fetch import ProviderUnavailableError
from meshtrail.control.oidc.limits import ATTEMPT_S, FAILED_AGAIN_S, KEYS_LIFE_S, KEYS_REFRESH_S, METADATA_LIFE_S
from meshtrail.control.permissions import ALL_PERMISSIONS, Role
from meshtrail.control.user import UserKind
from tests.control.oidc.conftest import HERE, RETURN, Door
from tests.control.told import told
from tests.identity_provider import OTHER, RSA, Answer, signed_by_public_key, unsigned

ANA = {"name": "Ana Lima", "email": "ana@example.org", "email_verified": True, "groups": ["ops", "everybody"]}

pytestmark = pytest.mark.usefixtures("cheap_passwords")


def events(door: Door) -> list[dict[str, Any]]:
    """What was written down of sign-ins."""
    mine = told(door.organisation.control, door.organisation.id)
    return [event for event in mine if event["activity_code"] in {"sign_in.fail", "dashboard.login", "user.join", "user.role.update"}]


def reasons(door: Door) -> list[str]:
    """Why sign-ins failed."""
    return [event["error"] for event in events(door) if event["activity_code"] == "sign_in.fail"]


def test_somebody_comes_in(door: Door) -> None:
    """With name, address, groups and the role of the highest group; the way leads back to where it began."""
    done = door.comes({**ANA, "groups": ["staff", "ops"]}, next_path="/traffic?filter=x")
    user = done.user
    assert (user.name, user.email, user.role, user.kind) == ("Ana Lima", "ana@example.org", Role.network_admin, UserKind.external)
    assert (user.issuer, user.subject, user.claimed_groups, user.pending) == (door.provider.issuer, "ana", ("staff", "ops"), False)
    assert done.next_path == "/traffic?filter=x"
    identity = door.organisation.control.session_identity(done.started.secret)
    assert identity.user is not None and identity.user.id == user.id
    joined, login = events(door)
    assert (joined["activity_code"], login["activity_code"]) == ("user.join", "dashboard.login")
    assert login["meta"]["method"] == "oidc" and login["initiator_ip"] == "192.0.2.7" and login["request_id"] == "r1"


def test_what_the_provider_is_asked(door: Door) -> None:
    """A code with PKCE, state and nonce, other ones each time; the groups by a scope, since it offers one."""
    first, second = (parse_qs(urlsplit(door.sign_in.begin(RETURN, "/").url).query) for _ in range(2))
    assert first["response_type"] == ["code"] and first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == [RETURN] and first["scope"] == ["openid profile email groups"]
    assert all(first[name] != second[name] and len(first[name][0]) >= 43 for name in ("state", "nonce", "code_challenge"))
    door.provider.described["authorization_endpoint"] = f"{door.provider.issuer}/authorize?tenant=7"
    door.provider.described["scopes_supported"] = ["openid"]
    asked = parse_qs(urlsplit(door.with_settings().sign_in.begin(RETURN, "/").url).query)
    assert asked["tenant"] == ["7"] and asked["scope"] == ["openid profile email"]


@pytest.mark.parametrize("methods", [["client_secret_basic"], ["client_secret_post"]])
def test_the_client_proves_itself(door: Door, methods: list[str]) -> None:
    """In a header or in the body, as the provider wants it; the secret has characters that need encoding."""
    door.provider.described["token_endpoint_auth_methods_supported"] = methods
    assert door.comes(ANA).user.name == "Ana Lima"
    (headers,) = (headers for path, headers, _ in door.provider.requests if path == "/token")
    assert ("authorization" in headers) is (methods == ["client_secret_basic"])


def test_a_public_client(door: Door) -> None:
    """Has no secret; PKCE alone protects it."""
    door.provider.secret = ""
    assert door.with_settings(client_secret_file=None).comes(ANA).user.name == "Ana Lima"
    (form,) = (form for path, _, form in door.provider.requests if path == "/token")
    assert form["client_id"] == "meshtrail" and "client_secret" not in form


def test_what_the_token_does_not_say_is_asked_for(door: Door) -> None:
    """Of whom the token is; what the token does say counts more. A token that says all is enough."""
    user = door.comes({"groups": ["staff"]}, {**ANA, "groups": ["ops"]}).user
    assert (user.name, user.role) == ("Ana Lima", Role.auditor)
    assert door.provider.asked_of("/userinfo") == 1
    door.comes(ANA)
    assert door.provider.asked_of("/userinfo") == 1
    with pytest.raises(UnauthenticatedError):
        door.comes({}, {**ANA, "sub": "eve"})
    assert reasons(door) == ["the provider's further claims are of somebody else"]


def test_roles_follow_the_groups(door: Door) -> None:
    """At each sign-in: who leaves a group loses its role."""
    assert door.comes(ANA).user.role is Role.network_admin
    assert door.comes({**ANA, "groups": ["staff"]}).user.role is Role.auditor
    assert door.comes({**ANA, "groups": []}).user.role is Role.user
    assert [event["after"] for event in events(door) if event["activity_code"] == "user.role.update"] == [
        {"role": "auditor"}, {"role": "user"},
    ]  # fmt: skip


def test_roles_that_are_given_here_stay(door: Door) -> None:
    """Where no group leads to a role, groups change none."""
    here = door.with_settings(roles=())
    invited, _ = door.organisation.control.users.create(
        door.organisation.by, ALL_PERMISSIONS, name="Ana", email="ana@example.org", role=Role.admin, password="four words of ana"
    )  # fmt: skip
    user = here.comes(ANA).user
    assert (user.id, user.role) == (invited, Role.admin)


def test_somebody_whom_no_group_leads_in_waits(door: Door) -> None:
    """And is let in by somebody; until then no session starts, and the attempt is written down."""
    for _ in range(2):
        with pytest.raises(ForbiddenError, match="pending"):
            door.comes({**ANA, "groups": ["nobody"]})
    assert reasons(door) == ["pending approval"] * 2
    (user,) = (each for each in door.organisation.control.users.list(door.organisation.id) if each.subject == "ana")
    door.organisation.control.users.approve(door.organisation.by, ALL_PERMISSIONS, user.id)
    assert door.comes({**ANA, "groups": ["nobody"]}).user.role is Role.user


def test_an_address_that_was_not_verified_proves_nothing(door: Door) -> None:
    """It does not take over whom somebody invited by it."""
    invited, _ = door.organisation.control.users.create(
        door.organisation.by, ALL_PERMISSIONS, name="Ana", email="ana@example.org", role=Role.admin, password="four words of ana"
    )  # fmt: skip
    for verified in (False, None, "false", 1, "yes"):
        subject = {"sub": f"eve{verified}"}
        assert door.comes({**ANA, "email_verified": verified, **subject}, subject).user.id != invited
    assert door.comes({**ANA, "email_verified": "true"}).user.id == invited


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example"}, "is by"),
        ({"aud": "another"}, "another client"),
        ({"nonce": "another"}, "another sign-in"),
        ({"exp": 1_000}, "expired"),
        ({"_claim_names": {"groups": "src1"}}, "too many groups"),
    ],
)
def test_claims_that_are_not_accepted(door: Door, changes: dict[str, Any], reason: str) -> None:
    """The person reads that it failed, the audit trail says why."""
    with pytest.raises(UnauthenticatedError) as raised:
        door.comes({**ANA, **changes})
    (found,) = reasons(door)
    assert reason in found and reason not in raised.value.message
    assert raised.value.recorded
    assert events(door)[0]["meta"] == {"method": "oidc", "issuer": door.provider.issuer}
    assert door.organisation.control.users.list(door.organisation.id)[1:] == []


@pytest.mark.parametrize("sign", [unsigned, signed_by_public_key])
def test_tokens_that_nobody_signed(door: Door, sign: Any) -> None:
    """`none`, and a public key as a secret."""
    door.provider.sign = sign
    with pytest.raises(UnauthenticatedError):
        door.comes(ANA)


def test_a_subject_that_is_too_long(door: Door) -> None:
    """Is refused, not cut: it would be somebody else's."""
    with pytest.raises(UnusableError):
        door.comes({**ANA, "sub": "s" * 1_000})
    assert len(reasons(door)) == 1


def test_an_answer_belongs_to_one_browser_and_one_attempt(door: Door) -> None:
    """Without its cookie, with another one, a second time, or too late, it is worth nothing, and no code is redeemed."""
    mine, eves = (door.sign_in.begin(RETURN, "/") for _ in range(2))
    answer = door.provider.code_for(mine.url, ANA)
    for cookie in (None, "", "nonsense", "\udcff", eves.cookie, mine.cookie[:-2], "A" * 100_000):
        with pytest.raises(UnauthenticatedError):
            door.sign_in.finish(cookie, answer, HERE)
    for state in ({}, {"state": ""}, {"state": "\udcff"}):
        with pytest.raises(UnauthenticatedError):
            door.sign_in.finish(mine.cookie, {"code": answer["code"], **state}, HERE)
    assert door.provider.asked_of("/token") == 0
    door.sign_in.finish(mine.cookie, answer, HERE)
    with pytest.raises(UnauthenticatedError, match="used already"):
        door.sign_in.finish(mine.cookie, answer, HERE)
    late = door.sign_in.begin(RETURN, "/")
    door.organisation.clock.pass_s(ATTEMPT_S + 2)
    with pytest.raises(UnauthenticatedError, match="too long ago"):
        door.sign_in.finish(late.cookie, door.provider.code_for(late.url, ANA), HERE)


def test_codes_of_others(door: Door) -> None:
    """A code that was given to another attempt is not redeemed (PKCE), and one that nobody gave neither."""
    mine, eves = (door.sign_in.begin(RETURN, "/") for _ in range(2))
    stolen = {**door.provider.code_for(eves.url, ANA), "state": door.provider.code_for(mine.url)["state"]}
    with pytest.raises(UnauthenticatedError):
        door.sign_in.finish(mine.cookie, stolen, HERE)
    assert reasons(door) == ["the provider redeems no code: invalid_grant: no such code"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example"}, "another provider"),
        ({"iss": ""}, "another provider"),
        ({"error": "access_denied", "error_description": "no\x00 <b>consent</b>"}, "access_denied: no <b>consent</b>"),
        ({"error": ""}, "without a reason"),
        ({"code": ""}, "no code"),
    ],
)
def test_answers_that_are_none(door: Door, changes: dict[str, str], reason: str) -> None:
    """From another provider (RFC 9207), a refusal, or nothing."""
    begun = door.sign_in.begin(RETURN, "/")
    with pytest.raises(UnauthenticatedError) as raised:
        door.sign_in.finish(begun.cookie, {**door.provider.code_for(begun.url, ANA), **changes}, HERE)
    assert reason in reasons(door)[0]
    assert ("did not let you in" in raised.value.message) is ("error" in changes)


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "/%2f/evil", "/%5cevil", "/a\tb", "", "x", "/é"]
)
def test_the_way_back_stays_here(door: Door, path: str) -> None:
    """Whatever the address of the sign-in says."""
    assert door.comes(ANA, next_path=path).next_path == "/"


def test_keys_are_changed(door: Door) -> None:
    """A token with a key that is not known yet makes the keys be fetched again, not more often than now and then; what was
    withdrawn is refused after a while."""
    door.comes(ANA)
    fresh = RSAKey.generate_key(2048, {"kid": "fresh"})
    door.provider.keys, door.provider.signer = [RSA, fresh], ("RS256", fresh)
    door.organisation.clock.pass_s(KEYS_REFRESH_S)
    door.comes(ANA)
    assert door.provider.asked_of("/keys") == 2
    door.provider.signer = ("RS256", OTHER)
    for _ in range(3):
        with pytest.raises(UnauthenticatedError):
            door.comes(ANA)
    assert door.provider.asked_of("/keys") == 2
    door.provider.keys, door.provider.signer = [fresh], ("RS256", RSA)
    door.organisation.clock.pass_s(KEYS_LIFE_S)
    with pytest.raises(UnauthenticatedError):
        door.comes(ANA)


def test_the_description_is_kept_for_a_while(door: Door) -> None:
    """Many sign-ins, one question."""
    for _ in range(3):
        door.comes(ANA)
    assert door.provider.asked_of("/.well-known/openid-configuration") == 1
    door.organisation.clock.pass_s(METADATA_LIFE_S)
    door.comes(ANA)
    assert door.provider.asked_of("/.well-known/openid-configuration") == 2


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://evil.example"}, {"token_endpoint": "http://192.0.2.1/token"}, {"jwks_uri": None}, {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"}, {"token_endpoint": 7}, {"userinfo_endpoint": "https://a@b"},
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_right(door: Door, described: dict[str, Any]) -> None:
    """Of another issuer, without TLS, or with holes: nobody is sent anywhere."""
    door.provider.described = described
    with pytest.raises(ProviderUnavailableError):
        door.sign_in.begin(RETURN, "/")


@pytest.mark.parametrize("path", ["/token", "/keys", "/userinfo"])
@pytest.mark.parametrize("answer", [Answer(b"oops", 500), Answer(b"<html>"), Answer(b" " * 300_000)], ids=["500", "html", "huge"])
def test_a_provider_that_breaks(door: Door, path: str, answer: Answer) -> None:
    """The person is told to try again, the reason is written down, and it works when the provider does."""
    door.provider.answers[path] = answer
    with pytest.raises(ProviderUnavailableError) as raised:
        door.comes()
    assert len(reasons(door)) == 1 and raised.value.recorded
    door.provider.answers.clear()
    door.organisation.clock.pass_s(FAILED_AGAIN_S)
    assert door.comes(ANA).user.subject == "ana"


def test_a_provider_that_is_gone_is_not_asked_by_everybody(door: Door) -> None:
    """Once in a while is enough."""
    door.provider.answers["/.well-known/openid-configuration"] = Answer(b"", 503)
    for _ in range(5):
        with pytest.raises(ProviderUnavailableError):
            door.sign_in.begin(RETURN, "/")
    assert door.provider.asked_of("/.well-known/openid-configuration") == 1


def test_who_fails_too_often_waits(door: Door) -> None:
    """Made-up codes are not passed on for ever; others come in meanwhile."""
    for _ in range(SIGN_IN_FAILURES_OF_ADDRESS_MAX):
        begun = door.sign_in.begin(RETURN, "/")
        with pytest.raises(UnauthenticatedError):
            door.sign_in.finish(begun.cookie, {**door.provider.code_for(begun.url), "code": "made up"}, HERE)
    with pytest.raises(ThrottledError):
        door.comes(ANA)
    begun = door.sign_in.begin(RETURN, "/")
    assert door.sign_in.finish(begun.cookie, door.provider.code_for(begun.url, ANA), Origin("192.0.2.8"))
    door.organisation.clock.pass_s(SIGN_IN_WINDOW_S)
    assert door.comes(ANA)
