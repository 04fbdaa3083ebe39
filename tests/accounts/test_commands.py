from datetime import timedelta

import pytest
from django.utils import timezone

from fairway.accounts import commands, tokens
from fairway.accounts.access import replace_password
from fairway.accounts.models import ApiToken, OneTimeLink, RoleGrant, User
from fairway.accounts.queries import actor_of_request, token_owner, visible_events
from fairway.accounts.rules import Blocked, Role
from fairway.activity.models import Event
from fairway.shared.names import Invalid
from tests.conftest import make_person

PASSWORD = "correct horse battery"


def test_the_first_administrator_comes_in_by_a_link_that_works_once(db):
    link = commands.ensure_first_link()
    user = commands.create_first_administrator(link=link, username="ada", password=PASSWORD)
    assert RoleGrant.objects.get(user=user).role == Role.ADMIN
    assert commands.ensure_first_link() is None
    with pytest.raises(Invalid, match="used"):
        commands.create_first_administrator(link=link, username="eve", password=PASSWORD)
    assert [event.verb for event in Event.objects.all()] == ["person.first_administrator_created"]


def test_starting_again_replaces_the_unused_link(db):
    old, new = commands.ensure_first_link(), commands.ensure_first_link()
    with pytest.raises(Invalid):
        commands.create_first_administrator(link=old, username="ada", password=PASSWORD)
    commands.create_first_administrator(link=new, username="ada", password=PASSWORD)


@pytest.mark.parametrize(
    ("username", "password", "field"),
    [("a b", PASSWORD, "username"), ("", PASSWORD, "username"), ("ada", "short", "password")],
)
def test_a_bad_first_administrator_changes_nothing(db, username, password, field):
    link = commands.ensure_first_link()
    with pytest.raises(Invalid) as refused:
        commands.create_first_administrator(link=link, username=username, password=password)
    assert refused.value.field == field
    assert not User.objects.exists()
    assert OneTimeLink.objects.get().used_at is None


def test_an_invitation_belongs_to_the_person_it_was_made_for(admin):
    user, link = commands.create_person(actor=admin, username="grace", roles=["viewer"])
    assert not user.has_usable_password()
    assert commands.accept_invitation(link=link, password=PASSWORD) == user
    with pytest.raises(Invalid):
        commands.accept_invitation(link=link, password=PASSWORD)


def test_an_expired_invitation_is_refused(admin):
    _user, link = commands.create_person(actor=admin, username="grace")
    OneTimeLink.objects.update(expires_at=timezone.now())
    with pytest.raises(Invalid, match="expired"):
        commands.accept_invitation(link=link, password=PASSWORD)


def test_only_an_admin_manages_people(deployer, manager, viewer):
    for actor in (deployer, manager, viewer):
        with pytest.raises(Blocked) as refused:
            commands.create_person(actor=actor, username="eve")
        assert [blocker.code for blocker in refused.value.blockers] == ["role"]
    assert not User.objects.filter(username="eve").exists()


def test_the_last_administrator_cannot_be_unmade(admin):
    user = User.objects.get(pk=admin.id)
    for act in (
        lambda: commands.set_roles(actor=admin, user=user, grants=[("viewer", None, None)]),
        lambda: commands.set_active(actor=admin, user=user, is_active=False),
    ):
        with pytest.raises(Blocked, match="Admin"):
            act()
    user.refresh_from_db()
    assert user.is_active
    assert RoleGrant.objects.get(user=user).role == Role.ADMIN


def test_a_token_is_kept_only_as_a_hash_and_can_be_revoked(deployer):
    token, text = tokens.create_token(actor=deployer, name="ci")
    assert text not in str(ApiToken.objects.values())
    assert token_owner(text) == token
    tokens.revoke_token(actor=deployer, token_id=token.pk)
    assert token_owner(text) is None


def test_what_a_token_asked_for_ends_with_it_when_it_is_revoked_and_not_when_its_time_is_over(deployer):
    def may(token):
        return bool(actor_of_request(deployer.id, deployer.name, "api", "", token=token.pk).grants)

    revoked, late, old = (tokens.create_token(actor=deployer, name=name)[0] for name in ("revoked", "late", "old"))
    assert may(revoked)
    tokens.revoke_token(actor=deployer, token_id=revoked.pk)
    ApiToken.objects.filter(pk=late.pk).update(expires_at=timezone.now())
    assert (may(revoked), may(late), may(old)) == (False, True, True)
    replace_password(User.objects.get(pk=deployer.id), "another good one")
    assert not may(old)


def test_nobody_revokes_another_persons_token(deployer, viewer):
    token, text = tokens.create_token(actor=deployer, name="ci")
    tokens.revoke_token(actor=viewer, token_id=token.pk)
    assert token_owner(text) is not None


def test_an_expired_token_or_a_deactivated_owner_opens_nothing(admin, deployer):
    old, expired = tokens.create_token(actor=deployer, name="old", expires_at=timezone.now() + timedelta(days=1))
    ApiToken.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    assert token_owner(expired) is None
    _token, text = tokens.create_token(actor=deployer, name="ci")
    commands.set_active(actor=admin, user=User.objects.get(pk=deployer.id), is_active=False)
    assert token_owner(text) is None


def test_events_outside_a_narrowed_grant_are_not_seen(admin, staging, production):
    from fairway.environments.commands import lock_environment

    lock_environment(actor=admin, environment=staging, reason="x")
    lock_environment(actor=admin, environment=production, reason="x")
    narrowed = make_person("nora", Role.VIEWER, environment=staging)
    seen = visible_events(narrowed, Event.objects.all())
    assert {event.environment for event in seen} == {"staging"}
