"""Groups of a provider give roles where the mapping says, at each sign-in; what it gives no longer is taken at once."""

from __future__ import annotations

import pytest
from django.utils import timezone

from fairway.accounts.group_roles import shown
from fairway.accounts.models import LinkedIdentity, RoleGrant, SignInProvider, User
from fairway.accounts.provider_commands import save_provider
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Act, Actor, Blocked, Role, may
from fairway.accounts.signing_in import let_in
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.applications.commands import create_application
from fairway.drivers.identity.contract import Identity
from fairway.environments.models import Environment
from fairway.shared.names import Invalid
from tests.conftest import make_environment

pytestmark = pytest.mark.django_db
ISSUER = "https://login.example.com"
MAPPING = [("dev", "deployer@staging"), ("dev", "viewer"), ("ops", "admin"), ("shop", "deployer@staging/shop")]


@pytest.fixture
def places(admin: Actor, staging: Environment) -> dict[str, object]:
    source = {"image": "registry.test/shop:1"}
    shop = create_application(actor=admin, slug="shop", name="Shop", source_kind="image", source=source)
    return {"staging": staging, "shop": shop}


def saved(admin: Actor, roles: list[tuple[str, str]]) -> SignInProvider:
    return save_provider(
        actor=admin, slug="company", name="Company", issuer=ISSUER, client_id="fairway", secret="hush hush",
        groups_claim="groups", roles=roles, admits="anybody",
    )  # fmt: skip


def comes(provider: SignInProvider, *groups: str, subject: str = "1") -> User:
    """Somebody signs in who is in these groups."""
    return let_in(
        provider=provider, identity=Identity(ISSUER, subject, username=f"grace{subject}", groups=frozenset(groups))
    )


def held(user: User) -> set[tuple[str, str, str]]:
    rows = RoleGrant.objects.filter(user=user).values_list("role", "environment__slug", "application__slug")
    return {(role, environment or "", application or "") for role, environment, application in rows}


def test_roles_hold_where_the_mapping_says(admin: Actor, places: dict) -> None:
    provider = saved(admin, MAPPING)
    grace = comes(provider, "dev", "unknown")
    assert held(grace) == {("deployer", "staging", ""), ("viewer", "", "")}
    actor = actor_for(grace, door=Door.WEB)
    assert may(actor, Act.DEPLOY, environment="staging", application="shop")
    assert not may(actor, Act.DEPLOY, environment="production", application="shop")
    assert LinkedIdentity.objects.get(user=grace).groups == ["dev"]  # of “unknown” nothing is remembered
    one = comes(provider, "shop", subject="2")
    assert held(one) == {("deployer", "staging", "shop")}
    comes(provider, "shop")
    assert held(grace) == {("deployer", "staging", "shop")}
    changed = Event.objects.filter(verb="person.roles_set", subject_id=str(grace.pk)).latest("pk")
    assert (changed.before["roles"], changed.after) == (
        ["deployer in staging", "viewer"],
        {"roles": ["deployer in staging of shop"], "by_groups_of": "Company"},
    )


def test_what_is_removed_is_taken_at_once_and_from_nobody_else(admin: Actor, places: dict) -> None:
    provider = saved(admin, MAPPING)
    grace, other = comes(provider, "dev"), comes(provider, "shop", subject="2")
    RoleGrant.objects.create(user=grace, role=Role.RELEASE_MANAGER)  # by hand
    saved(admin, [one for one in MAPPING if one != ("dev", "deployer@staging")])
    assert held(grace) == {("viewer", "", ""), ("release_manager", "", "")}
    assert held(other) == {("deployer", "staging", "shop")}
    event = Event.objects.get(verb="person.roles_set", actor_name="ada")
    assert (event.subject_label, event.after["by_groups_of"]) == (grace.username, "Company")


def test_what_another_group_of_theirs_gives_stays(admin: Actor, places: dict) -> None:
    """Two groups give the same; whoever is in both keeps it, whoever is in the removed one only loses it."""
    provider = saved(admin, [("dev", "viewer"), ("ops", "viewer")])
    both, only = comes(provider, "dev", "ops"), comes(provider, "dev", subject="2")
    saved(admin, [("ops", "viewer")])
    assert (held(both), held(only)) == ({("viewer", "", "")}, set())


def test_what_is_new_waits_for_the_next_sign_in(admin: Actor, places: dict) -> None:
    provider = saved(admin, [("dev", "viewer")])
    grace = comes(provider, "dev")
    provider = saved(admin, [("dev", "viewer"), ("dev", "deployer@staging")])
    assert held(grace) == {("viewer", "", "")}
    comes(provider, "dev")
    assert held(grace) == {("viewer", "", ""), ("deployer", "staging", "")}


def test_of_whom_no_groups_are_known_only_what_no_group_gives_is_taken(admin: Actor, places: dict) -> None:
    provider = saved(admin, [("dev", "viewer"), ("ops", "deployer")])
    grace = comes(provider, "dev", "ops")
    LinkedIdentity.objects.update(groups=None)
    saved(admin, [("dev", "viewer")])
    assert held(grace) == {("viewer", "", "")}


def test_something_else_with_the_same_name_is_not_meant(admin: Actor, places: dict) -> None:
    provider = saved(admin, MAPPING)
    places["staging"].deleted_at = timezone.now()
    places["staging"].slug = "staging-was"
    places["staging"].save()
    make_environment("staging", position=30)
    grace = comes(provider, "dev")
    actor = actor_for(grace, door=Door.WEB)
    assert not may(actor, Act.DEPLOY, environment="staging", application="shop")
    assert [(one.group, one.grant) for one in shown(provider)] == [("dev", "viewer"), ("ops", "admin")]


def test_the_last_administrator_is_not_taken(admin: Actor, places: dict) -> None:
    provider = saved(admin, MAPPING)
    grace = comes(provider, "ops")
    User.objects.filter(pk=admin.id).update(is_active=False)
    boss = actor_for(grace, door=Door.WEB)
    with pytest.raises(Blocked) as refused:
        saved(boss, [("dev", "viewer")])
    assert refused.value.blockers[0].code == "last_administrator"
    assert held(grace) == {("admin", "", "")}


@pytest.mark.parametrize(
    ("grant", "says"),
    [
        ("owner", "is not a role"),
        ("deployer@moon", "no environment"),
        ("deployer/moon", "no application"),
        ("deployer@staging/moon", "no application"),
    ],
)
def test_bad_input_says_what_is_wrong_and_changes_nothing(admin: Actor, places: dict, grant: str, says: str) -> None:
    saved(admin, MAPPING)
    with pytest.raises(Invalid, match=says) as refused:
        saved(admin, [("dev", grant)])
    assert refused.value.field == "roles"
    assert [(one.group, one.grant) for one in shown(SignInProvider.objects.get())] == MAPPING
