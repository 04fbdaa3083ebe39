"""A service account works with tokens that end, cannot sign in by any way, and decides nothing that people must decide."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from fairway.accounts.access import refresh_actors
from fairway.accounts.commands import (
    give_new_password,
    invite_again,
    refuse_no_way_in,
    set_active,
    set_roles,
)
from fairway.accounts.models import ApiToken, OneTimeLink, RoleGrant, User
from fairway.accounts.profiles import edit_person
from fairway.accounts.queries import actor_for, administrators, colleague, token_owner
from fairway.accounts.rules import ONLY_BY_PEOPLE, Act, Actor, Blocked, Role, may, why_not
from fairway.accounts.service_accounts import create_service_account, create_service_token, revoke_service_token
from fairway.accounts.tokens import create_token
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.environments.models import Environment
from fairway.shared.names import Invalid

SOON = timedelta(days=30)


@pytest.fixture
def robot(admin: Actor) -> User:
    grants = [(Role.DEPLOYER.value, None, None)]
    return create_service_account(actor=admin, username="robot", purpose="nightly deployments", grants=grants)


def token_for(admin: Actor, robot: User, **more: object) -> tuple[ApiToken, str]:
    return create_service_token(actor=admin, account=robot, name="night", expires_at=timezone.now() + SOON, **more)


def asked(text: str, path: str = "/api/v1/me") -> int:
    return Client().get(path, headers={"Authorization": f"Bearer {text}"}).status_code


def test_its_token_opens_the_api_and_events_name_it(admin: Actor, robot: User) -> None:
    _, text = token_for(admin, robot)
    bearer = {"Authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/me", headers=bearer).json()["username"] == "robot"
    made = Client().post("/api/v1/tokens", {"name": "x"}, content_type="application/json", headers=bearer)
    assert made.status_code == 201
    event = Event.objects.filter(verb="token.created").get()
    assert (event.actor_name, event.actor_id, event.identified_by) == ("robot", robot.pk, "token night")
    about = Event.objects.filter(subject_kind="person", subject_id=str(robot.pk)).order_by("pk")
    assert list(about.values_list("verb", flat=True)) == [
        "service_account.created",
        "person.roles_set",
        "service_account.token_created",
    ]


def test_its_token_opens_no_page(admin: Actor, robot: User) -> None:
    _, text = token_for(admin, robot)
    assert asked(text, "/applications/") == 403
    assert asked(text, "/settings/profile") == 403


def test_no_session_of_it_can_exist(robot: User) -> None:
    """Also not one that something put into the database, by mistake or on purpose."""
    browser = Client()
    browser.force_login(robot)
    assert browser.get("/").status_code == 302
    assert browser.get("/api/v1/me").status_code == 401
    actor = actor_for(robot, door=Door.WEB, session=browser.session.session_key or "")
    assert refresh_actors([actor]) == [None]


@pytest.mark.parametrize("change", [{"password": "pbkdf2_sha256$1$a$b"}, {"email": "a@b.test"}, {"is_emergency": True}])
def test_the_database_refuses_it_a_way_to_sign_in(robot: User, change: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=robot.pk).update(**change)


def test_no_command_makes_it_a_way_to_sign_in(admin: Actor, robot: User) -> None:
    for command in (
        lambda: invite_again(actor=admin, user=robot),
        lambda: give_new_password(actor=admin, username="robot"),
        lambda: edit_person(actor=admin, user=robot, name="", email="robot@example.com", grants=[]),
    ):
        with pytest.raises(Invalid, match="service account"):
            command()
    assert not OneTimeLink.objects.filter(user=robot).exists()
    assert authenticate(username="robot", password="") is None


def test_deactivating_it_ends_its_tokens_for_good(admin: Actor, robot: User) -> None:
    _, text = token_for(admin, robot)
    assert asked(text) == 200
    set_active(actor=admin, user=robot, is_active=False)
    assert (asked(text), token_owner(text)) == (401, None)
    ended = Event.objects.get(verb="person.deactivated")
    assert ended.after["tokens_ended"] == ["night"]
    with pytest.raises(Invalid, match="deactivated"):
        token_for(admin, robot)
    set_active(actor=admin, user=robot, is_active=True)
    assert asked(text) == 401
    robot.refresh_from_db()
    assert asked(token_for(admin, robot)[1]) == 200


def test_its_token_is_revoked_with_those_made_with_it(admin: Actor, robot: User) -> None:
    token, text = token_for(admin, robot)
    bearer = {"Authorization": f"Bearer {text}"}
    child = Client().post("/api/v1/tokens", {"name": "x"}, content_type="application/json", headers=bearer).json()["token"]
    assert asked(child) == 200
    revoke_service_token(actor=admin, account=robot, token_id=token.pk)
    assert (asked(text), asked(child)) == (401, 401)
    assert Event.objects.get(verb="service_account.token_revoked").after == {"token": "night", "tokens": 2}
    revoke_service_token(actor=admin, account=robot, token_id=token.pk)  # again: no error, no event
    assert Event.objects.filter(verb="service_account.token_revoked").count() == 1


def test_every_token_of_it_ends(admin: Actor, robot: User) -> None:
    for end, field in ((None, "is missing"), (timezone.now() + timedelta(days=400), "more than a year")):
        with pytest.raises(Invalid, match=field) as refused:
            create_service_token(actor=admin, account=robot, name="night", expires_at=end)
        assert refused.value.field == "expires_at"


def test_a_token_narrows_and_never_widens(admin: Actor, robot: User, staging: Environment) -> None:
    with pytest.raises(Invalid, match="does not hold") as refused:
        token_for(admin, robot, role="admin")
    assert refused.value.field == "role"
    _, text = token_for(admin, robot, role="viewer", environment=staging)
    found = token_owner(text)
    assert found is not None
    actor = actor_for(found.user, door=Door.API, acting_as=found.role, token=found)
    assert may(actor, Act.VIEW, environment="staging")
    assert not may(actor, Act.VIEW, environment="production")
    assert not may(actor, Act.DEPLOY, environment="staging")


def test_what_an_administrator_makes_with_a_token_ends_with_it(admin: Actor, robot: User) -> None:
    own, text = create_token(actor=admin, name="mine", expires_at=timezone.now() + timedelta(days=5))
    found = token_owner(text)
    assert found is not None
    by_token = actor_for(found.user, door=Door.API, token=found)
    with pytest.raises(Invalid, match="lasts longer"):
        token_for(by_token, robot)
    made, _ = create_service_token(actor=by_token, account=robot, name="short", expires_at=None)
    assert (made.expires_at, made.made_with) == (own.expires_at, own)


def test_it_decides_nothing_that_people_must(admin: Actor, robot: User) -> None:
    RoleGrant.objects.create(user=robot, role=Role.ADMIN)
    actor = actor_for(robot, door=Door.API)
    refused = {act for act in Act if not may(actor, act)}
    assert refused == ONLY_BY_PEOPLE
    assert why_not(actor, Act.APPROVE).code == "service_account"
    assert all(may(admin, act) for act in ONLY_BY_PEOPLE)


def test_it_is_no_administrator_who_could_let_others_in(admin: Actor, robot: User) -> None:
    RoleGrant.objects.create(user=robot, role=Role.ADMIN)
    assert [one.username for one in administrators()] == ["ada"]
    with pytest.raises(Blocked) as refused:
        set_roles(actor=admin, user=User.objects.get(username="ada"), grants=[])
    assert refused.value.blockers[0].code == "last_administrator"
    refuse_no_way_in()


def test_it_is_nobodys_colleague(admin: Actor, robot: User) -> None:
    assert colleague(admin, "robot") is None
    assert colleague(admin, "ada") is not None


def test_only_administrators_make_them(deployer: Actor, admin: Actor, robot: User) -> None:
    for command in (
        lambda: create_service_account(actor=deployer, username="mine"),
        lambda: token_for(deployer, robot),
        lambda: revoke_service_token(actor=deployer, account=robot, token_id=1),
    ):
        with pytest.raises(Blocked):
            command()
    assert not User.objects.filter(username="mine").exists()


def test_a_token_is_not_made_for_a_person(admin: Actor, deployer: Actor) -> None:
    with pytest.raises(Invalid, match="is a person"):
        token_for(admin, User.objects.get(pk=deployer.id))
    assert not ApiToken.objects.exists()
