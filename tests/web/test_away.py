"""What stores data is away for a moment with each deployment: every door says so before anybody presses the button."""

from __future__ import annotations

import importlib

import pytest
from django.apps import apps
from django.urls import reverse

from fairway.accounts.models import User
from fairway.accounts.rules import Actor, Role
from fairway.applications.models import Application
from fairway.cli import words
from fairway.deployments.commands import requests
from fairway.deployments.models import Deployment, Placement
from fairway.environments.models import Environment
from fairway.releases.commands.packages import add_package
from fairway.releases.commands.releases import create_release
from tests.conftest import make_artifact, make_person
from tests.web.conftest import Browser, finish

SENTENCE = "the old version stops before the new one starts"


@pytest.fixture
def keeps(hello: Application, staging: Environment, deployer: Actor) -> Deployment:
    """Live, with a volume; the last time it was away for 4.2 s."""
    artifact = make_artifact(hello, volumes=(("data", "/data"),))
    one = requests.request_deployment(actor=deployer, application=hello, environment=staging, artifact=artifact)
    finish(one)
    Deployment.objects.filter(pk=one.pk).update(away_seconds=4.2)
    return one


@pytest.mark.parametrize(
    ("page", "given"),
    [("application-detail", ("hello",)), ("placement-deploy", ("hello", "staging"))],
    ids=["the application", "the deployment to be confirmed"],
)
def test_pages_say_it_beforehand(
    keeps: Deployment, browse: Browser, deployer: Actor, page: str, given: tuple[str, ...]
) -> None:
    shown = browse(deployer).get(reverse(page, args=given)).content.decode()
    assert SENTENCE in shown
    assert "4.2 s" in shown
    assert "keeps serving until" not in shown


def test_a_deployment_says_it_while_it_may_still_be_cancelled(
    keeps: Deployment, browse: Browser, deployer: Actor, hello: Application, staging: Environment
) -> None:
    one = requests.restart(actor=deployer, application=hello, environment=staging)
    assert SENTENCE in browse(deployer).get(reverse("deployment-detail", args=[one.pk])).content.decode()
    finish(one)
    Deployment.objects.filter(pk=one.pk).update(away_seconds=3.1)
    after = browse(deployer).get(reverse("deployment-detail", args=[one.pk])).content.decode()
    assert SENTENCE not in after
    assert "Visitors saw the starting page for" in after


def test_the_api_and_the_command_line_say_it(
    keeps: Deployment, browse: Browser, deployer: Actor, hello: Application, staging: Environment
) -> None:
    here = "/api/v1/applications/hello/environments/staging/placement"
    shown = browse(deployer).get(here).json()
    assert (shown["strategy"], shown["away"]) == ("recreate", {"volumes": ["data"], "seconds": 4.2})
    one = requests.restart(actor=deployer, application=hello, environment=staging)
    away = browse(deployer).get(f"/api/v1/deployments/{one.pk}").json()["away"]
    assert words.away(away) == (
        f"It stores data in the volume data: {SENTENCE}, and visitors see the starting page meanwhile, for about 4.2 s."
    )
    assert words.away(None) == ""


def test_what_stores_nothing_promises_nothing(
    hello: Application, staging: Environment, browse: Browser, deployer: Actor
) -> None:
    finish(
        requests.request_deployment(actor=deployer, application=hello, environment=staging, artifact=make_artifact(hello))
    )
    shown = browse(deployer).get(reverse("application-detail", args=["hello"])).content.decode()
    assert "starts alongside this one, without interruption" in shown
    assert SENTENCE not in shown


def test_a_second_instance_cannot_be_asked_for(keeps: Deployment, browse: Browser, deployer: Actor) -> None:
    shown = browse(deployer).get(reverse("application-detail", args=["hello"])).content.decode()
    assert "that only one instance may write" in shown
    answer = browse(deployer).post(reverse("placement-scale", args=["hello", "staging"]), {"replicas": "2"}, follow=True)
    assert "it cannot run 2 times" in answer.content.decode()
    assert Placement.objects.get().replicas == 1


def test_a_database_of_the_version_before_keeps_one_instance_on_each_volume(keeps: Deployment, hello: Application) -> None:
    migration = importlib.import_module("fairway.migrations.0015_one_writer")
    Placement.objects.update(replicas=3)
    migration.one_instance_each(apps, None)
    assert Placement.objects.get().replicas == 1
    other = make_artifact(hello)
    Deployment.objects.update(artifact=other)
    Placement.objects.update(replicas=3)
    migration.one_instance_each(apps, None)
    assert Placement.objects.get().replicas == 3


def test_a_rollout_says_it_of_the_packages_that_store_data(
    keeps: Deployment, browse: Browser, deployer: Actor, hello: Application, staging: Environment
) -> None:
    both = make_person("grace", Role.RELEASE_MANAGER, Role.DEPLOYER)
    release = create_release(actor=both, name="Autumn", version="1", manager=User.objects.get(pk=both.id))
    volumes = (("data", "/data"),)
    add_package(actor=both, release=release, name="hello", artifact=make_artifact(hello, "2.0.0", volumes=volumes))
    plain = Application.objects.create(slug="plain", name="plain", source_kind="image", source={"image": "r/x:1"})
    add_package(actor=both, release=release, name="plain", artifact=make_artifact(plain))
    page = browse(both).get(reverse("release-roll-out", args=[release.pk, "staging"])).content.decode()
    assert page.count(SENTENCE) == 1
    assert page.index("hello</strong>") < page.index(SENTENCE) < page.index("plain</strong>")
    assert "4.2 s" in page
