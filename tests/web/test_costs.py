"""What an environment costs is said on its page, and what applications cost is read."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from fairway.accounts.rules import Role
from fairway.environments.models import Environment
from fairway.monitoring.models import Price
from tests.conftest import make_person
from tests.web.conftest import Browser

pytestmark = pytest.mark.django_db
PRICES = "/environments/staging/prices"


def test_an_administrator_says_what_an_environment_costs(staging: Environment, browse: Browser) -> None:
    ada: Client = browse(make_person("ada", Role.ADMIN))
    assert PRICES in ada.get("/costs/").content.decode()
    assert PRICES in ada.get("/environments/staging/").content.decode()
    given = {"begins": "2026-03-01", "currency": "eur", "cpu_hour": "0.012", "memory_gb_hour": "", "month": "90"}
    saved = ada.post(PRICES, given, follow=True)
    assert "Saved" in saved.content.decode()
    assert ("<span>0.012</span>" in saved.content.decode(), "<span>90</span>" in saved.content.decode()) == (True, True)
    price = Price.objects.get()
    assert (price.currency, str(price.cpu_hour), str(price.month)) == ("EUR", "0.012000", "90.00")
    again = ada.post(PRICES, {**given, "begins": "2026-02-01"})
    assert (again.status_code, "Must not lie in the past" in again.content.decode()) == (422, True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"currency": "euros"}, "three letters"),
        ({"cpu_hour": "-1"}, "number from 0"),
        ({"cpu_hour": "much"}, "number"),
        ({"month": "1e9"}, "number from 0"),
        ({"begins": "soon"}, "date"),
        ({"currency": ""}, "required"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(
    staging: Environment, browse: Browser, wrong: dict[str, str], words: str
) -> None:
    ada = browse(make_person("ada", Role.ADMIN))
    answer = ada.post(PRICES, {"currency": "EUR", "cpu_hour": "0.01", **wrong})
    assert answer.status_code == 422
    assert words in unescape(answer.content.decode())
    assert not Price.objects.exists()


def test_others_look_only(staging: Environment, browse: Browser) -> None:
    dora = browse(make_person("dora", Role.DEPLOYER))
    shown = dora.get(PRICES).content.decode()
    assert ("New price" in shown, "Admin" in shown) == (False, True)
    assert dora.post(PRICES, {"currency": "EUR", "cpu_hour": "1"}).status_code == 403
    assert not Price.objects.exists()
