"""Two-step sign-in: after the password a code, once; what is stored is sealed; it can be required, and reset."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

import fairway
from fairway.accounts.commands import invite_again
from fairway.accounts.mailing import seal
from fairway.accounts.models import LinkedIdentity, OneTimeLink, User
from fairway.accounts.password_policy import set_password_policy
from fairway.accounts.provider_commands import save_provider
from fairway.accounts.queries import get_person, has_two_steps
from fairway.accounts.rules import SYSTEM, Actor, Blocked, Role
from fairway.accounts.sessions import sessions_of
from fairway.accounts.signing_in import accept_invitation_with
from fairway.accounts.tokens import create_token
from fairway.accounts.two_step import make_recovery_codes, new_secret, reset_two_step, take_code, turn_off, turn_on
from fairway.activity.models import Event
from fairway.activity.queries import newest_event
from fairway.config.two_step import main as on_the_server
from fairway.drivers.identity.contract import Identity
from fairway.shared.names import Invalid
from fairway.shared.sealing import Seal
from tests.conftest import make_person
from tests.services.authenticator import HALF_MINUTE, code_for

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
LOGIN, STEP, PAGE, HOME = "/accounts/login/", "/accounts/second-step/", "/settings/profile/two-step", "/"


class Phone:
    """An authenticator app. Its clock is the test's: each code is of the half minute after the one before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, secret: str = "") -> None:
        self.secret, self.now = secret, time.time()
        monkeypatch.setattr("allauth.mfa.totp.internal.auth.time", SimpleNamespace(time=lambda: self.now))

    def code(self, *, passed: float = HALF_MINUTE) -> str:
        self.now += passed
        return code_for(self.secret, self.now)


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Phone:
    return Phone(monkeypatch, new_secret())


@pytest.fixture
def dora(db: None) -> Actor:
    return make_person("dora", Role.DEPLOYER)


@pytest.fixture
def protected(dora: Actor, phone: Phone) -> list[str]:
    """Dora has turned it on; these are her recovery codes."""
    return turn_on(actor=dora, secret=phone.secret, code=phone.code())


def account(name: str = "dora") -> User:
    return User.objects.get(username=name)


def with_password(name: str = "dora", next_url: str = "") -> Client:
    """A browser in which somebody gave their password."""
    client = Client()
    answer = client.post(LOGIN, {"login": name, "password": PASSWORD, "next": next_url})
    assert answer.status_code == 302
    return client


def is_inside(client: Client) -> bool:
    return client.get("/settings/profile").status_code == 200


def test_rfc_6238_is_what_the_tests_compute() -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert [code_for(secret, at) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]


def test_without_it_the_password_is_enough(dora: Actor) -> None:
    assert is_inside(with_password())


def test_somebody_sets_it_up_on_their_page(dora: Actor, phone: Phone) -> None:
    other, here = with_password(), with_password()
    page = here.get(PAGE).content.decode()
    assert "<svg" in page
    phone.secret = re.search(r'data-copy="([A-Z2-7]{32})"', page)[1]  # type: ignore[index]
    assert f"otpauth://totp/dora?secret={phone.secret}&amp;issuer=Fairway%20localhost" in page
    assert here.get(PAGE).content.decode().count(phone.secret) > 0, "loading the page again keeps what was scanned"
    wrong = here.post(f"{PAGE}/on", {"code": "000000", "password": PASSWORD})
    assert (wrong.status_code, has_two_steps(account())) == (422, False)
    wrong = here.post(f"{PAGE}/on", {"code": phone.code(), "password": "not mine"})
    assert "This is not your password." in wrong.content.decode()
    assert (wrong.status_code, has_two_steps(account())) == (422, False)
    made = here.post(f"{PAGE}/on", {"code": phone.code(), "password": PASSWORD})
    codes = re.findall(r"<li><code>([\d-]+)</code>", made.content.decode())
    assert (made.status_code, len(codes)) == (201, 10)
    assert "no-store" in made.headers["Cache-Control"]
    assert codes[0] not in here.get(PAGE).content.decode(), "they are shown once"
    assert is_inside(here)
    assert not is_inside(other), "it began with a password only"
    assert [one.session_key for one in sessions_of(account())] == [here.session.session_key]
    event = Event.objects.get(verb="person.two_step_turned_on")
    assert event.after["sessions_ended"] is True
    assert "DENY" in here.get(PAGE).headers["X-Frame-Options"]


