"""Fairway as OpenID provider, asked by a real client library (authlib): who gets in, and what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from allauth.idp.oidc.models import Client as OidcClient
from allauth.idp.oidc.models import Token
from authlib.oidc.core import CodeIDToken
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import KeySet

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.rules import Actor, Role
from fairway.activity.models import Event
from fairway.applications.models import Configuration
from fairway.applications.secrets import open_secrets
from fairway.catalog import commands
from fairway.catalog.commands import install
from fairway.catalog.openid import forget_ended_tokens
from fairway.catalog.rules import OpenId, SignIn
from fairway.deployments.models import Placement
from fairway.environments.models import Environment
from tests.catalog.test_rules import entry as notes
from tests.conftest import make_environment, make_person

with warnings.catch_warnings(record=True):  # authlib would like another library than httpx, and says so
    from authlib.integrations.httpx_client import OAuth2Client, OAuthError

pytestmark = pytest.mark.django_db
FAIRWAY = "http://localhost:8000"
VERIFIER = "v" * 64
NAMES = OpenId("/oauth/callback", "OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")


@pytest.fixture(autouse=True)
def _fairway_is_at_localhost(settings) -> None:
    settings.PUBLIC_URL = FAIRWAY
    cache.clear()


def answered(environ: dict, start_response: Callable) -> list[bytes]:
    """Fairway as a WSGI application that shares the test's connection to the database, as Django's own test client does."""
    between = (request_started, request_finished)
    for signal in between:
        signal.disconnect(close_old_connections)
    try:
        response = WSGIHandler()(environ, start_response)
        body = b"".join(response)
        response.close()
        return [body]
    finally:
        for signal in between:
            signal.connect(close_old_connections)


@dataclass
class Installed:
    """An application that was installed, as it knows itself: from its variables."""

    placement: Placement
    variables: dict[str, str]
    secret: str

    @property
    def callback(self) -> str:
        return f"{self.placement.url}/oauth/callback"

    def library(self, **more: str) -> OAuth2Client:
        given = {"client_id": self.variables["OIDC_CLIENT_ID"], "client_secret": self.secret, **more}
        return OAuth2Client(
            **given, redirect_uri=self.callback, scope="openid profile email", code_challenge_method="S256",
            transport=httpx.WSGITransport(app=answered),
        )  # fmt: skip

    def way(self, **more: str) -> str:
        """Where the application sends a browser; without what is given as “-”."""
        url, _ = self.library().create_authorization_url(
            f"{FAIRWAY}/openid/authorize", code_verifier=VERIFIER, state="st", nonce="no", **more
        )
        return url.removeprefix(FAIRWAY)

    def exchanged(self, code: str, **more: str) -> dict:
        with self.library(**{name: value for name, value in more.items() if name.startswith("client_")}) as library:
            values = {"code_verifier": VERIFIER, "redirect_uri": self.callback, **more}
            values = {name: value for name, value in values.items() if value and not name.startswith("client_")}
            return library.fetch_token(f"{FAIRWAY}/openid/token", code=code, grant_type="authorization_code", **values)


@pytest.fixture
def installed(admin: Actor, staging: Environment, monkeypatch: pytest.MonkeyPatch) -> Installed:
    return made(admin, staging, monkeypatch, "Notes")


def made(admin: Actor, staging: Environment, monkeypatch: pytest.MonkeyPatch, name: str) -> Installed:
    monkeypatch.setattr(commands, "packed", lambda _entry: b"a tar")
    entry = replace(notes(), sign_in=SignIn.OPENID, access=("signed_in",), openid=NAMES)
    done = install(actor=admin, entry=entry, environment=staging, name=name, answers={"OWNER": "ada@example.com"})
    found = Configuration.objects.get(application=done.application)
    assert "OIDC_CLIENT_SECRET" not in done.passwords
    return Installed(
        Placement.objects.get(application=done.application), found.variables, open_secrets(found)["OIDC_CLIENT_SECRET"]
    )


def browser(name: str = "ada") -> Client:
    client = Client(HTTP_HOST="localhost:8000")
    client.force_login(User.objects.get(username=name))
    return client


def code_for(one: Installed, who: Client | None = None) -> str:
    answer = (who or browser()).get(one.way())
    assert answer.status_code == 302, answer.content.decode()
    there = urlsplit(answer["Location"])
    assert f"{there.scheme}://{there.netloc}{there.path}" == one.callback
    brought = parse_qs(there.query)
    assert brought["state"] == ["st"]
    return brought["code"][0]


def asked(one: Installed, token: str) -> httpx.Response:
    with one.library(token={"access_token": token, "token_type": "Bearer"}) as library:
        return library.get(f"{FAIRWAY}/openid/userinfo")


def test_people_arrive_signed_in(admin: Actor, installed: Installed) -> None:
    User.objects.filter(username="ada").update(
        email="ada@example.com", email_confirmed_at=timezone.now(), first_name="Ada L"
    )
    known = Client(HTTP_HOST="localhost:8000").get("/.well-known/openid-configuration").json()
    assert known["issuer"] == installed.variables["OIDC_ISSUER"] == FAIRWAY
    token = installed.exchanged(code_for(installed))
    assert "refresh_token" not in token
    keys = KeySet.import_key_set(Client().get(urlsplit(known["jwks_uri"]).path).json())
    said = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
    claims = CodeIDToken(
        said.claims, said.header, {"iss": {"value": FAIRWAY}}, {"nonce": "no", "client_id": installed.library().client_id}
    )
    claims.validate()
    assert {name: claims[name] for name in ("sub", "preferred_username", "name", "email")} == {
        "sub": str(admin.id), "preferred_username": "ada", "name": "Ada L", "email": "ada@example.com",
    }  # fmt: skip
    assert claims["aud"] == installed.variables["OIDC_CLIENT_ID"]
    assert asked(installed, token["access_token"]).json()["preferred_username"] == "ada"


def test_it_is_registered_by_itself_and_the_secret_is_kept_as_a_hash(installed: Installed) -> None:
    client = OidcClient.objects.get()
    assert client.pk == installed.variables["OIDC_CLIENT_ID"]
    assert client.check_secret(installed.secret)
    assert installed.secret not in (client.secret, str(list(Event.objects.values_list("after", flat=True))))
    assert Event.objects.get(verb="application.installed").after["openid_client"] == client.pk


def test_an_address_that_nobody_confirmed_is_not_told(installed: Installed) -> None:
    User.objects.filter(username="ada").update(email="mallory@example.com")
    token = installed.exchanged(code_for(installed))
    assert "email" not in asked(installed, token["access_token"]).json()


def test_whoever_is_not_signed_in_signs_in_first(installed: Installed) -> None:
    stranger = Client(HTTP_HOST="localhost:8000")
    answer = stranger.get(installed.way())
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=/openid/authorize")
    page = stranger.get(answer["Location"])
    assert installed.placement.url in page["Content-Security-Policy"]  # the form leads there, by a redirect


def test_a_person_without_the_right_gets_no_code(installed: Installed) -> None:
    make_person("mallory", Role.VIEWER, environment=make_environment("production"))
    answer = browser("mallory").get(installed.way())
    assert answer.status_code == 404
    assert "Location" not in answer


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.test/oauth/callback", "http://evil.staging.localhost:8080/oauth/callback", "{own}/elsewhere",
        "{own}?next=https://evil.test", "{own}/../x", "{own}#x", "",
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(installed: Installed, where: str) -> None:
    wanted = where.replace("{own}", installed.callback)
    url = installed.way().replace("redirect_uri=", "old=")
    answer = browser().get(url, {**{k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}, "redirect_uri": wanted})
    assert (answer.status_code, "Location" in answer) == (422, False), answer.content.decode()[:200]


def test_a_second_redirect_address_is_refused(installed: Installed) -> None:
    answer = browser().get(f"{installed.way()}&redirect_uri=https://evil.test/")
    assert (answer.status_code, "Location" in answer) == (422, False)


def test_the_redirect_address_follows_the_hosts(installed: Installed) -> None:
    code_for(installed)
    Placement.objects.filter(pk=installed.placement.pk).update(domains=["notes.example.com"])
    before = installed.callback
    url = installed.way()
    moved = parse_qs(urlsplit(url).query)
    there = "http://notes.example.com:8080/oauth/callback"
    values = {name: found[0] for name, found in moved.items()}
    assert browser().get("/openid/authorize", {**values, "redirect_uri": there})["Location"].startswith(there)
    Placement.objects.filter(pk=installed.placement.pk).update(domains=[])
    assert browser().get("/openid/authorize", {**values, "redirect_uri": there}).status_code == 422
    assert before == installed.callback


def test_a_code_works_once_and_twice_ends_its_token(installed: Installed) -> None:
    code = code_for(installed)
    token = installed.exchanged(code)["access_token"]
    assert asked(installed, token).status_code == 200
    with pytest.raises(OAuthError, match="invalid_grant"):
        installed.exchanged(code)
    assert asked(installed, token).status_code == 401


def test_a_code_of_another_client_is_refused(
    installed: Installed, admin: Actor, staging: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = made(admin, staging, monkeypatch, "Other")
    code = code_for(installed)
    with pytest.raises(OAuthError):
        other.exchanged(code, redirect_uri=installed.callback)
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "w" * 64}, {"code_verifier": ""}, {"client_secret": "wrong"},
        {"redirect_uri": "https://evil.test/oauth/callback"},
    ],
)  # fmt: skip
def test_what_was_not_agreed_is_refused(installed: Installed, wrong: dict[str, str]) -> None:
    with pytest.raises(OAuthError):
        installed.exchanged(code_for(installed), **wrong)
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"), [("code_challenge", ""), ("code_challenge_method", "plain"), ("response_type", "token")]
)
def test_without_pkce_or_with_another_flow_there_is_no_code(installed: Installed, name: str, value: str) -> None:
    values = {key: found[0] for key, found in parse_qs(urlsplit(installed.way()).query).items()}
    answer = browser().get("/openid/authorize", {**values, name: value})
    assert (answer.status_code, "Location" in answer) == (422, False)


def test_invented_codes_and_other_grants_are_refused(installed: Installed) -> None:
    with pytest.raises(OAuthError, match="invalid_grant"):
        installed.exchanged("invented")
    with installed.library() as library, pytest.raises(OAuthError, match="unsupported_grant_type"):
        library.fetch_token(f"{FAIRWAY}/openid/token", grant_type="client_credentials")
    with installed.library() as library, pytest.raises(OAuthError, match="unsupported_grant_type"):
        library.fetch_token(
            f"{FAIRWAY}/openid/token", grant_type="password", username="ada", password="correct horse battery"
        )


def test_signing_out_ends_codes_and_tokens(installed: Installed) -> None:
    who = browser()
    token, code = installed.exchanged(code_for(installed, who))["access_token"], code_for(installed, who)
    assert asked(installed, token).status_code == 200
    who.post("/accounts/logout/")
    assert asked(installed, token).status_code == 401
    with pytest.raises(OAuthError, match="invalid_grant"):
        installed.exchanged(code)
    assert not Token.objects.exists()


@pytest.mark.parametrize("end", ["deactivated", "no_right", "removed"])
def test_what_ends_the_right_ends_codes_and_tokens(installed: Installed, end: str) -> None:
    make_person("vera", Role.VIEWER)
    who = browser("vera")
    token, code = installed.exchanged(code_for(installed, who))["access_token"], code_for(installed, who)
    if end == "deactivated":
        User.objects.filter(username="vera").update(is_active=False)
    elif end == "no_right":
        RoleGrant.objects.filter(user__username="vera").delete()
    else:
        Placement.objects.update(wanted="removed")
    assert asked(installed, token).status_code == 401
    with pytest.raises(OAuthError, match="invalid_grant"):
        installed.exchanged(code)


def test_a_token_of_the_api_is_none_here_and_the_other_way_round(installed: Installed) -> None:
    token = installed.exchanged(code_for(installed))["access_token"]
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert asked(installed, "").status_code == 401
    assert asked(installed, "fwy_" + "a" * 43).status_code == 401


def test_what_has_ended_is_forgotten(installed: Installed) -> None:
    installed.exchanged(code_for(installed))
    assert forget_ended_tokens() == 0
    Token.objects.update(expires_at=timezone.now())
    assert forget_ended_tokens() == 1
    application = installed.placement.application
    application.deleted_at = timezone.now()
    application.save()
    forget_ended_tokens()
    assert not OidcClient.objects.exists()
