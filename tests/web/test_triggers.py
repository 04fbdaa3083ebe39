"""The pages of deploy on push: the section of the tab, the form, the secret that is shown once, and what came."""

from __future__ import annotations

from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.rules import SYSTEM, Role
from fairway.applications.models import Application
from fairway.deployments.models import Deployment
from fairway.environments.models import Environment
from fairway.pipelines.models import Trigger, WebhookDelivery
from tests.conftest import make_environment, make_person
from tests.pipelines.conftest import Sender, connect, forge, hook_app, push, sender_for, workflows
from tests.services.forge import FakeForge, Trick
from tests.web.conftest import Browser

__all__ = ["forge", "hook_app", "workflows"]  # fixtures
TAB = "/applications/hello/deployments"
NEW = "/applications/hello/triggers/new"
GIVEN = {"environment": "staging", "ref_kind": "branch", "pattern": "main", "paths": "shop/\n\nlib"}


@pytest.fixture
def dora(db: None, browse: Browser) -> Client:
    return browse(make_person("dora", Role.DEPLOYER))


@pytest.fixture
def vera(db: None, browse: Browser) -> Client:
    return browse(make_person("vera", Role.VIEWER))


def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return unescape(answer.content.decode())


def test_where_the_forge_is_connected_the_webhook_is_there_at_once(
    dora: Client, vera: Client, hook_app: Application, staging: Environment, forge: FakeForge
) -> None:
    connect(forge, hook_app)
    answer = dora.post(NEW, GIVEN, follow=True)
    page, trigger = unescape(answer.content.decode()), Trigger.objects.get()
    assert "the next push is deployed" in page
    assert "whsec_" not in page, "nobody has to copy it"
    assert [one["config"]["url"] for one in forge.hooks.values()] == [trigger.url]
    here = f"/triggers/{trigger.pk}/webhook"
    for client, may in ((dora, True), (vera, False)):
        shown = text_of(client, here)
        assert "no answer" not in shown
        assert ("502" in shown, "Send again" in shown) == (True, may)
    assert "sends it again" in dora.post(f"{here}/sent/9/again", follow=True).content.decode()
    assert forge.redelivered == ["9"]
    renewed = unescape(dora.post(f"/triggers/{trigger.pk}/secret", follow=True).content.decode())
    assert ("the forge has it" in renewed, "whsec_" in renewed) == (True, False)
    assert "is installed" in dora.post(here, follow=True).content.decode()
    assert vera.post(here).status_code == 403
    dora.post(f"{here}/removal", {"confirm": "wrong"})
    assert forge.hooks
    dora.post(f"{here}/removal", {"confirm": "main"})
    assert forge.hooks == {}


def test_where_it_cannot_be_installed_the_secret_and_the_reason_are_shown(
    dora: Client, hook_app: Application, staging: Environment, forge: FakeForge
) -> None:
    connect(forge, hook_app)
    forge.rights -= {"hooks"}
    made = dora.post(NEW, GIVEN)
    page = unescape(made.content.decode())
    assert (made.status_code, "admin:repo_hook" in page, "whsec_" in page) == (201, True, True)
    forge.rights |= {"hooks"}
    trigger = Trigger.objects.get()
    dora.post(f"/triggers/{trigger.pk}/webhook")
    forge.will(Trick(status=503))
    renewed = unescape(dora.post(f"/triggers/{trigger.pk}/secret").content.decode())
    assert ("503" in renewed, "whsec_" in renewed) == (True, True)
    forge.will(Trick(status=503))
    gone = dora.post(f"/triggers/{trigger.pk}/deletion", {"confirm": "main"}, follow=True)
    assert "delete it there" in gone.content.decode()
    assert Trigger.objects.get().deleted_at


def test_it_is_set_up_and_the_secret_is_shown_once(dora: Client, hook_app: Application, staging: Environment) -> None:
    assert NEW in text_of(dora, TAB)
    assert "staging" in text_of(dora, NEW)
    made = dora.post(NEW, GIVEN)
    assert made.status_code == 201
    trigger = Trigger.objects.get()
    assert (trigger.pattern, trigger.paths, trigger.saved_by) == ("main", ["shop/", "lib"], "dora")
    page = unescape(made.content.decode())
    assert "whsec_" in page
    assert f"/hooks/{trigger.public_id}" in page
    assert made["Cache-Control"].find("no-store") >= 0
    again = text_of(dora, f"/triggers/{trigger.pk}")
    assert "whsec_" not in again
    assert f"/hooks/{trigger.public_id}" in again
    assert "Set FAIRWAY_PUBLIC_URL" in again, "nobody else reaches localhost"
    tab = text_of(dora, TAB)
    assert f"/triggers/{trigger.pk}" in tab
    assert dora.post(NEW, GIVEN).status_code == 422, "each environment has one of pushes"
    assert dora.post(NEW, {**GIVEN, "ref_kind": "request", "paths": ""}).status_code == 201
    assert NEW not in text_of(dora, TAB), "and one of requests"