def test_after_the_password_comes_the_code(protected: list[str], phone: Phone) -> None:
    client = with_password(next_url="/releases/")
    assert not is_inside(client)
    assert client.get(STEP).status_code == 200
    answer = client.post(STEP, {"code": phone.code()})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/releases/")
    assert is_inside(client)
    event = Event.objects.get(verb="person.signed_in")
    assert event.identified_by == "password and authenticator app"
    assert "password and code" in client.get("/settings/profile").content.decode()


def test_nobody_is_asked_who_did_not_give_a_password(protected: list[str], phone: Phone) -> None:
    for answer in (Client().get(STEP), Client().post(STEP, {"code": phone.code()})):
        assert (answer.status_code, answer.headers["Location"]) == (302, LOGIN)


@pytest.mark.parametrize("code", ["", "000000", "1", "x" * 40, "१२३४५६", "12345é", "0" * 400])
def test_what_is_no_code(protected: list[str], phone: Phone, code: str) -> None:
    client = with_password()
    assert client.post(STEP, {"code": code}).status_code == 422
    assert not is_inside(client)


def test_a_code_may_be_typed_with_a_space(protected: list[str], phone: Phone) -> None:
    code = phone.code()
    assert with_password().post(STEP, {"code": f" {code[:3]} {code[3:]} "}).status_code == 302


def test_no_code_works_twice(protected: list[str], phone: Phone) -> None:
    code = phone.code()
    assert with_password().post(STEP, {"code": code}).status_code == 302
    for passed in (0, HALF_MINUTE):  # in its own half minute, and in the next, in which it would be taken for the first time
        phone.now += passed
        client = with_password()
        assert client.post(STEP, {"code": code}).status_code == 422
        assert not is_inside(client)


def test_the_code_it_was_set_up_with_is_used_up(dora: Actor, phone: Phone) -> None:
    code = phone.code()
    turn_on(actor=dora, secret=phone.secret, code=code)
    with pytest.raises(Invalid, match="used already"):
        take_code(user=account(), code=code)


def test_clocks_may_differ_by_half_a_minute_and_no_more(protected: list[str], phone: Phone) -> None:
    for off, is_taken in ((-2, False), (-1, True), (1, True), (3, False)):
        phone.now += 10 * HALF_MINUTE
        answer = with_password().post(STEP, {"code": code_for(phone.secret, phone.now + off * HALF_MINUTE)})
        assert (answer.status_code == 302) is is_taken, off


def test_a_recovery_code_works_once_and_is_an_event(protected: list[str], phone: Phone) -> None:
    client = with_password()
    assert client.post(STEP, {"code": protected[3]}).status_code == 302
    assert "password and recovery code" in client.get("/settings/profile").content.decode()
    assert with_password().post(STEP, {"code": protected[3]}).status_code == 422
    assert with_password().post(STEP, {"code": protected[4].replace("-", "")}).status_code == 302
    used = Event.objects.filter(verb="person.recovery_code_used").order_by("pk")
    assert [one.after["codes_left"] for one in used] == [9, 8]


def test_wrong_codes_are_limited_for_each_person_from_anywhere(protected: list[str], phone: Phone) -> None:
    make_person("eve", Role.VIEWER)
    answers = []
    for number in range(7):
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        client.post(LOGIN, {"login": "dora", "password": PASSWORD})
        answers.append(client.post(STEP, {"code": "000000"}).status_code)
    assert answers == [422] * 5 + [429] * 2
    assert client.post(STEP, {"code": phone.code()}).status_code == 429, "nor is the right one taken now"
    assert is_inside(with_password("eve")), "others sign in"
    told = Event.objects.filter(verb="person.code_refused").order_by("pk")
    assert [(one.subject_label, one.after["within_an_hour"]) for one in told] == [("dora", 1), ("dora", 2), ("dora", 4)]


def test_flooding_the_cache_does_not_forget_tries(protected: list[str]) -> None:
    """Django's default is to drop a third of all entries when there are more than 300."""
    cache.set("tries", 5)
    for number in range(400):
        cache.set(f"other:{number}", 1)
    assert cache.get("tries") == 5


def test_what_is_begun_ends_when_access_is_revoked(protected: list[str], phone: Phone, admin: Actor) -> None:
    client = with_password()
    reset_two_step(actor=admin, user=account())
    answer = client.post(STEP, {"code": phone.code()})
    assert (answer.status_code, answer.headers["Location"]) == (302, LOGIN)
    assert not is_inside(client)


def test_whoever_was_deactivated_meanwhile_stays_out(protected: list[str], phone: Phone) -> None:
    client = with_password()
    User.objects.filter(username="dora").update(is_active=False)
    assert client.post(STEP, {"code": phone.code()}).headers["Location"] == LOGIN


