"""What would be refused, and what an act does, is said before anybody types; and the server believes no script."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from fairway.accounts.rules import Actor
from fairway.applications.models import Application
from fairway.deployments.models import Placement
from fairway.environments.models import Environment
from fairway.releases.commands.approvals import approve, seal
from fairway.releases.commands.rollouts import roll_out
from fairway.releases.models import Rollout
from fairway.releases.queries import readiness
from fairway.web.presenters.inspections import chosen_environments
from tests.releases.conftest import answering, desk, development, fake, proxy
from tests.web.conftest import Browser, live

__all__ = ["answering", "desk", "development", "fake", "proxy"]


def text(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.fixture
def sealed(desk, staging):
    release = desk.release("1", packages="db api", needs="api>db")
    seal(actor=desk.manager, release=release)
    release.refresh_from_db()
    return release


def test_the_dependencies_of_a_sealed_release(desk, sealed, browse: Browser) -> None:
    page = text(browse(desk.admin).get(reverse("release-dependencies", args=[sealed.pk])))
    assert "Spring 1 was sealed by max." in page
    assert "Add the dependency" not in page
    assert "no longer needs" not in page


def test_other_targets_say_that_they_unseal_and_ask_for_the_version(desk, sealed, browse: Browser, production) -> None:
    Environment.objects.filter(slug="staging").update(approvals_needed=1)
    environment = Environment.objects.get(slug="staging")
    approve(actor=desk.admin, release=sealed, environment=environment, fingerprint=sealed.fingerprint)
    browser, address = browse(desk.manager), reverse("release-edit", args=[sealed.pk])
    assert "This approval will be void: ada (Staging)." in text(browser.get(address))
    form = {"description": "", "manager": "max", "deputy": "", "targets": ["staging"]}
    refused = browser.post(address, form)
    assert refused.status_code == 422
    assert "ype “1” exactly to continue." in text(refused)
    same = {**form, "targets": list(sealed.targets.values_list("slug", flat=True)), "description": "Other words"}
    assert browser.post(address, same).status_code == 302, "nothing is unsealed by other words"
    assert browser.post(address, {**form, "confirm": "1"}).status_code == 302
    sealed.refresh_from_db()
    assert sealed.sealed_at is None


def test_a_fallback_that_takes_applications_down_asks_for_the_target(desk, staging, browse: Browser) -> None:
    release = desk.release("1", packages="db api")
    desk.runs("db", staging)
    roll_out(actor=desk.deployer, release=release, environment=staging)
    desk.work()
    browser, address = browse(desk.deployer), reverse("release-fall-back", args=[release.pk, "staging"])
    page = text(browser.get(address))
    assert "Nothing will serve afterwards in Staging for: api." in page
    for typed in ({}, {"confirm": "production"}):
        refused = browser.post(address, {"parallel": "4", "reason": "", **typed})
        assert (refused.status_code, Rollout.objects.count()) == (422, 1)
    assert browser.post(address, {"parallel": "4", "reason": "", "confirm": "staging"}).status_code == 302
    desk.work()
    assert Rollout.objects.latest("pk").status == "fallen_back"


def test_one_that_only_goes_back_asks_for_nothing(desk, staging, browse: Browser) -> None:
    desk.runs("db", staging)
    release = desk.release("1", packages="db")
    roll_out(actor=desk.deployer, release=release, environment=staging)
    desk.work()
    answer = browse(desk.deployer).post(reverse("release-fall-back", args=[release.pk, "staging"]), {"parallel": "4"})
    assert answer.status_code == 302


def test_so_does_the_decision_to_fall_back_all(desk, staging, browse: Browser) -> None:
    release = desk.release("1", packages="db api", needs="api>db")
    desk.breaks(release, "api")
    rollout = roll_out(actor=desk.deployer, release=release, environment=staging)
    desk.work()
    browser = browse(desk.deployer)
    page = text(browser.get(reverse("rollout-detail", args=[release.pk, rollout.pk])))
    assert 'data-confirm="staging"' in page
    assert "db is removed, because nothing ran before" in page
    address = reverse("rollout-decision", args=[release.pk, rollout.pk])
    assert browser.post(address, {"decision": "fall_back_all"}).status_code == 422
    rollout.refresh_from_db()
    assert rollout.status == "needs_decision"
    assert browser.post(address, {"decision": "fall_back_all", "confirm": "staging"}).status_code == 302


def test_a_new_application_says_where_it_waits_for_people_or_may_not_go(admin: Actor, staging, production) -> None:
    Environment.objects.filter(pk=staging.pk).update(approvals_needed=1)
    Environment.objects.filter(pk=production.pk).update(only_releases=True)
    found = {one["slug"]: one for one in chosen_environments(admin, "New", None)}
    assert found["staging"]["approval"].startswith("Staging requires 1 approval from")
    assert not found["staging"]["blockers"]
    (why,) = found["production"]["blockers"]
    assert (why["code"], found["production"]["approval"]) == ("only_releases", "")


def test_addresses_that_cannot_be_changed_yet(admin: Actor, hello: Application, staging, browse: Browser) -> None:
    Placement.objects.create(application=hello, environment=staging)
    page = text(browse(admin).get("/applications/hello/settings"))
    assert "Nothing is deployed here yet." in page
    assert "Add a domain" not in page
    live(hello, staging)
    assert "Add a domain" in text(browse(admin).get("/applications/hello/settings"))


def test_what_two_packages_lack_is_said_once(desk, production) -> None:
    Environment.objects.filter(pk=production.pk).update(needs_ready=True)
    release = desk.release("1", packages="db api shop")
    found = next(one for one in readiness(release, desk.deployer) if one.environment == production)
    sentences = [one.sentence for one in found.blockers if one.code == "not_ready"]
    assert sentences == ["api is not Ready, which Production asks for. The same applies to db, shop."]
