"""Rows written before names were user names get the account behind them; where nobody can tell which, that is said."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import transaction

from fairway.accounts.models import User
from fairway.accounts.naming import name_accounts
from fairway.accounts.rules import Role
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.activity.queries import verify
from fairway.activity.rules import On, Who
from fairway.applications.models import Application
from fairway.environments.models import Environment
from tests.conftest import make_person
from tests.web.conftest import live

pytestmark = pytest.mark.django_db


def acted(number: int | None, name: str) -> None:
    with transaction.atomic():
        record(who=Who(id=number, name=name), verb="upload.stored", on=On("upload", 1, "something"))


def made_by(hello: Application, name: str) -> str:
    Application.objects.filter(pk=hello.pk).update(created_by=name)
    name_accounts(apps, None)
    hello.refresh_from_db()
    return hello.created_by


def test_a_name_that_one_account_acted_under_becomes_its_user_name(hello):
    acted(make_person("ada", Role.ADMIN).id, "Ada Lovelace")
    assert made_by(hello, "Ada Lovelace") == "ada"


def test_a_name_that_two_accounts_acted_under_is_put_into_quotation_marks(hello):
    """A viewer had called themselves like the administrator: nobody can tell any more who it was."""
    acted(make_person("ada", Role.ADMIN).id, "ada")
    acted(make_person("mallory", Role.VIEWER).id, "ada")
    assert made_by(hello, "ada") == "“ada”"


def test_a_name_nobody_is_known_to_have_had_is_put_into_quotation_marks(hello):
    assert made_by(hello, "somebody") == "“somebody”"


def test_what_fairway_did_itself_stays_its_own(hello):
    assert made_by(hello, "Fairway") == "Fairway"


def test_rows_that_know_the_account_s_number_follow_it(hello, staging):
    ada, mallory = make_person("ada", Role.ADMIN), make_person("mallory", Role.DEPLOYER)
    acted(ada.id, "ada")
    Environment.objects.filter(pk=staging.pk).update(locked_by="ada", locked_by_id=mallory.id)
    one = live(hello, staging, actor=mallory)
    type(one).objects.filter(pk=one.pk).update(requested_by="ada")
    name_accounts(apps, None)
    staging.refresh_from_db()
    one.refresh_from_db()
    assert (staging.locked_by, one.requested_by) == ("mallory", "mallory")


def test_doing_it_again_changes_nothing_and_the_chain_is_left_alone(hello):
    acted(make_person("ada", Role.ADMIN).id, "Ada Lovelace")
    User.objects.filter(username="ada").update(first_name="Ada Lovelace")
    before = list(Event.objects.values_list("actor_name", "hash"))
    assert made_by(hello, "Ada Lovelace") == "ada"
    assert made_by(hello, "ada") == "ada"
    assert list(Event.objects.values_list("actor_name", "hash")) == before
    assert verify().is_intact
