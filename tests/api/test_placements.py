"""What runs: stop, start, scale, routes, output, blockers, artifacts; and the record of it all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairway.accounts.rules import Actor
from fairway.activity import checking
from fairway.activity.checking import check_some
from fairway.activity.models import Event
from fairway.activity.rules import chained_hash
from fairway.applications.commands import save_configuration
from fairway.applications.models import Application
from fairway.deployments.models import Deployment, Placement
from fairway.drivers.runtimes.contract import InstanceSpec, NullProgress
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.environments.runtimes import runtime_of
from tests.api.conftest import Api

HERE = "/applications/hello/environments/development/placement"
WHY = "/applications/hello/environments/development/blockers"


def test_a_placement_shows_what_it_could_go_back_to(viewer: Api, placed: Placement) -> None:
    shown = viewer.get(HERE).json()
    assert (shown["name"], shown["version"], shown["deployment"]["status"]) == ("hello.development", "1.0", "live")
    assert shown["url"].startswith("http://hello.development.localhost")
    assert viewer.get("/placements").json()[0]["name"] == "hello.development"


def test_acts_are_asked_for_and_queued(deployer: Api, placed: Placement) -> None:
    assert deployer.post(f"{HERE}/stopping", {"reason": "noise"}).json()["wanted"] == "stopped"
    assert deployer.put(f"{HERE}/replicas", {"replicas": 2}).json()["blockers"][0]["code"] == "stopped"
    assert deployer.post(f"{HERE}/starting").json()["wanted"] == "running"
    assert deployer.put(f"{HERE}/replicas", {"replicas": 3}).json()["replicas"] == 3
    assert deployer.post(f"{HERE}/restart").json()["kind"] == "restart"
    assert deployer.put(f"{HERE}/domains", {"domains": ["Shop.Example.com"]}).json()["domains"] == ["shop.example.com"]
    assert deployer.put(f"{HERE}/access", {"access": "signed_in"}).json()["access"] == "signed_in"
    assert deployer.delete(f"{HERE}/hold").status_code == 200
    assert deployer.delete(f"{HERE}?volumes_confirmed=wrong").json()["field"] == "volumes_confirmed"
    assert deployer.delete(HERE).json()["wanted"] == "removed"
    assert Run.objects.filter(kind="adjust").count() >= 5


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("replicas", {"replicas": 0}, "replicas"),
        ("replicas", {"replicas": 1, "service": "worker"}, "service"),
        ("domains", {"domains": ["*.example.com"]}, "domains"),
        ("domains", {"domains": ["x.development.localhost"]}, "domains"),
        ("access", {"access": "nobody"}, "access"),
    ],
)
def test_bad_wishes_name_their_field(deployer: Api, placed: Placement, path: str, body: object, field: str) -> None:
    refused = deployer.put(f"{HERE}/{path}", body)
    assert (refused.status_code, refused.json()["field"]) == (422, field)


def test_nothing_there_is_404_or_blocked(deployer: Api, hello: Application) -> None:
    assert deployer.get(HERE).status_code == 404
    refused = deployer.post(f"{HERE}/restart")
    assert (refused.status_code, refused.json()["blockers"][0]["code"]) == (409, "nothing_there")


def test_output_is_shown_with_its_secrets_masked(
    viewer: Api, placed: Placement, hello: Application, someone: Actor, places: dict[str, Environment]
) -> None:
    settings = save_configuration(
        actor=someone, application=hello, environment=places["development"], secrets={"KEY": "hunter22"}
    )
    Deployment.objects.filter(pk=placed.current_id).update(configuration=settings)
    current = Deployment.objects.select_related("artifact").get(pk=placed.current_id)
    runtime = runtime_of(places["development"])
    assert current.artifact is not None
    runtime.distribute(current.artifact.ref, None, NullProgress())
    command = ("echo", "my key is hunter22")
    spec = InstanceSpec(placed.name, current.label, 0, current.artifact.ref, command=command)
    runtime.ensure_started(spec, NullProgress())
    lines = viewer.get(f"{HERE}/output?tail=50").json()
    assert "my key is ••••" in [line["text"] for line in lines]
    assert "hunter22" not in json.dumps(lines)
    later = viewer.get(f"{HERE}/output?since=2999-01-01T00:00:00Z").json()
    assert later == []


def test_blockers_are_told_before_anything_is_asked(viewer: Api, deployer: Api, placed: Placement) -> None:
    assert deployer.get(f"{WHY}?act=deploy").json() == {"may": True, "blockers": [], "approval": ""}
    assert viewer.get(f"{WHY}?act=deploy").json()["blockers"][0]["code"] == "role"
    assert deployer.get(f"{WHY}?act=start").json()["blockers"][0]["code"] == "running"
    assert deployer.get(f"{WHY}?act=fly").status_code == 422
    staging = WHY.replace("development", "staging")
    assert deployer.get(f"{staging}?act=promote&from_environment=development").json()["may"] is True


def test_a_version_marked_bad_is_refused(deployer: Api, placed: Placement) -> None:
    mark = "/applications/hello/artifacts/1/bad-mark"
    assert deployer.put(mark, {"reason": ""}).json()["field"] == "reason"
    assert deployer.put(mark, {"reason": "leaks"}).json()["bad_reason"] == "leaks"
    wanted = {"application": "hello", "environment": "staging", "artifact": 1}
    assert deployer.post("/deployments", wanted).json()["blockers"][0]["code"] == "bad_version"
    assert deployer.delete(mark).json()["bad_at"] is None
    assert deployer.post("/deployments", wanted).status_code == 201
    assert [one["number"] for one in deployer.get("/applications/hello/artifacts").json()["items"]] == [1]
    assert deployer.get("/applications/hello/artifacts/1").json()["digest"].startswith("sha256:")


def test_events_are_read_filtered_paged_and_exported(viewer: Api, admin: Api, placed: Placement) -> None:
    admin.post("/environments/staging/lock", {"reason": "fair"})
    everything = viewer.get("/events?limit=200").json()["items"]
    assert [one["id"] for one in everything] == sorted((one["id"] for one in everything), reverse=True)
    locked = viewer.get("/events?verb=environment.locked").json()["items"]
    assert [(one["comment"], one["environment"], one["actor_name"]) for one in locked] == [("fair", "staging", "admin")]
    assert viewer.get(f"/events/{locked[0]['id']}").json() == locked[0]
    assert viewer.get("/events/999999").status_code == 404
    page = viewer.get("/events?limit=1").json()
    assert viewer.get(f"/events?limit=1&cursor={page['next']}").json()["items"][0]["id"] < page["items"][0]["id"]
    export = b"".join(viewer.get("/events/export").streaming_content).decode().splitlines()
    read = [json.loads(line) for line in export]
    assert [one["id"] for one in read[:-1]] == [one["id"] for one in reversed(everything)]
    assert read[-1]["verb"] == "events.exported", "that it was exported is the last thing that happened"


def test_the_chain_is_verified(viewer: Api, placed: Placement) -> None:
    whole = viewer.get("/audit/verification").json()
    assert (whole["is_intact"], whole["broken_at"]) == (True, None)
    assert whole["checked"] == Event.objects.count() > 0


def test_a_viewer_starts_no_walk_and_an_administrators_is_told_until_it_ends(
    viewer: Api, admin: Api, placed: Placement
) -> None:
    check_some()
    assert viewer.get("/audit/verification").json()["whole_at"] is not None
    assert viewer.post("/audit/verification").status_code == 403
    assert viewer.post("/audit/acknowledgement", {"reason": "x"}).status_code == 403
    assert admin.post("/audit/verification").json()["whole_at"] is None
    check_some()
    assert viewer.get("/audit/verification").json()["whole_at"] is not None
    refused = admin.post("/audit/acknowledgement", {"reason": "x"})
    assert (refused.status_code, "nothing to acknowledge" in refused.json()["detail"]) == (409, True)


def test_asking_for_the_state_of_the_chain_looks_at_few_events_however_many_there_are(
    viewer: Api, placed: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "IN_A_REQUEST", 2)
    hashed = 0

    def counted(*given: Any) -> str:
        nonlocal hashed
        hashed += 1
        return chained_hash(*given)

    monkeypatch.setattr(checking, "chained_hash", counted)
    assert Event.objects.count() > 2
    assert viewer.get("/audit/verification").json()["is_intact"]
    assert hashed == 2
