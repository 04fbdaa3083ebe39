"""Every way in × everything that ends it. Whatever lets somebody in ends with its reason, at the very next request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.utils import user_pk_to_url_str
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

import fairway
from fairway.accounts.access import AccessEnded, refresh_actors, while_access_lasts
from fairway.accounts.commands import (
    accept_invitation,
    create_person,
    give_new_password,
    invite_again,
    set_active,
    set_roles,
)
from fairway.accounts.feeds import make_feed
from fairway.accounts.models import ApiToken, OneTimeLink, RoleGrant, User
from fairway.accounts.profiles import set_own_password
from fairway.accounts.queries import actor_for, usable_link
from fairway.accounts.reset_tokens import ResetTokens
from fairway.accounts.rules import Actor, Blocked, Role
from fairway.accounts.tokens import create_token, revoke_token
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.deployments.models import Placement
from fairway.shared.names import Invalid
from fairway.web.views.access import COOKIE
from tests.conftest import make_person
from tests.web.conftest import FROM_THE_PROXY, PASSWORD, live

HOST = "hello.staging.localhost"
ASKED = {"x-forwarded-host": HOST, **FROM_THE_PROXY}
NEW = "another long phrase"


@dataclass
class Ways:
    """One person with one of every kind of way in; each says whether it still lets anybody in."""

    user: User
    browser: Client
    token: ApiToken
    text: str
    lets_in: dict[str, Callable[[], bool]]

    def open(self, *, without: str = "") -> set[str]:
        return {name for name, still in self.lets_in.items() if name != without and still()}

    def actor(self, by: str = "") -> Actor:
        """By a token of theirs, or by nothing in particular."""
        user = User.objects.get(pk=self.user.pk)
        token = ApiToken.objects.get(pk=self.token.pk) if by == "token" else None
        return actor_for(user, door=Door.API, token=token)


@pytest.fixture
def ways(admin, hello, staging) -> Ways:
    live(hello, staging)
    Placement.objects.update(access="signed_in")
    actor = make_person("vera", Role.ADMIN)
    user = User.objects.get(pk=actor.id)
    browser = Client()
    browser.post("/accounts/login/", {"login": "vera", "password": PASSWORD})
    user.refresh_from_db()
    token, text = create_token(actor=actor, name="ci")
    by_token = actor_for(user, door=Door.API, token=token)
    _child, child_text = create_token(actor=by_token, name="child")
    feed = make_feed(actor=actor)
    link = invite_again(actor=admin, user=user)
    _friend, own_link = create_person(actor=actor, username="friend")
    _other, token_link = create_person(actor=by_token, username="other")
    reset = ResetTokens().make_token(user)
    code = parse_qs(urlsplit(browser.get("/access/enter", {"host": HOST, "path": "/"})["Location"]).query)["code"][0]
    application = Client()
    application.get("/.fairway/signed-in", {"code": code, "path": "/"}, headers=ASKED)
    assert COOKIE in application.cookies
    spare = parse_qs(urlsplit(browser.get("/access/enter", {"host": HOST, "path": "/"})["Location"]).query)["code"][0]
    in_session = actor_for(user, door=Door.WEB, session=browser.session.session_key or "")

    def hands_over() -> bool:
        other = Client()
        other.get("/.fairway/signed-in", {"code": spare, "path": "/"}, headers=ASKED)
        return other.get("/.fairway/access", headers=ASKED).status_code == 204

    def api(text: str) -> bool:
        return Client().get("/api/v1/applications", headers={"authorization": f"Bearer {text}"}).status_code == 200

    def resets() -> bool:
        now = User.objects.get(pk=user.pk)
        place = f"/accounts/password/reset/key/{user_pk_to_url_str(now)}-{reset}/"
        return now.is_active and Client().get(place).status_code == 302

    found = Ways(
        user,
        browser,
        token,
        text,
        {
            "session": lambda: browser.get("/applications/").status_code == 200,
            "stream": lambda: refresh_actors([in_session])[0] is not None,
            "application cookie": lambda: application.get("/.fairway/access", headers=ASKED).status_code == 204,
            "hand-over code": hands_over,
            "token": lambda: api(text),
            "token made with it": lambda: api(child_text),
            "download with it": lambda: refresh_actors([by_token])[0] is not None,
            "feed": lambda: Client().get(f"/calendar/feeds/{feed}/releases.ics").status_code == 200,
            "link for them": lambda: usable_link(link, OneTimeLink.INVITATION) is not None,
            "link by them": lambda: usable_link(own_link, OneTimeLink.INVITATION) is not None,
            "link by their token": lambda: usable_link(token_link, OneTimeLink.INVITATION) is not None,
            "link by e-mail": resets,
        },
    )
    assert found.open(without="hand-over code") == EVERYTHING - {"hand-over code"}, "which works only once"
    return found


OF_SESSION = {"session", "stream", "application cookie", "hand-over code"}
OF_TOKEN = {"token", "token made with it", "download with it", "link by their token"}
OF_PASSWORD = {"link for them", "link by e-mail"}
EVERYTHING = OF_SESSION | OF_TOKEN | OF_PASSWORD | {"feed", "link by them"}


def deactivated(ways: Ways, admin: Actor) -> None:
    set_active(actor=admin, user=ways.user, is_active=False)


def deactivated_and_back(ways: Ways, admin: Actor) -> None:
    set_active(actor=admin, user=ways.user, is_active=False)
    set_active(actor=admin, user=ways.user, is_active=True)


def password_changed(ways: Ways, admin: Actor) -> None:
    set_own_password(user=User.objects.get(pk=ways.user.pk), password=NEW)


def password_changed_keeping_keys(ways: Ways, admin: Actor) -> None:
    set_own_password(user=User.objects.get(pk=ways.user.pk), password=NEW, keeps_keys=True)


def password_replaced(ways: Ways, admin: Actor) -> None:
    give_new_password(actor=admin, username="vera")


def password_by_link(ways: Ways, admin: Actor) -> None:
    accept_invitation(link=invite_again(actor=admin, user=User.objects.get(pk=ways.user.pk)), password=NEW)


def signed_out(ways: Ways, admin: Actor) -> None:
    ways.browser.post("/accounts/logout/")


def session_ended(ways: Ways, admin: Actor) -> None:
    Session.objects.update(expire_date=timezone.now())


def token_revoked(ways: Ways, admin: Actor) -> None:
    revoke_token(actor=ways.actor(), token_id=ways.token.pk)


def token_expired(ways: Ways, admin: Actor) -> None:
    ApiToken.objects.filter(pk=ways.token.pk).update(expires_at=timezone.now())
    ApiToken.objects.filter(made_with=ways.token).update(expires_at=timezone.now())  # it was given the same end, see below


def grants_removed(ways: Ways, admin: Actor) -> None:
    set_roles(actor=admin, user=ways.user, grants=[])


def demoted(ways: Ways, admin: Actor) -> None:
    set_roles(actor=admin, user=ways.user, grants=[("viewer", None, None)])


LOOKS = {"stream", "download with it"}  # what is open ends, or shows no more than the grants there are now
ENDINGS = {
    deactivated: EVERYTHING,
    deactivated_and_back: EVERYTHING - {"link by them"},
    password_changed: EVERYTHING - {"link by them"},
    password_changed_keeping_keys: OF_SESSION | OF_PASSWORD,
    password_replaced: EVERYTHING - {"link by them"},
    password_by_link: EVERYTHING - {"link by them"},
    signed_out: OF_SESSION,
    session_ended: OF_SESSION,
    token_revoked: OF_TOKEN,
    token_expired: OF_TOKEN,
    grants_removed: EVERYTHING - LOOKS - OF_PASSWORD,
    demoted: {"link by them", "link by their token"},
}


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_what_ends_takes_with_it_all_that_hangs_on_it_and_nothing_else(ways, admin, ending):
    ending(ways, admin)
    now = ways.open()
    if ending is demoted:
        assert refresh_actors([ways.actor()])[0].roles == (Role.VIEWER,)
    assert EVERYTHING - now == ENDINGS[ending]


def test_the_event_says_what_ended(ways, admin):
    password_changed(ways, admin)
    event = Event.objects.filter(verb="person.password_set").get()
    assert event.after == {"sessions_ended": True, "tokens_ended": ["child", "ci"], "calendar_feed_ended": True}


def test_the_page_says_before_what_will_end_and_keeps_this_session(ways):
    page = ways.browser.get("/accounts/password/change/").content.decode()
    assert "signs you out everywhere else" in page
    assert "Your API tokens and your calendar feed are revoked too, unless you keep them." in page
    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert ways.browser.post("/accounts/password/change/", {**form, "keeps_keys": "on"}).status_code == 302
    assert {"session", "token", "feed"} <= ways.open()
    assert Event.objects.get(verb="person.password_set").after["tokens_kept"] == ["child", "ci"]
    again = {"oldpassword": NEW, "password1": NEW + "!", "password2": NEW + "!"}
    assert ways.browser.post("/accounts/password/change/", again).status_code == 302
    assert ways.open() == {"session", "link by them"}


def test_a_token_makes_none_that_lasts_longer(ways):
    end = timezone.now() + timedelta(seconds=4)
    short, _ = create_token(actor=ways.actor(), name="short", expires_at=end)
    holder = actor_for(ways.user, door=Door.API, token=short)
    child, _ = create_token(actor=holder, name="child")
    assert child.expires_at == end
    with pytest.raises(Invalid, match="cannot create one that lasts longer"):
        create_token(actor=holder, name="child", expires_at=end + timedelta(seconds=1))


@pytest.mark.parametrize("role", [Role.ADMIN, Role.RELEASE_MANAGER, Role.DEPLOYER])
def test_a_narrowed_token_makes_none_that_is_wider(ways, role):
    narrow, _ = create_token(actor=ways.actor(), name="narrow", role=Role.VIEWER)
    holder = actor_for(ways.user, door=Door.API, token=narrow, acting_as=narrow.role)
    assert create_token(actor=holder, name="child")[0].role == Role.VIEWER
    with pytest.raises(Invalid):
        create_token(actor=holder, name="wide", role=role)


def test_nobody_makes_a_token_of_a_role_they_do_not_hold(viewer):
    with pytest.raises(Invalid, match="you do not hold “admin”"):
        create_token(actor=viewer, name="wide", role=Role.ADMIN)


def test_a_token_ends_itself_and_its_own_but_no_other(ways):
    other, text = create_token(actor=ways.actor(), name="other")
    holder = actor_for(ways.user, door=Door.API, token=other)
    with pytest.raises(Blocked, match="to revoke others"):
        revoke_token(actor=holder, token_id=ways.token.pk)
    assert "token" in ways.open()
    revoke_token(actor=holder, token_id=other.pk)
    assert Client().get("/api/v1/me", headers={"authorization": f"Bearer {text}"}).status_code == 401


BY_PAGE = (
    ("/settings/profile", {"name": "Eve", "email": "eve@evil.example"}),
    ("/settings/tokens", {"name": "mine", "role": "", "expires": ""}),
    ("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}),
    ("/calendar/feed", {}),
    ("/acting-as", {"role": "viewer"}),
)


@pytest.mark.parametrize(("place", "form"), BY_PAGE, ids=[place for place, _ in BY_PAGE])
def test_no_page_takes_a_token_and_says_so(ways, place, form):
    answer = Client().post(place, form, headers={"authorization": f"Bearer {ways.text}"})
    assert answer.status_code == 403
    assert "API tokens open the API" in answer.content.decode()
    ways.user.refresh_from_db()
    assert ways.user.email == ""
    assert ways.user.check_password(PASSWORD)


OWN = (
    ("post", "/people/vera/invitation", {}),
    ("put", "/people/vera/access", {"is_active": True}),
    ("put", "/people/vera/roles", {"grants": [{"role": "admin"}]}),
)


@pytest.mark.parametrize(("method", "place", "body"), OWN, ids=[place for _, place, _ in OWN])
def test_a_token_gives_its_owner_no_other_way_in(ways, method, place, body):
    before = Event.objects.count()
    headers = {"authorization": f"Bearer {ways.text}"}
    answer = getattr(Client(), method)(f"/api/v1{place}", body, content_type="application/json", headers=headers)
    assert answer.status_code == 409, answer.content
    assert "An API token cannot change how its owner signs in" in answer.json()["detail"]
    assert Event.objects.count() == before


def test_a_feed_or_a_profile_is_beyond_a_token_whatever_the_door(ways):
    with pytest.raises(Blocked, match="API token"):
        make_feed(actor=ways.actor("token"))


def test_nothing_is_made_on_a_standing_that_ended_meanwhile(ways, admin):
    """A request that was let in a moment before the password changed."""
    stale, by_token = ways.actor(), ways.actor("token")
    password_changed(ways, admin)
    count = ApiToken.objects.count()
    for actor in (stale, by_token):
        with pytest.raises(Blocked, match="sign in again"):
            create_token(actor=actor, name="late")
    with pytest.raises(Blocked, match="sign in again"):
        make_feed(actor=stale)
    with pytest.raises(Blocked, match="sign in again"):
        invite_again(actor=stale, user=User.objects.get(username="friend"))
    assert ApiToken.objects.count() == count


def test_a_look_at_many_takes_as_few_queries_as_at_one(ways, admin, django_assert_max_num_queries):
    many = [replace(ways.actor("token"), client=str(number)) for number in range(50)]
    RoleGrant.objects.create(user=User.objects.get(pk=admin.id), role=Role.VIEWER)
    with django_assert_max_num_queries(4):
        assert all(refresh_actors([*many, admin]))


def test_a_long_download_is_cut_when_its_reader_is_shut_out(ways, admin, monkeypatch):
    monkeypatch.setattr("fairway.accounts.access.CHECK_EVERY", 0.0)
    pieces = while_access_lasts(ways.actor("token"), iter(range(10)))
    assert next(pieces) == 0
    token_revoked(ways, admin)
    with pytest.raises(AccessEnded):
        next(pieces)


def test_no_password_is_set_but_where_everything_ends_with_it():
    """Whoever sets one elsewhere leaves the old ways in open."""
    source = Path(fairway.__file__).parent
    found = {place.relative_to(source).as_posix() for place in source.rglob("*.py") if ".set_password(" in place.read_text()}
    assert found == {"accounts/access.py", "accounts/commands.py"}, "commands.py sets the first one of somebody new"
