"""A token works while it, its owner and its owner's password stand (said twice, as a question and of one token), and may do
no more than it was limited to."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone

from fairway.accounts.access import refresh_actors
from fairway.accounts.models import ApiToken, RoleGrant, User
from fairway.accounts.queries import actor_for, actor_of_request, token_owner, working_tokens
from fairway.accounts.rules import Act, Actor, Grant, Role, limited, may
from fairway.accounts.tokens import create_token, forget_expired_tokens
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.shared.names import Invalid

LONG_AGO, LATER = timedelta(days=-1), timedelta(days=1)


@pytest.mark.parametrize(
    ("revoked", "expires", "is_active", "moved_on"),
    list(product((False, True), (None, LONG_AGO, LATER), (True, False), (False, True))),
)
def test_the_token_that_opens_the_api_is_one_that_works(
    admin: Actor, revoked: bool, expires: timedelta | None, is_active: bool, moved_on: bool
) -> None:
    token, text = create_token(actor=admin, name="one")
    token.revoked_at = timezone.now() if revoked else None
    token.expires_at = timezone.now() + expires if expires else None
    token.save()
    owner = User.objects.get(pk=admin.id)
    owner.is_active, owner.generation = is_active, token.generation + moved_on
    owner.save()
    works = not revoked and expires != LONG_AGO and is_active and not moved_on
    assert token_owner(text) == (token if works else None)
    assert working_tokens().filter(pk=token.pk).exists() == works


def through(text: str) -> Actor:
    """Who comes with this token."""
    token = token_owner(text)
    assert token is not None
    return actor_for(token.user, door=Door.API, acting_as=token.role, token=token)


@pytest.mark.parametrize(
    ("grant", "application", "environment", "left"),
    [
        (("", ""), "", "", ("", "")),
        (("", ""), "shop", "", ("shop", "")),
        (("", ""), "shop", "staging", ("shop", "staging")),
        (("shop", ""), "", "staging", ("shop", "staging")),
        (("shop", "staging"), "", "", ("shop", "staging")),
        (("shop", "staging"), "shop", "staging", ("shop", "staging")),
        (("shop", ""), "blog", "", None),
        (("shop", "staging"), "shop", "production", None),
        (("", "production"), "shop", "staging", None),
    ],
)
def test_what_is_left_of_a_grant(
    grant: tuple[str, str], application: str, environment: str, left: tuple[str, str] | None
) -> None:
    given = Grant(Role.DEPLOYER, application=grant[0], environment=grant[1])
    expected = () if left is None else (Grant(Role.DEPLOYER, application=left[0], environment=left[1]),)
    assert limited([given, given], application, environment) == expected


def test_a_limited_token_deploys_there_and_nowhere_else(admin: Actor, hello: Application, staging: Environment) -> None:
    token, text = create_token(actor=admin, name="ci", role="deployer", application=hello, environment=staging)
    actor = through(text)
    assert may(actor, Act.DEPLOY, application="hello", environment="staging")
    assert not may(actor, Act.DEPLOY, application="hello", environment="production")
    assert not may(actor, Act.DEPLOY, application="blog", environment="staging")
    assert not may(actor, Act.MANAGE_PEOPLE)
    assert not may(actor, Act.MANAGE_SYSTEM)
    (fresh,) = refresh_actors([actor])
    assert fresh is not None
    assert fresh.grants == actor.grants == (Grant(Role.ADMIN, "staging", "hello"),)
    later = actor_of_request(admin.id or 0, admin.name, Door.API, token.role, token=token.pk)
    assert later.grants == actor.grants, "what was requested with it begins with no more"
    after = Event.objects.get(verb="token.created").after
    assert (after["application"], after["environment"]) == ("hello", "staging")


def test_without_a_role_there_is_no_token(deployer: Actor, hello: Application, staging: Environment, production) -> None:
    RoleGrant.objects.filter(user_id=deployer.id).update(environment=production)
    only = actor_for(User.objects.get(pk=deployer.id), door=Door.WEB)
    with pytest.raises(Invalid, match="no role there"):
        create_token(actor=only, name="ci", environment=staging)
    with pytest.raises(Invalid, match="can only narrow"):
        create_token(actor=only, name="ci", environment=production, role="admin")


def test_a_token_made_with_a_limited_one_is_limited_too(
    admin: Actor, hello: Application, staging: Environment, production: Environment
) -> None:
    _, text = create_token(actor=admin, name="ci", environment=staging)
    _, child = create_token(actor=through(text), name="child", application=hello)
    assert through(child).grants == (Grant(Role.ADMIN, "staging", "hello"),)
    with pytest.raises(Invalid, match="to which your token is limited"):
        create_token(actor=through(text), name="child", environment=production)


def test_a_token_for_something_deleted_can_do_nothing(admin: Actor, hello: Application, staging: Environment) -> None:
    """Another application may get the same name."""
    _, text = create_token(actor=admin, name="ci", application=hello)
    Application.objects.filter(pk=hello.pk).update(deleted_at=timezone.now())
    assert through(text).grants == ()


def test_tokens_are_forgotten_a_month_after_they_expired(admin: Actor) -> None:
    for name, days in (("long ago", -31), ("lately", -29), ("later", 1), ("never", None)):
        token, _ = create_token(actor=admin, name=name)
        ApiToken.objects.filter(pk=token.pk).update(expires_at=days and timezone.now() + timedelta(days=days))
    assert forget_expired_tokens() == 1
    assert set(ApiToken.objects.values_list("name", flat=True)) == {"lately", "later", "never"}
