import pytest

from fairway.accounts.rules import (
    ROLES_FOR,
    Act,
    Actor,
    Grant,
    Role,
    may,
    may_somewhere,
    roles_one_may_act_as,
    token_is_well_formed,
)
from fairway.accounts.secrets import new_token


def actor(*grants: Grant, acting_as: Role | None = None) -> Actor:
    return Actor(id=1, name="Ada", grants=grants, acting_as=acting_as)


def test_every_act_names_who_may():
    assert set(ROLES_FOR) == set(Act)


def test_a_viewer_only_views():
    viewer = actor(Grant(Role.VIEWER))
    only_looks = {Act.VIEW, Act.TRY_RESOURCE, Act.OWN_ACCOUNT, Act.CHANGE_ACCOUNT}
    assert {act for act in Act if may(viewer, act)} == {*only_looks, Act.APPROVE}, (
        "whose approval counts is said by each environment"
    )


def test_nobody_without_a_role_may_anything():
    assert not [act for act in Act if may_somewhere(actor(), act)]


@pytest.mark.parametrize(
    ("role", "act", "allowed"),
    [
        (Role.DEPLOYER, Act.DEPLOY, True),
        (Role.DEPLOYER, Act.LOCK_ENVIRONMENT, False),
        (Role.DEPLOYER, Act.CREATE_ENVIRONMENT, False),
        (Role.RELEASE_MANAGER, Act.LOCK_ENVIRONMENT, True),
        (Role.RELEASE_MANAGER, Act.DEPLOY, False),
        (Role.RELEASE_MANAGER, Act.CREATE_ENVIRONMENT, False),
        (Role.ADMIN, Act.CREATE_ENVIRONMENT, True),
        (Role.ADMIN, Act.BREAK_GLASS, True),
        (Role.DEPLOYER, Act.BREAK_GLASS, False),
    ],
)
def test_the_seed_table_of_roles_holds(role, act, allowed):
    assert may(actor(Grant(role)), act) is allowed


def test_a_narrowed_grant_reaches_only_its_environment_and_application():
    narrowed = actor(Grant(Role.DEPLOYER, environment="staging", application="hello"))
    assert may(narrowed, Act.DEPLOY, application="hello", environment="staging")
    assert not may(narrowed, Act.DEPLOY, application="hello", environment="production")
    assert not may(narrowed, Act.DEPLOY, application="other", environment="staging")
    assert not may(narrowed, Act.CREATE_APPLICATION)


def test_acting_as_only_narrows():
    admin = actor(Grant(Role.ADMIN), acting_as=Role.VIEWER)
    assert not may(admin, Act.DEPLOY)
    viewer = actor(Grant(Role.VIEWER), acting_as=Role.ADMIN)
    assert not [act for act in Act if may(viewer, act)]


def test_a_deployer_acting_as_viewer_keeps_the_scope_of_the_grant():
    narrowed = actor(Grant(Role.DEPLOYER, environment="staging"), acting_as=Role.VIEWER)
    assert may(narrowed, Act.VIEW, environment="staging")
    assert not may(narrowed, Act.VIEW, environment="production")


def test_the_menu_offers_the_roles_one_holds_or_contains():
    assert roles_one_may_act_as([Grant(Role.ADMIN)]) == list(Role)
    assert roles_one_may_act_as([Grant(Role.DEPLOYER)]) == [Role.DEPLOYER, Role.VIEWER]


def test_a_token_is_recognised_by_its_shape():
    assert token_is_well_formed(new_token())
    assert not token_is_well_formed("fwy_short")
    assert not token_is_well_formed("x" * 47)
