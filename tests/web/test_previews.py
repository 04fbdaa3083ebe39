"""Previews on the page of their application: what people see, and what they do."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from fairway.accounts.rules import SYSTEM, Actor
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.pipelines.models import Preview
from tests.pipelines.conftest import Sender, commit_of, hook_app, sender_for, workflows
from tests.pipelines.requests import FORK, pull, tell, the_preview
from tests.pipelines.test_previews import go_live
from tests.web.conftest import Browser

__all__ = ["hook_app", "workflows"]  # fixtures
TAB = "/applications/hello/deployments"


@pytest.fixture
def requests(hook_app: Application, staging: Environment) -> Sender:
    return sender_for(hook_app, staging, SYSTEM, ref_kind="request")


def text_of(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def test_the_page_lists_them_with_their_address_and_nothing_in_a_title_is_markup(
    requests: Sender, browse: Browser, viewer: Actor, deployer: Actor
) -> None:
    looks = browse(viewer)
    assert "No request is open" in text_of(looks, TAB)
    tell(requests, pull(title="<script>alert(1)</script>", html_url="javascript:alert(1)"))
    go_live(the_preview())
    page = text_of(looks, TAB)
    assert f"http://pr-12--hello.{the_preview().environment.host}" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "javascript:" not in page
    assert "/previews/" not in page, "a viewer may do nothing"


def test_an_application_without_them_does_not_speak_of_them(
    hook_app: Application, browse: Browser, viewer: Actor, deployer: Actor
) -> None:
    assert 'id="previews"' not in text_of(browse(deployer), TAB)


def test_a_deployer_approves_keeps_and_removes(requests: Sender, browse: Browser, viewer: Actor, deployer: Actor) -> None:
    does, looks = browse(deployer), browse(viewer)
    tell(requests, pull(repository=FORK))
    here = f"/previews/{the_preview().pk}"
    assert f"{here}/approval" in text_of(does, TAB)
    assert looks.post(f"{here}/approval", {"commit": commit_of(1)}).status_code == 403
    does.post(f"{here}/approval", {"commit": commit_of(2)})
    assert the_preview().approved == "", "another commit than the newest"
    does.post(f"{here}/approval", {"commit": commit_of(1)})
    assert the_preview().approved == commit_of(1)
    Preview.objects.update(ends_at=timezone.now())
    does.post(f"{here}/extension")
    assert the_preview().ends_at > timezone.now()
    does.post(f"{here}/deletion", {"confirm": "another"})
    assert the_preview().state == "open"
    does.post(f"{here}/deletion", {"confirm": "#12"})
    assert (the_preview().state, the_preview().end) == ("ending", "person")
    assert "Being removed" in text_of(does, TAB)


def test_the_pages_of_what_runs_can_be_opened(requests: Sender, browse: Browser, viewer: Actor, deployer: Actor) -> None:
    looks = browse(viewer)
    tell(requests, pull())
    go_live(the_preview())
    for place in ("", "deployments", "configuration", "settings", "events"):
        answer = looks.get(f"/applications/pr-12--hello/{place}")
        assert answer.status_code == 200, place
        assert f'href="{TAB}#previews"' in answer.content.decode(), "the way back"
    assert "pr-12--hello" not in text_of(looks, "/applications/")