def test_a_link_to_choose_a_password_does_not_go_around_it(protected: list[str], phone: Phone, admin: Actor) -> None:
    link = invite_again(actor=admin, user=account())
    client = Client()
    new = {"password1": "another long password", "password2": "another long password"}
    answer = client.post(f"/invitation/{link}", new)
    assert (answer.status_code, answer.headers["Location"]) == (302, STEP)
    assert not is_inside(client)
    assert client.post(STEP, {"code": phone.code()}).status_code == 302
    assert is_inside(client)


def test_nor_does_a_link_with_a_provider(protected: list[str], admin: Actor) -> None:
    provider = save_provider(
        actor=admin, slug="company", name="Company", issuer="https://login.test", client_id="fairway", secret="hush hush"
    )
    link = invite_again(actor=admin, user=account())
    page = Client().get(f"/invitation/{link}").content.decode()
    assert 'name="password1"' in page
    assert "Continue with Company" not in page
    assert Client().post(f"/invitation/{link}/connection/company").headers["Location"] == f"/invitation/{link}"
    number, stranger = OneTimeLink.objects.get(user=account()).pk, Identity("https://login.test", "stranger")
    with pytest.raises(Invalid, match="two-step sign-in is on"):
        accept_invitation_with(invitation=number, provider=provider, identity=stranger)
    assert not LinkedIdentity.objects.exists()


def test_what_is_stored_is_sealed(protected: list[str], phone: Phone) -> None:
    stored = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    for secret in (phone.secret, *protected, *(code.replace("-", "") for code in protected)):
        assert secret not in stored
    client = with_password()
    client.post(STEP, {"code": phone.code()})
    turn_off(actor=_actor_of(client))
    fresh = re.search(r'data-copy="([A-Z2-7]{32})"', client.get(PAGE).content.decode())[1]  # type: ignore[index]
    sessions = [json.dumps(one.get_decoded()) for one in Session.objects.all()]
    assert any("two_step_secret" in one for one in sessions)
    assert not any(fresh in one for one in sessions), "nor is it in clear before it is turned on"


def _actor_of(client: Client) -> Actor:
    from fairway.accounts.access import actor_of_session
    from fairway.activity.rules import Door

    found = actor_of_session(client.session.session_key or "", Door.WEB)
    assert found is not None
    return found[0]


def test_a_new_key_seals_it_anew(protected: list[str], phone: Phone, settings: object) -> None:
    from cryptography.fernet import Fernet

    from fairway.accounts.two_step import reseal_two_step

    newest = Fernet.generate_key().decode()
    settings.FIELD_KEYS = [newest, *settings.FIELD_KEYS]  # type: ignore[attr-defined]
    assert reseal_two_step() == 2
    only_new = Seal([newest])
    assert {only_new.open(row.data.get("secret") or row.data["seed"]) for row in Authenticator.objects.all()} >= {
        phone.secret
    }
    assert take_code(user=account(), code=phone.code()) == "authenticator app"
    assert seal().open(only_new.seal("x")) == "x"


def test_new_recovery_codes_replace_the_old(protected: list[str], phone: Phone) -> None:
    client = with_password()
    client.post(STEP, {"code": phone.code()})
    assert client.post(f"{PAGE}/recovery-codes", {"password": "not mine"}).status_code == 422
    answer = client.post(f"{PAGE}/recovery-codes", {"password": PASSWORD})
    fresh = re.findall(r"<li><code>([\d-]+)</code>", answer.content.decode())
    assert len(set(fresh) | set(protected)) == 20
    assert with_password().post(STEP, {"code": protected[0]}).status_code == 422
    assert with_password().post(STEP, {"code": fresh[0]}).status_code == 302
    assert Event.objects.filter(verb="person.recovery_codes_made").count() == 1


def test_it_is_turned_off_with_the_password(protected: list[str], phone: Phone) -> None:
    client = with_password()
    client.post(STEP, {"code": phone.code()})
    assert client.post(f"{PAGE}/off", {"password": "not mine"}).status_code == 422
    assert has_two_steps(account())
    assert client.post(f"{PAGE}/off", {"password": PASSWORD}).status_code == 302
    assert not Authenticator.objects.exists(), "recovery codes are gone, too"
    assert Event.objects.get(verb="person.two_step_turned_off").actor_name == "dora"
    assert is_inside(with_password())


def test_passwords_are_not_guessed_on_its_pages(protected: list[str], phone: Phone) -> None:
    client = with_password()
    client.post(STEP, {"code": phone.code()})
    for _ in range(6):
        client.post(f"{PAGE}/off", {"password": "not mine"})
    assert client.post(f"{PAGE}/off", {"password": PASSWORD}).status_code == 422
    assert has_two_steps(account())
    assert Event.objects.filter(verb="person.sign_in_failed", subject_label="dora").exists()


