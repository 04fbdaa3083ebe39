"""GitHub says whose token it is, and only what it says clearly counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from fairway.drivers.addresses import intranet_too
from fairway.drivers.identity import github as kind
from fairway.drivers.identity.asking import Line
from fairway.drivers.identity.contract import Client, Identity, Proof, sign_in_of
from fairway.drivers.identity.kinds import Kind
from fairway.drivers.identity.trouble import Trouble, Untrusted
from tests.services.github import emulated
from tests.services.github_like import CLIENT_ID, SECRET, GitHub, github_like

ANY = Line(policy=None, seconds=20)
BACK = "http://localhost:8000/accounts/sign-in/github/callback"


@pytest.fixture
def github() -> Iterator[GitHub]:
    with github_like() as one:
        yield one


def client(github: GitHub, *groups: str) -> Client:
    return Client(github.address, CLIENT_ID, SECRET, BACK, "read:user user:email", groups=frozenset(groups))


def come_back(github: GitHub, one: Client) -> Identity:
    proof = Proof.new()
    brought = github.begin(kind.way_there(one, proof, ANY))
    assert brought["state"] == proof.state
    return kind.vouched_for(one, proof, brought, ANY)


def refused(github: GitHub, one: Client | None = None) -> Trouble:
    with pytest.raises(Untrusted) as problem:
        come_back(github, one or client(github))
    return problem.value.trouble


def test_its_kind_is_found() -> None:
    assert sign_in_of(Kind.GITHUB) is kind


def test_somebody_is_their_number_and_their_primary_address(github: GitHub) -> None:
    found = come_back(github, client(github))
    assert (found.issuer, found.subject) == (github.address, "583231")
    assert (found.verified_email, found.username, found.name) == ("ada@example.com", "Ada-L", "Ada Lovelace")
    assert found.groups == frozenset()
    assert "/api/v3/user/orgs" not in github.requests
    assert "/api/v3/user/teams" not in github.requests


@pytest.mark.parametrize(
    ("decide", "found"),
    [
        (["acme"], {"acme", "others"}),
        (["acme/platform"], {"acme/platform", "others/ops"}),
        (["acme", "others/ops"], {"acme", "others", "acme/platform", "others/ops"}),
    ],
)
def test_organisations_and_teams_are_asked_for_where_they_decide(github: GitHub, decide: list[str], found: set[str]) -> None:
    assert come_back(github, client(github, *decide)).groups == found


def test_groups_come_in_pages(github: GitHub) -> None:
    github.organisations = [f"org-{number}" for number in range(205)]
    assert len(come_back(github, client(github, "org-204")).groups) == 205
    github.organisations = ["endless"] * 10_000
    assert come_back(github, client(github, "endless")).groups == {"endless"}
    assert github.requests.count("/api/v3/user/orgs") == 3 + kind.MOST_PAGES


@pytest.mark.parametrize(
    "emails",
    [
        [],
        [{"email": "ada@example.com", "primary": True, "verified": False}],
        [{"email": "ada@example.com", "primary": True}],
        [{"email": "ada@example.com", "primary": True, "verified": "true"}],
        [{"email": "ada@example.com", "primary": "yes", "verified": True}],
        [{"email": ["ada@example.com"], "primary": True, "verified": True}],
        ["ada@example.com", 7, None],
    ],
)
def test_an_address_counts_only_if_it_is_verified_and_primary(github: GitHub, emails: list[object]) -> None:
    github.emails = emails
    assert come_back(github, client(github)).verified_email == ""


@pytest.mark.parametrize("number", [None, "583231", 0, -1, True, 1.5, [1]])
def test_somebody_without_a_number_is_nobody(github: GitHub, number: object) -> None:
    github.user["id"] = number
    assert refused(github) is Trouble.WRONG_SUBJECT


def test_a_stolen_code_is_worth_nothing_and_a_code_works_once(github: GitHub) -> None:
    one, proof = client(github), Proof.new()
    brought = github.begin(kind.way_there(one, proof, ANY))
    with pytest.raises(Untrusted) as problem:
        kind.vouched_for(one, Proof.new(), brought, ANY)
    assert problem.value.trouble is Trouble.CODE_REFUSED
    with pytest.raises(Untrusted) as problem:
        kind.vouched_for(one, proof, brought, ANY)
    assert problem.value.trouble is Trouble.CODE_REFUSED


TOKEN, USER, ORGS = "/login/oauth/access_token", "/api/v3/user", "/api/v3/user/orgs"


@pytest.mark.parametrize(
    ("path", "said", "trouble"),
    [
        (TOKEN, (200, {"error": "redirect_uri_mismatch"}), Trouble.TOKEN_REFUSED),
        (TOKEN, (200, {}), Trouble.TOKEN_REFUSED),
        (TOKEN, (200, {"access_token": ""}), Trouble.TOKEN_REFUSED),
        (TOKEN, (200, {"access_token": ["gho_of_ada"]}), Trouble.TOKEN_REFUSED),
        (TOKEN, (200, {"access_token": "gho_of_ada", "error": "x"}), Trouble.TOKEN_REFUSED),
        (TOKEN, (500, {"message": "Server Error"}), Trouble.TOKEN_REFUSED),
        (TOKEN, (502, b"<html>Unicorn!</html>"), Trouble.NOT_JSON),
        (TOKEN, (200, {"access_token": "of-another"}), Trouble.STATUS),
        (USER, (403, {"message": "rate limit"}), Trouble.STATUS),
        (USER, (200, []), Trouble.NOT_JSON),
        (ORGS, (200, {"message": "no list"}), Trouble.NO_LIST),
        (ORGS, (403, {"message": "Resource protected by organization SAML enforcement."}), Trouble.STATUS),
    ],
)
def test_what_goes_wrong_is_told_apart(github: GitHub, path: str, said: tuple[int, object], trouble: Trouble) -> None:
    github.answers[path] = said
    assert refused(github, client(github, "acme")) is trouble


def test_a_trial_says_whether_it_knows_the_client(github: GitHub) -> None:
    assert kind.try_out(client(github), ANY) == f"{github.address}/login/oauth/authorize"
    for wrong in ({"client_id": "another"}, {"client_secret": "another"}):
        with pytest.raises(Untrusted) as problem:
            kind.try_out(replace(client(github), **wrong), ANY)
        assert problem.value.trouble is Trouble.CLIENT_REFUSED


def test_nothing_is_sent_where_it_must_not(github: GitHub) -> None:
    closed = Line(policy=intranet_too, seconds=5)
    with pytest.raises(Untrusted) as problem:
        kind.way_there(client(github), Proof.new(), closed)
    assert problem.value.trouble is Trouble.NOT_HTTPS
    with pytest.raises(Untrusted) as problem:
        kind.try_out(replace(client(github), issuer="https://127.0.0.1:9"), closed)
    assert problem.value.trouble is Trouble.NOT_PERMITTED
    assert github.requests == []


@pytest.mark.parametrize(
    ("issuer", "api"),
    [
        ("https://github.com", "https://api.github.com"),
        ("https://github.com/", "https://api.github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://code.example.com", "https://code.example.com/api/v3"),
        ("https://notgithub.com", "https://notgithub.com/api/v3"),
    ],
)
def test_where_the_api_is(issuer: str, api: str) -> None:
    assert kind._api(issuer) == api


@pytest.mark.node
def test_somebody_signs_in_at_an_emulated_github() -> None:
    """`emulate`, which others wrote by GitHub's documentation. It ignores PKCE, and Ada is in no organisation there."""
    known = emulated()
    one = Client(known.address, known.client_id, known.secret, known.redirect_uri, "read:user user:email read:org")
    one, proof = replace(one, groups=frozenset({"acme"})), Proof.new()
    assert kind.try_out(one, ANY) == f"{known.address}/login/oauth/authorize"
    with httpx.Client(trust_env=False, timeout=60) as browser:
        page = browser.get(kind.way_there(one, proof, ANY))
        assert "Fairway" in page.text
        form = {"login": "Ada", "scope": one.scopes, "state": proof.state, "client_id": one.client_id}
        answer = browser.post(f"{known.address}/login/oauth/callback", data={**form, "redirect_uri": one.redirect_uri})
    brought = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert brought["state"] == proof.state
    found = kind.vouched_for(one, proof, brought, ANY)
    assert (found.username, found.name, found.verified_email) == ("Ada", "Ada Lovelace", "ada@example.com")
    assert found.groups == frozenset()
    with pytest.raises(Untrusted) as problem:
        kind.try_out(replace(one, client_secret="another"), ANY)
    assert problem.value.trouble is Trouble.CLIENT_REFUSED
