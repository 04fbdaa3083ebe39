"""The hand-over of a sign-in to an application's own host, and which hosts get a certificate."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.password_policy import set_password_policy
from fairway.accounts.rules import Role
from fairway.accounts.two_step import new_secret, turn_on
from fairway.applications.secrets import seal
from fairway.deployments.models import Placement
from fairway.web.views.access import COOKIE
from tests.conftest import make_person
from tests.services.authenticator import HALF_MINUTE, code_for
from tests.web.conftest import FROM_THE_PROXY, PASSWORD, live

HOST = "hello.staging.localhost"
WANTED = {"x-forwarded-host": f"{HOST}:8080", "x-forwarded-uri": "/report?page=2", "x-forwarded-proto": "http"}
ASKED = {**WANTED, **FROM_THE_PROXY}


@pytest.fixture
def placed(hello, staging) -> Placement:
    live(hello, staging)
    Placement.objects.update(access="signed_in", domains=["shop.example.com"])
    return Placement.objects.get()


def handed_over(browser: Client, host: str = HOST) -> tuple[str, str]:
    """Follow the hand-over as a browser does; the value of the host's cookie and where it led."""
    there = browser.get("/access/enter", {"host": host, "path": "/report?page=2"})
    assert there.status_code == 302, there.content
    parts = urlsplit(there["Location"])
    assert parts.hostname == host
    stranger = Client()
    answer = stranger.get(f"{parts.path}?{parts.query}", headers={**ASKED, "x-forwarded-host": host})
    return answer.cookies[COOKIE].value if COOKIE in answer.cookies else "", answer["Location"]


def test_a_stranger_is_sent_to_fairway_with_where_they_wanted_to_go(placed, client):
    answer = client.get("/.fairway/access", headers=ASKED)
    assert answer.status_code == 302
    parts = urlsplit(answer["Location"])
    assert answer["Location"].startswith("http://localhost:8000/access/enter?")
    assert parse_qs(parts.query) == {"host": [HOST], "path": ["/report?page=2"]}


@pytest.mark.parametrize("path", ["/.fairway/access", "/.fairway/signed-in"])
@pytest.mark.parametrize("secret", ["", "guessed", "geheim-ü"])
def test_whoever_is_not_the_proxy_is_not_believed(placed, client, path, secret):
    """Whoever reaches Fairway's own port could name any host."""
    assert client.get(path, headers={**WANTED, "x-fairway-proxy": secret}).status_code == 403
    assert client.get(path, headers=WANTED).status_code == 403
    assert client.get(path, headers=ASKED).status_code == 302


def test_a_signed_in_person_comes_back_with_a_cookie_of_that_host(placed, viewer, browse):
    cookie, location = handed_over(browse(viewer))
    assert location == "/report?page=2"
    app = Client()
    app.cookies[COOKIE] = cookie
    answer = app.get("/.fairway/access", headers=ASKED)
    assert answer.status_code == 204
    assert (answer["X-Fairway-User"], answer["X-Fairway-Name"]) == ("vera", "vera")


def test_signing_in_goes_on_to_the_application(placed, viewer, client):
    wanted = f"/access/enter?host={HOST}&path=/"
    page = client.get("/accounts/login/", {"next": wanted})
    assert f"form-action 'self' http://{HOST}:8080" in page["Content-Security-Policy"]
    answer = client.post("/accounts/login/", {"login": "vera", "password": PASSWORD, "next": wanted})
    assert answer["Location"] == wanted
    assert "evil" not in client.get("/accounts/login/", {"next": "/access/enter?host=evil.com"})["Content-Security-Policy"]


def test_with_two_steps_it_goes_on_after_the_code(placed, viewer, client):
    secret, wanted, now = new_secret(), f"/access/enter?host={HOST}&path=/", time.time()
    turn_on(actor=viewer, secret=secret, code=code_for(secret, now))
    answer = client.post("/accounts/login/", {"login": "vera", "password": PASSWORD, "next": wanted})
    assert answer["Location"] == "/accounts/second-step/"
    assert client.get("/access/enter", {"host": HOST}).status_code == 302, "the password alone opens nothing"
    page = client.get("/accounts/second-step/")
    assert f"form-action 'self' http://{HOST}:8080" in page["Content-Security-Policy"]
    answer = client.post("/accounts/second-step/", {"code": code_for(secret, now + HALF_MINUTE)})
    assert answer["Location"] == wanted


def test_applications_close_to_whoever_must_set_up_a_second_step(placed, viewer, admin, browse):
    app, browser = Client(), browse(viewer)
    app.cookies[COOKIE] = handed_over(browser)[0]
    assert app.get("/.fairway/access", headers=ASKED).status_code == 204
    set_password_policy(actor=admin, passwords="everybody", emergency=[], two_step_required=True)
    assert app.get("/.fairway/access", headers=ASKED).status_code == 302
    assert browser.get("/access/enter", {"host": HOST})["Location"].startswith("/settings/profile/two-step?next=")


