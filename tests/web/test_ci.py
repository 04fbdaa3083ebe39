"""The page of CI jobs: trusting them, what to write into the job, and ending it."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Actor
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.pipelines.models import CiTrust
from tests.web.conftest import Browser

pytestmark = pytest.mark.django_db
HERE = "/applications/hello/ci"
FORM = {"environment": "staging", "ci": "github", "repository_id": "74", "ref_kind": "branch", "pattern": "main"}


def test_jobs_are_trusted_and_no_more(deployer: Actor, browse: Browser, hello: Application, staging: Environment) -> None:
    browser = browse(deployer)
    assert HERE in browser.get("/applications/hello/deployments").content.decode()
    page = browser.get(HERE).content.decode()
    assert "id-token: write" in page
    assert browser.post(HERE, FORM).headers["Location"] == HERE
    trust = CiTrust.objects.get()
    assert (trust.repository_id, trust.saved_by_id) == ("74", deployer.id)
    page = browser.get(HERE).content.decode()
    assert "--env staging" in page
    there = f"/ci-trusts/{trust.pk}/end"
    assert there in page
    browser.post(there)
    assert CiTrust.objects.filter(deleted_at=None).exists(), "it is confirmed by name"
    assert browser.post(there, {"confirm": "74"}).headers["Location"] == HERE
    assert not CiTrust.objects.filter(deleted_at=None).exists()
    assert browser.post(there, {"confirm": "74"}).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"repository_id": "acme/shop"}, "is the number of the repository"),
        ({"pattern": "refs/heads/main"}, "give the name alone"),
        ({"environment": "production"}, "Select a valid choice"),
        ({"ci": "jenkins"}, "Select a valid choice"),
        ({"issuer": "gitlab.example.com"}, "must start with https://"),
    ],
)
def test_what_is_wrong_is_said(
    deployer: Actor, browse: Browser, hello: Application, staging: Environment, wrong: dict[str, str], said: str
) -> None:
    answer = browse(deployer).post(HERE, {**FORM, **wrong})
    assert answer.status_code == 422
    assert said[1:] in answer.content.decode()
    assert not CiTrust.objects.exists()


def test_viewers_see_and_change_nothing(viewer: Actor, browse: Browser, hello: Application, staging: Environment) -> None:
    browser = browse(viewer)
    assert "Trust these jobs" not in browser.get(HERE).content.decode()
    assert browser.post(HERE, FORM).status_code in (403, 422)
    assert not CiTrust.objects.exists()