def test_what_is_wrong_is_said_beside_its_field(dora: Client, hook_app: Application, staging: Environment) -> None:
    answer = dora.post(NEW, {**GIVEN, "pattern": "refs/heads/main"})
    assert answer.status_code == 422
    assert "give the name alone" in unescape(answer.content.decode())
    assert dora.post(NEW, {**GIVEN, "environment": "nowhere"}).status_code == 422
    assert not Trigger.objects.exists()


def test_what_came_is_listed_with_what_became_of_it(
    dora: Client, vera: Client, hook_app: Application, staging: Environment
) -> None:
    sender = sender_for(hook_app, staging)
    sender.send(push(number=0x6113728 << 132))
    sender.work()
    sender.send(push("refs/heads/other"))
    sender.send(push(), X_Hub_Signature_256="sha256=0")
    number = Deployment.objects.get().pk
    for client in (dora, vera):
        for place in (TAB, f"/triggers/{sender.trigger.pk}"):
            page = text_of(client, place)
            assert f"/deployments/{number}" in page
            assert "The branch other is not one that is deployed here." in page
            assert "Its signature is wrong" in page
            assert "GitHub" in page
    assert WebhookDelivery.objects.count() == 3


def test_the_page_says_in_french_why_nothing_is_deployed(
    dora: Client, browse: Browser, admin, hook_app: Application, staging: Environment
) -> None:
    person = make_person("grace", Role.DEPLOYER)
    sender = sender_for(hook_app, staging, person)
    RoleGrant.objects.filter(user=User.objects.get(username="grace")).delete()
    browser = browse(admin)
    for place in (TAB, f"/triggers/{sender.trigger.pk}"):
        assert "grace, who set this up, may no longer deploy here" in text_of(browser, place)
    browser.cookies["fairway_language"] = "fr"
    assert "grace, qui a mis ceci en place, ne peut plus déployer ici" in text_of(browser, TAB)
    answer = browser.post(f"/triggers/{sender.trigger.pk}", GIVEN)
    assert answer.status_code == 302
    assert Trigger.objects.get().saved_by == "ada"
    assert "ne peut plus déployer ici" not in text_of(browser, TAB)


def test_it_is_paused_resumed_renewed_and_deleted(dora: Client, hook_app: Application, staging: Environment) -> None:
    sender = sender_for(hook_app, staging)
    place = f"/triggers/{sender.trigger.pk}"
    assert dora.post(f"{place}/pause").status_code == 302
    assert "pushes are ignored" in text_of(dora, place)
    assert dora.post(f"{place}/resume").status_code == 302
    renewed = dora.post(f"{place}/secret")
    assert renewed.status_code == 201
    assert "whsec_" in renewed.content.decode()
    assert sender.send(push()).status_code == 403
    assert dora.post(f"{place}/deletion", {"confirm": "other"}).status_code == 302
    assert Trigger.objects.get().deleted_at is None
    assert dora.post(f"{place}/deletion", {"confirm": "main"}).status_code == 302
    assert Trigger.objects.get().deleted_at is not None
    assert text_of(dora, place, 404)


def test_who_may_only_look_changes_nothing(vera: Client, hook_app: Application, staging: Environment) -> None:
    sender: Sender = sender_for(hook_app, staging)
    place = f"/triggers/{sender.trigger.pk}"
    page = text_of(vera, place)
    assert "This needs the role" in page
    assert "<textarea" not in page
    for act in ("", "/pause", "/secret", "/deletion"):
        assert vera.post(f"{place}{act}", GIVEN).status_code == 403
    assert vera.get(NEW).status_code == 403


def test_an_application_without_a_repository_has_no_such_section(dora: Client, hello: Application) -> None:
    assert "deploy-on-push" not in text_of(dora, TAB)
    assert "no Git repository" in text_of(dora, NEW)


def test_somebody_elses_change_is_told(dora: Client, hook_app: Application, staging: Environment) -> None:
    from fairway.pipelines.commands.triggers import edit_trigger

    sender = sender_for(hook_app, staging)
    edit_trigger(actor=SYSTEM, trigger=sender.trigger, pattern="next")
    answer = dora.post(f"/triggers/{sender.trigger.pk}", {**GIVEN, "as_of": "1"})
    assert answer.status_code == 422
    assert "changed this on" in answer.content.decode()
    assert Trigger.objects.get().pattern == "next"


def test_the_tab_asks_no_more_with_more_triggers(dora: Client, hook_app: Application, staging: Environment) -> None:
    sender_for(hook_app, staging, make_person("p0", Role.DEPLOYER)).send(push())
    make_environment("another", position=90)  # with two there is a pipeline
    text_of(dora, TAB)  # what is read once is read
    with CaptureQueriesContext(connection) as few:
        text_of(dora, TAB)
    for number in range(1, 5):
        where = make_environment(f"place{number}", position=30 + number)
        sender_for(hook_app, where, make_person(f"p{number}", Role.DEPLOYER)).send(push())
    with CaptureQueriesContext(connection) as many:
        text_of(dora, TAB)
    assert len(many) == len(few)