def test_what_cannot_be_done(dora: Actor, phone: Phone) -> None:
    with pytest.raises(Invalid, match="is wrong"):
        turn_on(actor=dora, secret=phone.secret, code="123")
    with pytest.raises(Invalid, match="is off"):
        make_recovery_codes(actor=dora)
    turn_off(actor=dora)
    assert not Event.objects.filter(verb__contains="two_step").exists()
    turn_on(actor=dora, secret=phone.secret, code=phone.code())
    now = make_actor_again("dora")
    with pytest.raises(Invalid, match="is set up already"):
        turn_on(actor=now, secret=new_secret(), code="000000")
    with pytest.raises(Blocked, match="signed out"):
        turn_off(actor=dora)
    assert has_two_steps(account()), "an actor of an earlier generation changes nothing"


def make_actor_again(name: str) -> Actor:
    from fairway.accounts.queries import actor_for
    from fairway.activity.rules import Door

    return actor_for(account(name), door=Door.WEB)


def test_a_token_changes_nothing_of_its_owner(protected: list[str], admin: Actor) -> None:
    secret = create_token(actor=make_actor_again("dora"), name="ci")[1]
    headers = {"authorization": f"Bearer {secret}"}
    assert Client(headers=headers).post(f"{PAGE}/off", {"password": PASSWORD}).status_code == 403
    make_person("root", Role.ADMIN)
    own = create_token(actor=make_actor_again("root"), name="own")[1]
    answer = Client(headers={"authorization": f"Bearer {own}"}).delete("/api/v1/people/root/two-step")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "blocked")


def test_an_administrator_resets_it(protected: list[str], phone: Phone, admin: Actor) -> None:
    client = with_password()
    client.post(STEP, {"code": phone.code()})
    token = create_token(actor=make_actor_again("dora"), name="ci")[0]
    ruler = Client()
    ruler.force_login(User.objects.get(pk=admin.id))
    page = ruler.get("/settings/people/dora").content.decode()
    assert "and a code after it" in page
    assert ruler.post("/settings/people/dora/two-step-reset", {"confirm": "who"}).status_code == 422
    assert has_two_steps(account())
    assert ruler.post("/settings/people/dora/two-step-reset", {"confirm": "dora"}).status_code == 302
    assert not has_two_steps(account())
    assert not is_inside(client)
    assert Event.objects.get(verb="person.two_step_reset").after == {
        "sessions_ended": True,
        "tokens_kept": [token.name],
        "calendar_feed_kept": False,
    }
    assert is_inside(with_password())


def test_only_administrators_reset_it(protected: list[str]) -> None:
    mallory = make_person("mallory", Role.RELEASE_MANAGER, Role.DEPLOYER)
    with pytest.raises(Blocked):
        reset_two_step(actor=mallory, user=account())
    assert has_two_steps(account())


def test_the_api_says_who_uses_it_and_resets_it(protected: list[str], admin: Actor) -> None:
    ruler = Client()
    ruler.force_login(User.objects.get(pk=admin.id))
    assert "Two-step sign-in" in ruler.get("/settings/people").content.decode()
    assert {one["username"]: one["two_step"] for one in ruler.get("/api/v1/people").json()}["dora"] is True
    token = create_token(actor=admin, name="ci")[1]
    answer = Client(headers={"authorization": f"Bearer {token}"}).delete("/api/v1/people/dora/two-step")
    assert (answer.status_code, answer.json()["two_step"]) == (200, False)
    assert get_person("dora").two_step is False  # type: ignore[attr-defined]


