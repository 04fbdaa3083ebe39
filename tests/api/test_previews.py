"""Previews by the API: read, approved, kept, removed; by whom, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from fairway.accounts.rules import SYSTEM
from fairway.environments.models import Environment
from fairway.pipelines.models import Preview
from tests.api.conftest import Api
from tests.pipelines.conftest import Sender, commit_of, hook_app, sender_for, workflows
from tests.pipelines.requests import FORK, pull, tell, the_preview, work

__all__ = ["hook_app", "workflows"]  # fixtures


@pytest.fixture
def requests(hook_app: Any, places: dict[str, Environment]) -> Sender:
    return sender_for(hook_app, places["development"], SYSTEM, ref_kind="request")


def test_one_is_read_kept_and_removed(viewer: Api, deployer: Api, requests: Sender) -> None:
    tell(requests, pull(12, commit=7, title="Fix <b>it</b>"))
    (shown,) = viewer.get("/previews?application=hello&number=12").json()
    assert (shown["name"], shown["state"], shown["commit"], shown["title"]) == (
        "pr-12--hello", "open", commit_of(7), "Fix <b>it</b>",
    )  # fmt: skip
    assert (shown["url"], shown["deployment"]) == ("", the_preview().deployment_id)
    here = f"/previews/{shown['id']}"
    assert viewer.get(here).json() == shown
    assert viewer.get("/previews?application=other").json() == []
    assert deployer.post(f"{here}/extension").json()["ends_at"] >= shown["ends_at"]
    assert deployer.post(f"{here}/approval", {"commit": commit_of(7)}).json()["errors"][0]["field"] == "preview"
    assert deployer.delete(here).json()["end"] == "person"
    work(requests)
    assert viewer.get("/previews?alive=true").json()[0]["why_ended"].startswith("deployer removed it.")
    assert viewer.get(f"/previews/{shown['id'] + 1}").status_code == 404


def test_a_commit_of_a_fork_is_approved(deployer: Api, requests: Sender) -> None:
    tell(requests, pull(repository=FORK))
    here = f"/previews/{the_preview().pk}/approval"
    assert deployer.post(here, {"commit": "1" * 39}).status_code == 422
    assert deployer.post(here, {"commit": commit_of(2)}).status_code == 422
    shown = deployer.post(here, {"commit": commit_of(1).upper()}).json()
    assert (shown["is_waiting_for_approval"], shown["approved_by"]) == (False, "deployer")


def test_who_may_not_deploy_only_reads(viewer: Api, requests: Sender) -> None:
    tell(requests, pull(repository=FORK))
    here = f"/previews/{the_preview().pk}"
    for answer in (
        viewer.post(f"{here}/approval", {"commit": commit_of(1)}),
        viewer.post(f"{here}/extension"),
        viewer.delete(here),
    ):
        assert answer.json()["blockers"][0]["code"] == "role"
    assert Preview.objects.get().state == "waiting"


def test_a_preview_has_no_triggers_and_no_databases_of_its_own(deployer: Api, requests: Sender) -> None:
    tell(requests, pull())
    where = "/applications/pr-12--hello/environments/development/triggers"
    assert "set it up for the application itself" in deployer.post(where, {"pattern": "main"}).content.decode()


def test_pushes_and_requests_have_a_trigger_each_and_paths_are_for_pushes(deployer: Api, requests: Sender) -> None:
    where = "/applications/hello/environments/development/triggers"
    assert deployer.post(where, {"pattern": "x", "ref_kind": "request"}).status_code == 422
    pushes = deployer.post(where, {"pattern": "main", "paths": ["shop/"]})
    assert pushes.status_code == 201
    changed = deployer.patch(f"/triggers/{pushes.json()['id']}", {"ref_kind": "request"})
    assert (changed.status_code, changed.json()["errors"][0]["field"]) == (422, "environment")
    elsewhere = "/applications/hello/environments/staging/triggers"
    wrong = deployer.post(elsewhere, {"pattern": "main", "ref_kind": "request", "paths": ["shop/"]})
    assert wrong.json()["errors"][0]["field"] == "paths"
