"""What people may do themselves, told to people with two narrowed grants: it names nothing that is not theirs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction

from fairway.environments.models import Environment
from tests.scopes.model import pairs_of_scopes
from tests.scopes.test_every_door import granted, grants_of
from tests.scopes.world import World, build, person_with

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker) -> Iterator[World]:
    with django_db_blocker.unblock(), transaction.atomic():
        made = build()
        Environment.objects.update(deploy_people=["boss"], approval_roles=["admin"])  # rules that are told of as well
        yield made
        transaction.set_rollback(True)


@pytest.mark.parametrize("scopes", pairs_of_scopes(), ids=str)
def test_ones_own_rights_name_only_what_one_sees(world: World, scopes) -> None:
    grants = grants_of(scopes, ("deployer", "viewer"))
    _, client = person_with(grants, world, f"own-{abs(hash(scopes))}")
    own = granted(world, grants, set(world.words))
    for url in ("/settings/profile", "/api/v1/me/rights"):
        answer = client.get(url)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert world.found_in(text) <= own, url
        hidden = {one.slug for one in world.environments.values() if f"place-{one.slug}-x" not in own}
        assert not [slug for slug in hidden if slug in text], url
    places = {word for word in own if word.startswith("place-")}
    assert places <= world.found_in(client.get("/settings/profile").content.decode())