def test_whoever_has_the_data_directory_resets_it(protected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert on_the_server(["nobody"]) == 1
    assert on_the_server(["dora"]) == 0
    assert "two-step sign-in is off" in capsys.readouterr().out
    event = Event.objects.get(verb="person.two_step_reset")
    assert (event.door, event.identified_by) == ("cli", "data directory")
    assert on_the_server(["dora"]) == 0
    assert Event.objects.filter(verb="person.two_step_reset").count() == 1


# Where everybody must use it


@pytest.fixture
def required(admin: Actor) -> None:
    set_password_policy(actor=admin, passwords="everybody", emergency=[], two_step_required=True)


def test_whoever_lacks_it_can_do_nothing_but_set_it_up(dora: Actor, phone: Phone, required: None) -> None:
    client = with_password()
    assert client.get(HOME).headers["Location"] == PAGE
    for place in ("/settings/profile", "/settings/tokens", "/access/enter?host=x", "/live?topics=home", "/palette"):
        answer = client.get(place)
        assert answer.status_code == 302, place
        assert answer.headers["Location"].startswith(f"{PAGE}?next="), place
    assert client.post("/settings/tokens", {"name": "mine"}).headers["Location"].startswith(PAGE)
    answer = client.get("/api/v1/me")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (403, "second_step_missing")
    page = client.get(f"{PAGE}?next=/releases/").content.decode()
    assert "Everybody must use it here." in page
    phone.secret = re.search(r'data-copy="([A-Z2-7]{32})"', page)[1]  # type: ignore[index]
    form = {"code": phone.code(), "password": PASSWORD, "next": "/releases/"}
    assert client.post(f"{PAGE}/on", {**form, "code": "000000"}).status_code == 422
    made = client.post(f"{PAGE}/on", form)
    assert made.status_code == 201
    assert 'href="/releases/"' in made.content.decode()
    assert is_inside(client)


def test_no_other_page_asks_who_is_there_without_asking_for_the_second_step() -> None:
    """`needs` asks for it. Whoever calls `actor_if_signed_in` themselves must: these do, or show nothing of anybody's."""
    source = Path(fairway.__file__).parent
    asking = {str(one.relative_to(source)) for one in source.rglob("*.py") if "actor_if_signed_in(" in one.read_text()}
    assert asking == {
        "accounts/adapter.py",  # signing out
        "accounts/permissions.py",
        "web/context.py",  # the bar: their own name and roles
        "web/views/home.py",  # it asks
        "web/views/sign_in.py",  # connecting a provider, which `locked_account` refuses
    }


def test_it_holds_for_sessions_that_began_before(dora: Actor, admin: Actor) -> None:
    client = with_password()
    actor = _actor_of(client)
    set_password_policy(actor=admin, passwords="everybody", emergency=[], two_step_required=True)
    assert client.get(HOME).headers["Location"].startswith(PAGE)
    with pytest.raises(Blocked):
        create_token(actor=actor, name="quick")
    event = Event.objects.get(verb="sign_in.two_step_set")
    assert (event.before, event.after) == ({"required": False}, {"required": True})
    set_password_policy(actor=admin, passwords="everybody", emergency=[], two_step_required=False)
    assert is_inside(client)


def test_saying_nothing_of_it_leaves_it(admin: Actor, required: None) -> None:
    row = set_password_policy(actor=admin, passwords="everybody", emergency=[])
    assert row.two_step_required is True
    assert Event.objects.filter(verb="sign_in.two_step_set").count() == 1


def test_two_who_change_it_at_once(admin: Actor, required: None) -> None:
    from fairway.activity.changes import Changed

    seen = newest_event()[0]
    set_password_policy(actor=admin, passwords="everybody", emergency=[], two_step_required=False)
    with pytest.raises(Changed):
        set_password_policy(actor=admin, passwords="everybody", emergency=[], two_step_required=True, as_of=seen)


def test_it_cannot_be_turned_off_then(protected: list[str], phone: Phone, required: None) -> None:
    client = with_password()
    client.post(STEP, {"code": phone.code()})
    assert is_inside(client)
    assert client.post(f"{PAGE}/off", {"password": PASSWORD}).status_code == 409
    assert has_two_steps(account())


def test_tokens_go_on(dora: Actor, required: None) -> None:
    secret = create_token(actor=dora, name="ci")[1]
    assert Client(headers={"authorization": f"Bearer {secret}"}).get("/api/v1/me").status_code == 200


def test_a_provider_is_believed(dora: Actor, required: None) -> None:
    """Whoever came with one is not asked; see tests/web/test_sign_in.py for how they come."""
    from allauth.account.adapter import get_adapter
    from django.contrib.sessions.backends.db import SessionStore
    from django.test import RequestFactory

    LinkedIdentity.objects.create(user=account(), issuer="https://login.test", subject="1", last_used_at=timezone.now())
    request = RequestFactory().get("/")
    request.session = SessionStore()
    get_adapter().login_by(request, account(), "provider company")
    request.session.save()
    client = Client()
    client.cookies["fairway_session"] = request.session.session_key or ""
    assert is_inside(client)


def test_the_page_of_the_policy_saves_it(admin: Actor) -> None:
    ruler = Client()
    ruler.force_login(User.objects.get(pk=admin.id))
    form = {"passwords": "everybody", "two_step_required": "on"}
    assert ruler.post("/settings/sign-in/passwords", form).status_code == 302
    assert ruler.get("/settings/sign-in").headers["Location"].startswith(PAGE), "also for who decided so"
    assert reset_two_step(actor=SYSTEM, user=User.objects.get(pk=admin.id)) is False
