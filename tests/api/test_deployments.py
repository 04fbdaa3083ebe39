"""Asking for deployments over HTTP, and reading them."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from fairway.activity.models import Event
from fairway.applications.models import Application
from fairway.deployments.commands.progress import append_log
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Status
from fairway.environments.models import Environment
from tests.api.conftest import Api, artifact_of, live_in

HERE = {"application": "hello", "environment": "development"}
OTHER = "sha256:" + "b" * 64


def test_a_deployment_is_queued_and_shown(deployer: Api, hello: Application) -> None:
    made = deployer.post("/deployments", {**HERE, "reason": "first"})
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["status"], body["queue_position"], body["reason"], body["door"]) == ("queued", 0, "first", "api")
    assert [step["name"] for step in body["steps"]] == ["prepare", "distribute", "start", "check", "switch", "retire"]
    assert deployer.get(f"/deployments/{body['id']}").json()["id"] == body["id"]
    event = Event.objects.get(verb="deployment.requested")
    assert (event.actor_name, event.door, event.identified_by) == ("deployer", "api", "token test")


def test_the_client_header_of_the_cli_is_its_door(deployer: Api, hello: Application) -> None:
    body = deployer("post", "/deployments", HERE, **{"X-Fairway-Client": "cli/0.1.0"}).json()
    assert body["door"] == "cli"
    assert Event.objects.get(verb="deployment.requested").client == "cli/0.1.0"


def test_a_given_source_becomes_the_applications_own(deployer: Api, hello: Application) -> None:
    source = {"kind": "image", "image": "registry.example.com/hello:2"}
    body = deployer.post("/deployments", {**HERE, "source": source}).json()
    assert body["source"] == {"image": "registry.example.com/hello:2"}
    assert deployer.get("/applications/hello").json()["source_kind"] == "image"


def test_a_lock_refuses_with_blockers(deployer: Api, admin: Api, hello: Application) -> None:
    assert admin.post("/environments/development/lock", {"reason": "fair week"}).status_code == 201
    refused = deployer.post("/deployments", HERE)
    assert refused.status_code == 409
    assert refused["Content-Type"] == "application/problem+json"
    problem = refused.json()
    assert [blocker["code"] for blocker in problem["blockers"]] == ["locked"]
    assert "fair week" in problem["detail"]
    assert not Deployment.objects.exists()


def test_breaking_glass_needs_the_role_and_is_its_own_event(deployer: Api, admin: Api, hello: Application) -> None:
    admin.post("/environments/development/lock", {"reason": "fair week"})
    wanted = {**HERE, "break_glass": "the site is down"}
    assert deployer.post("/deployments", wanted).status_code == 403
    assert admin.post("/deployments", wanted).status_code == 201
    assert Event.objects.get(verb="gate.glass_broken").comment == "the site is down"


def test_what_runs_is_promoted_not_rebuilt(deployer: Api, placed: Placement) -> None:
    wanted = {"application": "hello", "from_environment": "development", "environment": "staging"}
    body = deployer.post("/promotions", wanted).json()
    assert (body["kind"], body["artifact"], body["environment"]["slug"]) == ("promote", 1, "staging")


def test_nothing_there_cannot_be_promoted(deployer: Api, hello: Application) -> None:
    wanted = {"application": "hello", "from_environment": "development", "environment": "staging"}
    refused = deployer.post("/promotions", wanted)
    assert refused.status_code == 409
    assert refused.json()["blockers"][0]["code"] == "nothing_there"


def test_a_rollback_returns_to_an_earlier_deployment(
    deployer: Api, placed: Placement, hello: Application, places: dict[str, Environment]
) -> None:
    first = placed.current_id
    live_in(hello, places["development"], artifact_of(hello, "2.0", OTHER))
    body = deployer.post("/rollbacks", {**HERE, "to": first}).json()
    assert (body["kind"], body["version"], body["returns_to"]) == ("rollback", "1.0", first)


def test_a_deployment_elsewhere_is_no_place_to_go_back_to(deployer: Api, placed: Placement) -> None:
    refused = deployer.post("/rollbacks", {"application": "hello", "environment": "staging", "to": placed.current_id})
    assert refused.status_code == 409
    assert refused.json()["blockers"][0]["code"] == "nothing_to_roll_back_to"


def test_a_queued_deployment_is_cancelled(deployer: Api, hello: Application) -> None:
    number = deployer.post("/deployments", HERE).json()["id"]
    body = deployer.post(f"/deployments/{number}/cancellation", {"reason": "wrong one"}).json()
    assert body["status"] in {"cancelling", "cancelled"}
    Deployment.objects.filter(pk=number).update(status=Status.CANCELLED)
    again = deployer.post(f"/deployments/{number}/cancellation", {})
    assert (again.status_code, again.json()["blockers"][0]["code"]) == (409, "ended")


def test_bad_input_names_its_field(deployer: Api, hello: Application) -> None:
    cases = [
        ({**HERE, "colour": "red"}, "colour"),
        ({"application": "hello"}, "environment"),
        ({**HERE, "replicas": 9}, "replicas"),
        ({**HERE, "source": {"kind": "image", "image": "not an image"}}, "image"),
        ({**HERE, "source": {"kind": "image", "imge": "x"}}, "source.imge"),
        ({**HERE, "reason": "nul \x00"}, "reason"),
    ]
    for body, field in cases:
        refused = deployer.post("/deployments", body)
        assert refused.status_code == 422, (body, refused.content)
        assert refused.json()["field"] == field, refused.json()
    assert not Deployment.objects.exists()


def test_what_is_not_there_is_404(deployer: Api, hello: Application) -> None:
    assert deployer.post("/deployments", {**HERE, "application": "nobody"}).status_code == 404
    assert deployer.post("/deployments", {**HERE, "artifact": 7}).status_code == 404
    assert deployer.get("/deployments/99").status_code == 404


def test_history_is_filtered_and_paged_by_cursor(deployer: Api, hello: Application) -> None:
    numbers = [deployer.post("/deployments", HERE).json()["id"] for _ in range(5)]
    first = deployer.get("/deployments?limit=2").json()
    assert [one["id"] for one in first["items"]] == numbers[:2:-1]
    second = deployer.get(f"/deployments?limit=2&cursor={first['next']}").json()
    assert [one["id"] for one in second["items"]] == [numbers[2], numbers[1]]
    last = deployer.get(f"/deployments?limit=2&cursor={second['next']}").json()
    assert ([one["id"] for one in last["items"]], last["next"]) == ([numbers[0]], None)
    assert len(deployer.get("/deployments?status=active&environment=development").json()["items"]) == 5
    assert deployer.get("/deployments?status=live").json()["items"] == []
    assert deployer.get("/deployments?status=nonsense").status_code == 422
    assert deployer.get("/deployments?colour=red").status_code == 422


def test_a_page_of_history_costs_the_same_number_of_questions(
    deployer: Api, hello: Application, places: dict[str, Environment], django_assert_max_num_queries: object
) -> None:
    for number in range(12):
        live_in(hello, places["development"], artifact_of(hello, f"{number}", "sha256:" + f"{number:064d}"))
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        body = deployer.get("/deployments").json()
    assert [one["status"] for one in body["items"]] == ["live"] + ["superseded"] * 11


def test_the_log_is_read_in_pieces_and_whole(deployer: Api, hello: Application) -> None:
    number = deployer.post("/deployments", HERE).json()["id"]
    lines = [(n, 1_700_000_000.0 + n, "prepare", "stdout", f"line {n}") for n in range(1, 31)]
    append_log(deployment_id=number, lines=lines[:20])
    append_log(deployment_id=number, lines=lines[20:])
    piece = deployer.get(f"/deployments/{number}/log?after=18&limit=4").json()
    assert [line["n"] for line in piece["lines"]] == [19, 20, 21, 22]
    assert (piece["next"], piece["is_complete"]) == (22, False)
    now = timezone.now()
    Deployment.objects.filter(pk=number).update(
        status=Status.FAILED, started_at=now - timedelta(seconds=3), finished_at=now, sentence="It crashed."
    )
    rest = deployer.get(f"/deployments/{number}/log?after=22").json()
    assert (rest["next"], rest["is_complete"]) == (30, True)
    raw = deployer.get(f"/deployments/{number}/log/raw")
    assert b"".join(raw.streaming_content).decode().splitlines() == [line[4] for line in lines]
    shown = deployer.get(f"/deployments/{number}").json()
    assert (shown["status"], shown["seconds"], shown["last_log"][-1]) == ("failed", 3.0, "line 30")