def test_a_cookie_opens_no_other_host_and_dies_with_its_person(placed, viewer, browse):
    cookie, _ = handed_over(browse(viewer))
    app = Client()
    app.cookies[COOKIE] = cookie
    assert app.get("/.fairway/access", headers={**ASKED, "x-forwarded-host": "shop.example.com"}).status_code == 302
    User.objects.update(is_active=False)
    assert app.get("/.fairway/access", headers=ASKED).status_code == 302


@pytest.mark.parametrize("forged", ["x{0}", "", "é", "{{}}", "sealed"])
def test_a_forged_cookie_opens_nothing(placed, viewer, browse, forged):
    cookie, _ = handed_over(browse(viewer))
    app = Client()
    app.cookies[COOKIE] = seal().seal("[1]") if forged == "sealed" else forged.format(cookie)
    assert app.get("/.fairway/access", headers=ASKED).status_code == 302


def test_a_code_works_once_for_its_host_and_is_no_cookie(placed, viewer, browse):
    there = browse(viewer).get("/access/enter", {"host": HOST, "path": "/"})
    path = "/.fairway/signed-in?" + urlsplit(there["Location"]).query
    elsewhere = Client().get(path, headers={**ASKED, "x-forwarded-host": "shop.example.com"})
    assert COOKIE not in elsewhere.cookies
    assert COOKIE in Client().get(path, headers=ASKED).cookies
    assert COOKIE not in Client().get(path, headers=ASKED).cookies
    code = parse_qs(urlsplit(there["Location"]).query)["code"][0]
    app = Client()
    app.cookies[COOKIE] = code
    assert app.get("/.fairway/access", headers=ASKED).status_code == 302, "a code is no cookie"


def test_the_application_cannot_read_the_session_out_of_its_cookie(placed, viewer, browse):
    browser = browse(viewer)
    cookie, _ = handed_over(browser)
    assert browser.session.session_key
    assert browser.session.session_key not in cookie
    assert browser.session.session_key in seal().open(cookie)


def test_who_may_not_see_the_application_may_not_open_it(placed, browse, production):
    lou = make_person("lou", Role.VIEWER, environment=production)
    assert browse(lou).get("/access/enter", {"host": HOST, "path": "/"}).status_code == 404
    RoleGrant.objects.filter(user=lou.id).update(environment=None)
    app = Client()
    app.cookies[COOKIE], _ = handed_over(browse(lou))
    assert app.get("/.fairway/access", headers=ASKED).status_code == 204
    RoleGrant.objects.filter(user=lou.id).update(environment=production)
    assert app.get("/.fairway/access", headers=ASKED).status_code == 403


@pytest.mark.parametrize(
    "path", ["//evil.example/x", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "/a\nb"]
)
def test_the_hand_over_never_leads_elsewhere(placed, viewer, browse, path):
    there = browse(viewer).get("/access/enter", {"host": HOST, "path": path})
    answer = Client().get("/.fairway/signed-in?" + urlsplit(there["Location"]).query, headers=ASKED)
    assert answer["Location"].startswith("/")
    assert not answer["Location"].startswith("//")
    assert "\\" not in answer["Location"]


@pytest.mark.parametrize("host", ["evil.example", "localhost", "", "hello.production.localhost"])
def test_only_our_applications_hosts_are_entered(placed, viewer, browse, host):
    assert browse(viewer).get("/access/enter", {"host": host, "path": "/"}).status_code == 404
    assert Client().get("/.fairway/access", headers={**ASKED, "x-forwarded-host": host}).status_code == 422


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (HOST, 200),
        ("shop.example.com", 200),
        ("SHOP.example.com", 200),
        ("evil.example", 404),
        ("", 404),
        ("staging.localhost", 404),
    ],
)
def test_certificates_are_made_for_routed_hosts_only(placed, client, host, status):
    assert client.get("/tls/ask", {"domain": host}).status_code == status


def test_fairways_own_host_gets_one_if_the_proxy_serves_it(client, db, settings):
    assert client.get("/tls/ask", {"domain": "fairway.example.com"}).status_code == 404
    settings.OWN_HOST = "fairway.example.com"
    assert client.get("/tls/ask", {"domain": "Fairway.example.com"}).status_code == 200
    assert client.get("/tls/ask", {"domain": "x.fairway.example.com"}).status_code == 404


def test_a_host_that_is_being_removed_is_no_longer_ours(placed, client):
    Placement.objects.update(wanted="removed")
    assert client.get("/tls/ask", {"domain": HOST}).status_code == 404
