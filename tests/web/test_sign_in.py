"""Signing in with a provider through the pages, and what attackers try with them. The provider answers over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils.html import escape

from fairway.accounts.commands import create_person, set_active
from fairway.accounts.models import LinkedIdentity, RoleGrant, SignInProvider, User
from fairway.accounts.provider_commands import save_provider
from fairway.accounts.provider_troubles import REFUSALS
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Actor
from fairway.accounts.sign_in_rules import Why
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.web import sign_in_state
from tests.services import github_like as github_server
from tests.services.github_like import github_like
from tests.services.lying_provider import CLIENT_ID, SECRET, Liar, lying_provider
from tests.web.conftest import Browser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _from_this_machine(settings) -> None:
    settings.SIGN_IN_ADDRESSES = "any"
    cache.clear()


@pytest.fixture
def liar() -> Iterator[Liar]:
    with lying_provider() as one:
        yield one


@pytest.fixture
def provider(admin: Actor, liar: Liar) -> SignInProvider:
    return saved(admin, liar)


def saved(admin: Actor, liar: Liar, slug: str = "liar", **more: object) -> SignInProvider:
    values = {
        "name": slug.capitalize(), "issuer": liar.issuer, "client_id": CLIENT_ID, "secret": SECRET, "admits": "anybody",
        "groups_claim": "groups", "roles": [("dev", "deployer"), ("ops", "admin")],
    }  # fmt: skip
    return save_provider(actor=admin, slug=slug, **{**values, **more})


def begin(client: Client, slug: str = "liar", next_url: str = "") -> str:
    """The address of the provider to which the browser is led."""
    answer = client.post(f"/accounts/sign-in/{slug}", {"next": next_url} if next_url else {})
    assert answer.status_code == 200, answer.content.decode()
    return url_of(answer)


def url_of(answer) -> str:
    """The address of the provider to which a page leads on."""
    return answer.headers["Refresh"].partition("url=")[2]


def come_back(client: Client, brought: dict[str, str], slug: str = "liar", **more: str):
    return client.get(f"/accounts/sign-in/{slug}/callback", {**brought, **more})


def sign_in(client: Client, liar: Liar, slug: str = "liar", next_url: str = ""):
    return come_back(client, liar.begin(begin(client, slug, next_url)), slug)


def who(client: Client) -> str | None:
    number = client.session.get("_auth_user_id")
    return User.objects.get(pk=number).username if number else None


def is_refused(answer, why: Why, name: str = "Liar", domain: str = "") -> bool:
    assert answer.status_code == 403
    return escape(str(REFUSALS[why]).format(name=name, domain=domain)) in answer.content.decode()


def test_somebody_new_comes_in_with_the_roles_of_their_groups(liar: Liar, provider) -> None:
    liar.claims = {"groups": ["dev", "other"]}
    client = Client()
    answer = sign_in(client, liar)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    user = User.objects.get(username="lovelace")
    assert who(client) == "lovelace"
    assert (user.first_name, user.confirmed_email, user.has_usable_password()) == ("Ada Lovelace", "ada@example.com", False)
    assert list(user.role_grants.values_list("role", "given_by")) == [("deployer", provider.pk)]
    assert client.get("/").status_code == 200
    verbs = list(Event.objects.filter(actor_id=user.pk).order_by("pk").values_list("verb", "identified_by"))
    assert verbs == [("person.admitted", "provider liar"), ("person.signed_in", "provider liar")]


def test_roles_follow_the_groups_and_others_stay(admin: Actor, liar: Liar, provider) -> None:
    liar.claims = {"groups": ["dev"]}
    sign_in(Client(), liar)
    ada = User.objects.get(username="lovelace")
    RoleGrant.objects.create(user=ada, role="viewer")
    liar.claims = {"groups": ["ops"]}
    sign_in(Client(), liar)
    assert set(ada.role_grants.values_list("role", "given_by")) == {("viewer", None), ("admin", provider.pk)}
    event = Event.objects.filter(verb="person.roles_set", subject_id=str(ada.pk)).get()
    assert (event.before["roles"], event.after["roles"]) == (["deployer", "viewer"], ["admin", "viewer"])
    liar.claims = {"groups": None}
    sign_in(Client(), liar)
    assert set(ada.role_grants.values_list("role", flat=True)) == {"viewer"}


def test_the_last_administrator_keeps_the_role(admin: Actor, liar: Liar, provider) -> None:
    liar.claims = {"groups": ["ops"]}
    sign_in(Client(), liar)
    RoleGrant.objects.filter(user_id=admin.id).delete()
    liar.claims = {"groups": []}
    sign_in(Client(), liar)
    assert list(User.objects.get(username="lovelace").role_grants.values_list("role", flat=True)) == ["admin"]


def test_a_new_person_has_the_role_that_is_given_to_all(admin: Actor, liar: Liar) -> None:
    saved(admin, liar, default_role="viewer")
    sign_in(Client(), liar)
    assert list(User.objects.get(username="lovelace").role_grants.values_list("role", "given_by")) == [("viewer", None)]


def test_somebody_unknown_is_told_what_to_do(admin: Actor, liar: Liar) -> None:
    saved(admin, liar, admits="linked")
    client = Client()
    assert is_refused(sign_in(client, liar), Why.UNKNOWN)
    assert who(client) is None
    assert not User.objects.filter(username="lovelace").exists()
    event = Event.objects.filter(verb="sign_in.refused").get()
    assert event.after == {"why": "unknown", "within_an_hour": 1}


def test_refusals_do_not_flood_the_chain(admin: Actor, liar: Liar) -> None:
    saved(admin, liar, admits="linked")
    client = Client()
    for _ in range(5):
        sign_in(client, liar)
    counts = [event.after["within_an_hour"] for event in Event.objects.filter(verb="sign_in.refused").order_by("pk")]
    assert counts == [1, 2, 4]


def test_domains(admin: Actor, liar: Liar) -> None:
    saved(admin, liar, domains=["example.com"])
    liar.claims = {"email": "ada@evil.example"}
    assert is_refused(sign_in(Client(), liar), Why.DOMAIN, domain="evil.example")
    liar.claims = {"email_verified": False}
    assert is_refused(sign_in(Client(), liar), Why.NO_EMAIL)
    liar.claims = {}
    assert sign_in(Client(), liar).status_code == 302


def test_an_address_that_nobody_verified_counts_for_nothing(liar: Liar, provider) -> None:
    liar.claims = {"email_verified": False}
    sign_in(Client(), liar)
    assert User.objects.get(username="lovelace").email == ""


# An address proves nothing


def test_an_account_is_never_taken_over_by_its_address(admin: Actor, liar: Liar, provider) -> None:
    user, _ = create_person(actor=admin, username="real-ada", email="ada@example.com", roles=["admin"])
    client = Client()
    assert is_refused(sign_in(client, liar), Why.TAKEN)
    assert who(client) is None
    assert not LinkedIdentity.objects.filter(user=user).exists()


def test_the_same_subject_and_address_at_another_issuer_is_somebody_else(admin: Actor, liar: Liar, provider) -> None:
    sign_in(Client(), liar)
    with lying_provider() as other:
        saved(admin, other, "other")
        client = Client()
        assert is_refused(sign_in(client, other, "other"), Why.TAKEN, name="Other")
        other.claims = {"email": "eve@example.com"}  # the same subject, “ada-1”
        sign_in(client, other, "other")
        assert who(client) == "lovelace-2"
    assert User.objects.get(username="lovelace").pk != User.objects.get(username="lovelace-2").pk


def test_people_are_known_by_subject_when_their_address_changes(liar: Liar, provider) -> None:
    sign_in(Client(), liar)
    liar.claims = {"email": "married@example.com", "preferred_username": "somebody"}
    client = Client()
    sign_in(client, liar)
    assert who(client) == "lovelace"


def test_deactivated_people_stay_out(admin: Actor, liar: Liar, provider) -> None:
    sign_in(Client(), liar)
    set_active(actor=admin, user=User.objects.get(username="lovelace"), is_active=False)
    client = Client()
    assert is_refused(sign_in(client, liar), Why.DEACTIVATED)
    assert who(client) is None


# Connecting


def connected(browser: Client, liar: Liar):
    answer = browser.post("/settings/profile/identities/liar/connection")
    _, _, url = answer.headers["Refresh"].partition("url=")
    return come_back(browser, liar.begin(url))


def test_a_signed_in_person_connects_and_signs_in_with_it(viewer: Actor, browse: Browser, admin: Actor, liar: Liar) -> None:
    saved(admin, liar, admits="linked")
    browser = browse(viewer)
    assert "Connect Liar" in browser.get("/settings/profile").content.decode()
    assert connected(browser, liar).headers["Location"] == "/settings/profile"
    assert Event.objects.get(verb="person.identity_linked").after["subject"] == "ada-1"
    client = Client()
    sign_in(client, liar)
    assert who(client) == viewer.name
    number = LinkedIdentity.objects.get().pk
    browser.post(f"/settings/profile/identities/{number}/disconnection")
    assert not LinkedIdentity.objects.exists()


def test_an_administrator_sees_how_somebody_signs_in_and_disconnects_them(
    admin: Actor, deployer: Actor, browse: Browser, liar: Liar, provider
) -> None:
    liar.claims = {"groups": ["dev"]}
    client = Client()
    sign_in(client, liar)
    ada, number = User.objects.get(username="lovelace"), LinkedIdentity.objects.get().pk
    there = f"/settings/people/lovelace/identities/{number}/disconnection"
    assert browse(deployer).post(there).status_code == 403
    browser = browse(admin)
    shown = browser.get("/settings/people/lovelace").content.decode()
    assert "They have no password here." in shown
    assert there in shown
    assert browser.post(f"/settings/people/{deployer.name}/identities/{number}/disconnection").status_code == 302
    assert LinkedIdentity.objects.exists(), "it is not theirs"
    assert browser.post(there).headers["Location"] == "/settings/people/lovelace"
    assert not LinkedIdentity.objects.exists()
    assert not ada.role_grants.exists()
    assert client.get("/").status_code == 302, "the session ended"
    event = Event.objects.get(verb="person.identity_unlinked")
    assert (event.actor_id, event.subject_id, event.before["subject"]) == (admin.id, str(ada.pk), "ada-1")
    assert "have not chosen a password" in browser.get("/settings/people/lovelace").content.decode()
    assert browser.post(there).status_code == 302, "it is gone already"


def test_what_is_connected_belongs_to_one_person(
    viewer: Actor, deployer: Actor, browse: Browser, liar: Liar, provider
) -> None:
    connected(browse(viewer), liar)
    assert is_refused(connected(browse(deployer), liar), Why.LINKED_ELSEWHERE)
    assert LinkedIdentity.objects.get().user_id == viewer.id


def test_nobody_disconnects_anothers(viewer: Actor, deployer: Actor, browse: Browser, liar: Liar, provider) -> None:
    connected(browse(viewer), liar)
    number = LinkedIdentity.objects.get().pk
    browse(deployer).post(f"/settings/profile/identities/{number}/disconnection")
    assert LinkedIdentity.objects.filter(pk=number).exists()


def test_the_only_way_in_stays(liar: Liar, provider) -> None:
    liar.claims = {"groups": ["dev"]}
    client = Client()
    sign_in(client, liar)
    client.post(f"/settings/profile/identities/{LinkedIdentity.objects.get().pk}/disconnection")
    assert LinkedIdentity.objects.exists()


def test_a_connection_that_another_person_ends_connects_nobody(
    viewer: Actor, deployer: Actor, browse: Browser, liar: Liar, provider
) -> None:
    browser = browse(viewer)
    _, _, url = browser.post("/settings/profile/identities/liar/connection").headers["Refresh"].partition("url=")
    browser.force_login(User.objects.get(pk=deployer.id))
    assert come_back(browser, liar.begin(url)).status_code == 403
    assert not LinkedIdentity.objects.exists()


# Invitations


def invited(admin: Actor, liar: Liar) -> tuple[User, str]:
    saved(admin, liar, admits="linked")
    user, secret = create_person(actor=admin, username="real-ada", email="ada@example.com", roles=["viewer"])
    return user, f"/invitation/{secret}"


def test_an_invited_person_comes_with_a_provider_instead_of_a_password(admin: Actor, liar: Liar) -> None:
    user, link = invited(admin, liar)
    liar.claims = {"groups": ["dev"]}
    client = Client()
    assert f"{link}/connection/liar" in client.get(link).content.decode()
    answer = come_back(client, liar.begin(url_of(client.post(f"{link}/connection/liar"))))
    assert (answer.status_code, answer.headers["Location"], who(client)) == (302, "/", "real-ada")
    user.refresh_from_db()
    assert not user.has_usable_password()
    assert set(user.role_grants.values_list("role", flat=True)) == {"viewer", "deployer"}
    event = Event.objects.get(verb="person.invitation_accepted")
    assert (event.actor_id, event.identified_by, event.after["subject"]) == (user.pk, "provider liar", "ada-1")
    assert Client().get(link).status_code == 410, "it works once"
    assert Client().post(f"{link}/connection/liar").headers["Location"] == link
    client = Client()
    sign_in(client, liar)
    assert who(client) == "real-ada"


def test_an_invitation_that_ends_on_the_way_lets_nobody_in(admin: Actor, liar: Liar) -> None:
    user, link = invited(admin, liar)
    client = Client()
    brought = liar.begin(url_of(client.post(f"{link}/connection/liar")))
    set_active(actor=admin, user=user, is_active=False)
    answer = come_back(client, brought)
    assert answer.status_code == 403
    assert "ask an administrator for a new one" in answer.content.decode()
    assert (who(client), LinkedIdentity.objects.count()) == (None, 0)


def test_two_identities_for_one_invitation_and_one_that_is_anothers(viewer: Actor, admin: Actor, browse, liar: Liar) -> None:
    _, link = invited(admin, liar)
    first, second = Client(), Client()
    for_first = liar.begin(url_of(first.post(f"{link}/connection/liar")))
    for_second = liar.begin(url_of(second.post(f"{link}/connection/liar")))
    connected(browse(viewer), liar)
    assert is_refused(come_back(first, for_first), Why.LINKED_ELSEWHERE)
    assert Client().get(link).status_code == 200, "the invitation stays"
    liar.claims = {"sub": "ada-2"}
    assert come_back(second, for_second).status_code == 302
    late = Client()
    assert late.post(f"{link}/connection/liar").headers["Location"] == link
    assert who(first) is None


# State


def test_a_state_works_once(liar: Liar, provider) -> None:
    client = Client()
    brought = liar.begin(begin(client))
    assert come_back(client, brought).status_code == 302
    client.logout()
    assert come_back(client, brought).status_code == 403
    assert who(client) is None


def test_login_csrf_another_browsers_answer_signs_nobody_in(liar: Liar, provider) -> None:
    """The attacker begins, and lets the victim's browser bring the answer: they would work in the attacker's account."""
    brought = liar.begin(begin(Client()))
    victim = Client()
    assert come_back(victim, brought).status_code == 403
    begin(victim)  # also while the victim has begun a sign-in of their own
    assert come_back(victim, brought).status_code == 403
    assert who(victim) is None
    assert "/token" not in liar.requests


def test_a_state_is_of_one_provider(admin: Actor, liar: Liar, provider) -> None:
    """Mix-up: what one provider answers must not be brought to another."""
    saved(admin, liar, "other")
    client = Client()
    brought = liar.begin(begin(client))
    assert come_back(client, brought, "other").status_code == 403
    assert "/token" not in liar.requests


def test_an_answer_that_names_another_provider(liar: Liar, provider) -> None:
    client = Client()
    assert come_back(client, liar.begin(begin(client)), iss="https://evil.example").status_code == 502
    assert come_back(client, liar.begin(begin(client)), iss=liar.issuer).status_code == 302
    liar.description = {"authorization_response_iss_parameter_supported": True}
    client = Client()
    assert come_back(client, liar.begin(begin(client))).status_code == 502
    assert who(client) is None


def test_a_sign_in_that_took_too_long(liar: Liar, provider, monkeypatch) -> None:
    client = Client()
    brought = liar.begin(begin(client))
    monkeypatch.setattr(sign_in_state, "SECONDS", -1)
    assert come_back(client, brought).status_code == 403


@pytest.mark.parametrize(
    "brought", [{}, {"state": ""}, {"state": "x"}, {"code": "x"}, {"state": "x" * 100_000, "code": "y"}]
)
def test_answers_that_nobody_began(liar: Liar, provider, brought: dict[str, str]) -> None:
    assert come_back(Client(), brought).status_code == 403


def test_a_lie_about_the_nonce(liar: Liar, provider) -> None:
    liar.claims = {"nonce": "of-another-sign-in"}
    client = Client()
    assert sign_in(client, liar).status_code == 502
    assert who(client) is None
    assert Event.objects.get(verb="sign_in.refused").after["why"] == "wrong_nonce"


def test_an_error_of_the_provider_is_shown_as_text(liar: Liar, provider) -> None:
    client = Client()
    state = liar.begin(begin(client))["state"]
    answer = come_back(client, {"state": state, "error": "<script>alert(1)</script>", "error_description": "<b>call us</b>"})
    assert answer.status_code == 403
    assert "<script>alert" not in answer.content.decode()
    assert "call us" not in answer.content.decode()  # what a provider, or a link, may say freely is no sentence of ours


# Session


def test_the_session_gets_a_new_key(liar: Liar, provider) -> None:
    """Fixation: whoever gave the victim a session knows its key."""
    client = Client()
    url = begin(client)
    before = client.session.session_key
    come_back(client, liar.begin(url))
    assert client.session.session_key != before
    assert who(client) == "lovelace"
    attacker = Client()
    attacker.cookies["fairway_session"] = before
    assert attacker.get("/").status_code == 302
    assert sign_in_state.KEY not in client.session or not client.session[sign_in_state.KEY]


def test_another_persons_session_is_emptied(viewer: Actor, browse: Browser, liar: Liar, provider) -> None:
    browser = browse(viewer)
    session = browser.session
    session["acting_as"] = "viewer"
    session.save()
    sign_in(browser, liar)
    assert who(browser) == "lovelace"
    assert "acting_as" not in browser.session


def test_a_form_from_elsewhere_begins_nothing(liar: Liar, provider) -> None:
    assert Client(enforce_csrf_checks=True).post("/accounts/sign-in/liar").status_code == 403
    assert Client().get("/accounts/sign-in/liar").status_code == 405
    assert liar.requests == []


@pytest.mark.parametrize(
    ("wanted", "leads"),
    [
        ("/releases/?state=open", "/releases/?state=open"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("http:evil.example", "/"),
        ("///evil.example", "/"),
    ],
)
def test_nobody_is_led_elsewhere(liar: Liar, provider, wanted: str, leads: str) -> None:
    assert sign_in(Client(), liar, next_url=wanted).headers["Location"] == leads


def test_what_the_browser_says_later_changes_no_destination(liar: Liar, provider) -> None:
    client = Client()
    brought = liar.begin(begin(client))
    assert come_back(client, brought, next="https://evil.example/").headers["Location"] == "/"


def test_the_redirect_uri_is_not_read_from_the_request(liar: Liar, provider, settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    answer = Client().post("/accounts/sign-in/liar", headers={"host": "evil.example"})
    sent = parse_qs(urlsplit(answer.headers["Refresh"].partition("url=")[2]).query)
    assert sent["redirect_uri"] == [f"{settings.PUBLIC_URL}/accounts/sign-in/liar/callback"]


def test_the_policy_stays_closed(liar: Liar, provider) -> None:
    for answer in (Client().get("/accounts/login/"), Client().post("/accounts/sign-in/liar")):
        assert "form-action 'self';" in answer.headers["Content-Security-Policy"]


def test_too_many_are_not_begun(liar: Liar, provider) -> None:
    client = Client()
    found = [client.post("/accounts/sign-in/liar").status_code for _ in range(32)]
    assert 429 in found


def test_a_provider_that_does_not_answer_is_no_fault_of_ours(admin: Actor, liar: Liar) -> None:
    saved(admin, liar, issuer="http://127.0.0.1:1")
    answer = Client().post("/accounts/sign-in/liar")
    assert answer.status_code == 502
    assert "cannot be reached on port 1" in answer.content.decode()


def test_a_provider_that_is_not_offered(admin: Actor, liar: Liar, provider) -> None:
    client = Client()
    brought = liar.begin(begin(client))
    saved(admin, liar, is_enabled=False)
    assert come_back(client, brought).status_code == 404
    assert Client().post("/accounts/sign-in/liar").status_code == 404
    assert "Continue with" not in Client().get("/accounts/login/").content.decode()


# Settings


FORM = {
    "name": "Company", "slug": "company", "client_id": CLIENT_ID, "secret": SECRET, "scopes": "openid email groups",
    "admits": "anybody", "default_role": "viewer", "domains": "example.com, Other.example", "groups_claim": "groups",
    "roles": "dev = deployer\nops = admin", "is_enabled": "on",
}  # fmt: skip


def test_an_administrator_adds_tries_changes_and_removes_one(admin: Actor, browse: Browser, liar: Liar) -> None:
    browser = browse(admin)
    assert browser.get("/settings/sign-in/new").status_code == 200
    answer = browser.post("/settings/sign-in/new", {**FORM, "issuer": liar.issuer})
    assert answer.headers["Location"] == "/settings/sign-in/company"
    row = SignInProvider.objects.get()
    assert SECRET not in row.sealed_secret
    assert (row.domains, row.roles) == (["example.com", "other.example"], [["dev", "deployer"], ["ops", "admin"]])
    shown = browser.get("/settings/sign-in/company").content.decode()
    assert "/accounts/sign-in/company/callback" in shown
    assert SECRET not in shown
    assert "Continue with Company" in Client().get("/accounts/login/").content.decode()
    tried = browser.post("/settings/sign-in/company/trial")
    assert tried.status_code == 200
    assert f"{liar.issuer}/auth" in tried.content.decode()
    liar.secret = "another"
    tried = browser.post("/settings/sign-in/company/trial")
    assert tried.status_code == 409
    assert "refused the client ID or the client secret" in tried.content.decode()
    changed = browser.post("/settings/sign-in/company", {**FORM, "secret": "", "issuer": liar.issuer, "name": "Firm"})
    assert changed.status_code == 302
    assert SECRET not in str(list(Event.objects.values_list("before", "after")))
    assert browser.post("/settings/sign-in/company/deletion").headers["Location"] == "/settings/sign-in/company"
    assert browser.post("/settings/sign-in/company/deletion", {"confirm": "Firm"}).headers["Location"] == "/settings/sign-in"
    assert not SignInProvider.objects.exists()


@pytest.mark.parametrize("chosen", ["", "github", "gitlab", "google", "microsoft", "nonsense"])
def test_what_is_known_of_a_provider_is_filled_in(admin: Actor, browse: Browser, chosen: str) -> None:
    page = browse(admin).get("/settings/sign-in/new", {"provider": chosen}).content.decode()
    assert ("https://github.com/settings/applications/new" in page) == (chosen == "github")
    assert ('name="scopes"' in page) == ('name="groups_claim"' in page) == (chosen != "github")
    assert page.count('aria-current="page">') >= 1


def test_signing_in_with_github(admin: Actor, browse: Browser) -> None:
    with github_like() as github:
        browser = browse(admin)
        form = {**FORM, "kind": "github", "name": "GitHub", "slug": "github", "issuer": github.address}
        form |= {"client_id": github_server.CLIENT_ID, "secret": github_server.SECRET, "scopes": "", "groups_claim": ""}
        form |= {"required_groups": "ACME/Platform\n", "roles": "acme = deployer"}
        assert browser.post("/settings/sign-in/new?provider=github", form).headers["Location"] == "/settings/sign-in/github"
        row = SignInProvider.objects.get()
        assert (row.kind, row.required_groups, row.scopes) == ("github", ["acme/platform"], "read:user user:email read:org")
        shown = browser.get("/settings/sign-in/github").content.decode()
        assert 'name="scopes"' not in shown
        assert browser.post("/settings/sign-in/github", {**form, "secret": "", "kind": "openid"}).status_code == 302
        assert SignInProvider.objects.get().kind == "github", "it stays what it is"
        tried = browser.post("/settings/sign-in/github/trial")
        assert f"{github.address}/login/oauth/authorize" in tried.content.decode()

        client = Client()
        assert come_back(client, github.begin(begin(client, "github")), "github").headers["Location"] == "/"
        ada = User.objects.get(username="Ada-L")
        assert (who(client), ada.confirmed_email) == ("Ada-L", "ada@example.com")
        assert set(ada.role_grants.values_list("role", flat=True)) == {"deployer", "viewer"}

        github.user["login"] = "somebody-else"  # renamed; and whoever takes the old name has another number
        client = Client()
        come_back(client, github.begin(begin(client, "github")), "github")
        assert who(client) == "Ada-L"
        github.teams = [("Acme", "sales")]
        client = Client()
        answer = come_back(client, github.begin(begin(client, "github")), "github")
        assert is_refused(answer, Why.GROUP, name="GitHub")
        assert who(client) is None


def test_only_with_a_provider_and_in_an_emergency_with_a_password(
    admin: Actor, browse: Browser, liar: Liar, provider
) -> None:
    """Somebody connects the provider and chooses an emergency account; from then on people come with the provider."""
    eve, _ = create_person(actor=admin, username="eve", roles=["admin"])
    eve.set_password("a long enough password")
    eve.save()
    browser = browse(admin)
    there, policy = "/settings/sign-in/passwords", {"passwords": "emergency", "emergency": ["eve"]}
    answer = browser.post(there, policy)
    assert answer.status_code == 422
    assert "ould lock you out" in answer.content.decode()
    assert 'name="password"' in Client().get("/accounts/login/").content.decode()
    connected(browser, liar)
    assert browser.post(there, {**policy, "emergency": []}).status_code == 409
    assert browser.post(there, policy).headers["Location"] == "/settings/sign-in"
    shown = browser.get("/settings/sign-in").content.decode()
    assert re.search(r'value="eve"[^>]*checked', shown)

    page = Client().get("/accounts/login/").content.decode()
    assert page.index("Continue with Liar") < page.index("Emergency access with a password") < page.index('name="password"')
    client = Client()
    client.post("/accounts/login/", {"login": "eve", "password": "a long enough password"})
    assert who(client) == "eve"
    client = Client()
    sign_in(client, liar)
    assert who(client) == admin.name
    assert "/accounts/password/change/" not in client.get("/settings/profile").content.decode()
    disabled = {**FORM, "issuer": liar.issuer, "name": "Liar", "secret": "", "is_enabled": ""}
    answer = browser.post("/settings/sign-in/liar", disabled)
    assert answer.status_code == 422
    assert "a sign-in provider must remain" in answer.content.decode()


def test_nobody_opens_the_door_to_the_whole_world(admin: Actor, browse: Browser) -> None:
    browser = browse(admin)
    for issuer in ("https://github.com", "https://accounts.google.com", "https://login.microsoftonline.com/common/v2.0"):
        form = {**FORM, "issuer": issuer, "domains": "", "roles": "", "kind": "github" if "github" in issuer else "openid"}
        answer = browser.post("/settings/sign-in/new", form)
        assert answer.status_code == 422
        assert "let in everybody with an account at" in answer.content.decode()
        assert browser.post("/settings/sign-in/new", {**form, "required_groups": "acme"}).status_code == 302
        SignInProvider.objects.all().delete()
    tenant = "https://login.microsoftonline.com/6a1b4f0e-0000-4000-8000-1234567890ab/v2.0"
    assert browser.post("/settings/sign-in/new", {**FORM, "issuer": tenant, "domains": ""}).status_code == 302


def test_what_is_entered_wrongly_is_said_beside_it(admin: Actor, browse: Browser, liar: Liar, provider) -> None:
    browser = browse(admin)
    for field, wrong, said in (
        ("slug", "liar", "is taken"),
        ("slug", "Not A Slug", "must start with a letter"),
        ("issuer", "accounts.google.com", "must start with https://"),
        ("secret", "", "is missing"),
        ("scopes", "email", "must contain “openid”"),
        ("domains", "*.example.com", "is not a host name"),
        ("roles", "dev = owner", "is not a role"),
        ("groups_claim", "", "name the claim"),
    ):
        answer = browser.post("/settings/sign-in/new", {**FORM, "issuer": liar.issuer, field: wrong})
        assert answer.status_code == 422
        assert said[1:] in answer.content.decode(), (field, wrong)  # the page begins it with a capital letter


def test_the_secret_is_not_sent_to_another_provider(admin: Actor, browse: Browser, provider) -> None:
    answer = browse(admin).post("/settings/sign-in/liar", {**FORM, "secret": "", "issuer": "https://evil.example"})
    assert answer.status_code == 422
    assert "never sent to another provider" in answer.content.decode()


def test_a_provider_is_not_removed_with_the_last_administrator(admin: Actor, browse: Browser, liar: Liar, provider) -> None:
    liar.claims = {"groups": ["ops"]}
    client = Client()
    sign_in(client, liar)
    RoleGrant.objects.filter(user_id=admin.id).delete()
    client.post("/settings/sign-in/liar/deletion", {"confirm": "Liar"})
    assert SignInProvider.objects.exists()


def test_roles_saved_by_hand_still_end_with_the_group(admin: Actor, browse: Browser, liar: Liar, provider) -> None:
    liar.claims = {"groups": ["dev"]}
    sign_in(Client(), liar)
    rows = {"role-0": "deployer", "environment-0": "", "application-0": "", "rows": "1"}
    answer = browse(admin).post("/settings/people/lovelace", {"name": "Ada", "email": "ada@example.com", **rows})
    assert answer.status_code == 302
    liar.claims = {"groups": []}
    sign_in(Client(), liar)
    assert not User.objects.get(username="lovelace").role_grants.exists()


def test_an_actor_of_a_newcomer_may_do_what_the_role_allows(liar: Liar, provider) -> None:
    liar.claims = {"groups": ["dev"]}
    sign_in(Client(), liar)
    actor = actor_for(User.objects.get(username="lovelace"), door=Door.WEB)
    assert [role.value for role in actor.roles] == ["deployer"]
