"""The release desk over HTTP: a release, its packages, a rollout, from their beginning to their end."""

# ruff: noqa: F811 - pytest's fixtures are imported and named again as arguments

from __future__ import annotations

from typing import Any

import pytest

from fairway.accounts.models import User
from fairway.accounts.rules import Actor, Role
from fairway.environments.models import Environment
from tests.api.conftest import Api, token_of
from tests.releases.conftest import answering, desk, development, fake, proxy
from tests.releases.desk import ReleaseDesk

__all__ = ["answering", "desk", "development", "fake", "proxy"]
LATER = {"at": "2031-01-01T00:00", "zone": "UTC"}
WANTED = {"name": "Autumn", "version": "1"}


def door(actor: Actor) -> Api:
    return Api(token_of(User.objects.get(pk=actor.id)))


@pytest.fixture
def staging(db: None) -> Environment:
    return Environment.objects.create(slug="staging", name="Staging", host="staging.localhost", position=20, runtime="fake")


@pytest.fixture
def production(db: None) -> Environment:
    return Environment.objects.create(
        slug="production", name="Production", host="production.localhost", position=30, runtime="fake"
    )


@pytest.fixture
def max_(desk: ReleaseDesk) -> Api:
    return door(desk.manager)


@pytest.fixture
def dora(desk: ReleaseDesk) -> Api:
    return door(desk.deployer)


def made(answer: Any, status: int = 201) -> Any:
    assert answer.status_code == status, answer.content
    return answer.json() if answer.content else None


def codes(answer: Any) -> tuple[int, list[str]]:
    return answer.status_code, [one["code"] for one in answer.json().get("blockers", [])]


def cells(package: Any) -> dict[str, str]:
    return {one["environment"]: one["status"] for one in package["targets"]}


def test_the_life_of_a_release(desk: ReleaseDesk, max_: Api, dora: Api) -> None:
    one = made(max_.post("/releases", WANTED | {"targets": ["staging", "production"], "description": "All"}))
    path = f"/releases/{one['id']}"
    assert (one["status"], one["manager"], one["deputy"], one["targets"]) == (
        "draft",
        "max",
        None,
        ["staging", "production"],
    )
    changed = made(max_.patch(path, {"deputy": "dora", "description": "More"}), 200)
    assert (changed["deputy"], changed["description"], changed["manager"]) == ("dora", "More", "max")
    assert made(max_.patch(path, {"deputy": ""}), 200)["deputy"] is None
    cloned = made(max_.post(f"{path}/clones", {"version": "2"}))
    assert [each["version"] for each in max_.get("/releases").json()] == ["2", "1"]
    assert made(max_.post(f"/releases/{cloned['id']}/cancellation", {"reason": "No more"}), 200)["status"] == "cancelled"
    assert [each["id"] for each in max_.get("/releases?status=cancelled").json()] == [cloned["id"]]
    assert max_.get("/releases?status=nonsense").json()["field"] == "status"
    assert codes(max_.post(f"{path}/seal")) == (409, ["empty"])
    assert max_.delete(path).status_code == 204
    assert max_.get(path).status_code == 404
    assert codes(dora.delete(f"/releases/{cloned['id']}")) == (403, ["role"])


def test_the_life_of_a_package(desk: ReleaseDesk, dora: Api, staging: Environment) -> None:
    release = desk.release(packages="db api")
    path = f"/releases/{release.pk}/packages"
    db, api = (desk.package(release, name).pk for name in ("db", "api"))
    assert made(dora.put(f"{path}/{api}/needs/{db}", {}), 200)["needs"] == ["db"]
    cycle = dora.put(f"{path}/{db}/needs/{api}", {})
    assert (cycle.status_code, "db → api → db" in cycle.json()["detail"]) == (422, True)
    assert made(dora.patch(f"{path}/{db}", {"stage": "ready"}), 200)["stage"] == "ready"

    there = f"{path}/{db}/environments/staging"
    assert codes(dora.post(f"{there}/deployment")) == (409, ["not_distributed"])
    assert cells(made(dora.post(f"{there}/distribution"), 202))["staging"] == "distributing"
    desk.work()
    assert cells(dora.get(f"{path}/{db}").json())["staging"] == "distributed"
    assert made(dora.post(f"{there}/deployment"))["status"] == "queued"
    desk.work()
    assert cells(dora.get(f"{path}/{db}").json())["staging"] == "deployed"
    unconfirmed = dora.delete(f"{path}/{db}")
    assert codes(unconfirmed) == (409, ["deployed"])
    many = made(dora.post(f"/releases/{release.pk}/environments/staging/distribution"), 202)
    assert (many["started"], [one["package"] for one in many["skipped"]]) == (["api"], ["db"])
    made(dora.post(f"{there}/fallback"), 202)
    desk.work()
    assert cells(dora.get(f"{path}/{db}").json())["staging"] == "distributed"
    assert desk.serving("db", staging) is None
    assert made(dora.delete(f"{path}/{api}/needs/{db}"), 200)["needs"] == []
    assert dora.delete(f"{path}/{db}?confirmed=db").status_code == 204
    pasted = made(dora.post(f"{path}/many", {"text": "name,version,needs\nx,registry.test/x:1,\ny,registry.test/y:1,x"}))
    assert [(one["name"], one["resolution"], one["needs"]) for one in pasted] == [
        ("x", "resolving", []),
        ("y", "resolving", ["x"]),
    ]


def test_the_life_of_a_rollout(desk: ReleaseDesk, dora: Api, staging: Environment) -> None:
    release = desk.release(packages="db api web", needs="api>db web>api")
    desk.breaks(release, "api")
    there = f"/releases/{release.pk}/environments/staging"
    begun = made(dora.post(f"{there}/rollouts", {"parallel": 2}))
    assert codes(dora.post(f"{there}/rollouts"))[0] == 409
    desk.work()
    path = f"/rollouts/{begun['id']}"
    stands = dora.get(path).json()
    assert (stands["status"], [(one["package"], one["level"], one["status"]) for one in stands["packages"]]) == (
        "needs_decision", [("db", 1, "deployed"), ("api", 2, "failed"), ("web", 3, "blocked")],
    )  # fmt: skip
    foreseen = {one["package"]: one["then"] for one in dora.get(f"{path}/preview?choice=fall_back_all").json()}
    assert foreseen == {"db": "fallen_back"}
    desk.mends(release, "api")
    made(dora.post(f"{path}/decision", {"choice": "retry", "reason": "mended"}), 200)
    desk.work()
    assert dora.get(path).json()["status"] == "succeeded"
    assert codes(dora.post(f"{path}/decision", {"choice": "stop"})) == (409, ["not_waiting"])
    assert codes(dora.post(f"{path}/cancellation")) == (409, ["ended"])
    back = made(dora.post(f"{there}/fallback", {"reason": "enough"}))
    desk.work()
    ended = dora.get(f"/rollouts/{back['id']}").json()
    assert (ended["status"], ended["direction"]) == ("fallen_back", "back")
    assert [desk.serving(name, staging) for name in ("db", "api", "web")] == [None] * 3
    rows = dora.get(f"/releases/{release.pk}/rollouts").json()
    assert [(one["id"], one["direction"]) for one in rows] == [(back["id"], "back"), (begun["id"], "forward")]


def test_agreement_needs_another_person_and_what_was_looked_at(
    desk: ReleaseDesk, max_: Api, production: Environment
) -> None:
    ada = door(desk.admin)
    edited = made(ada.patch("/environments/production", {"approvals_needed": 1, "needs_ready": True}), 200)
    assert (edited["approvals_needed"], edited["needs_ready"]) == (1, True)
    assert ada.patch("/environments/production", {"approvals_needed": 11}).json()["field"] == "approvals_needed"
    assert codes(max_.patch("/environments/production", {"approvals_needed": 0}))[0] == 403
    release = desk.release(packages="db")
    path = f"/releases/{release.pk}"
    blockers = {
        each["code"]
        for one in max_.get(f"{path}/readiness").json()
        if one["environment"]["slug"] == "production"
        for each in one["blockers"]
    }
    assert {"not_sealed", "not_ready"} <= blockers
    sealed = made(max_.post(f"{path}/seal"), 200)
    yes = {"environment": "production", "decision": "approve", "fingerprint": sealed["fingerprint"]}
    assert codes(max_.post(f"{path}/approvals", yes)) == (409, ["own_request"])
    assert ada.post(f"{path}/approvals", yes | {"fingerprint": "0" * 64}).json()["field"] == "fingerprint"
    assert ada.post(f"{path}/approvals", yes | {"decision": "reject"}).json()["field"] == "comment"
    (difference,) = ada.get(f"{path}/differences?environment=production").json()
    assert (difference["package"], difference["now"]) == ("db", None)
    assert made(ada.post(f"{path}/approvals", yes))["is_approved"] is True
    assert len(ada.get(f"{path}/approvals").json()) == 1
    assert made(max_.delete(f"{path}/seal"), 200)["is_sealed"] is False
    assert ada.get(f"{path}/approvals").json() == []


def test_the_old_names_of_sealing_are_still_accepted_and_answered(desk: ReleaseDesk, max_: Api) -> None:
    """Until environments alone were called frozen, the API said so of releases, too."""
    release = desk.release(packages="db")
    path = f"/releases/{release.pk}"
    sealed = made(max_.post(f"{path}/freeze"), 200)
    assert (sealed["status"], sealed["is_sealed"], sealed["is_frozen"]) == ("sealed", True, True)
    assert [one["id"] for one in max_.get("/releases?status=frozen").json()] == [release.pk]
    (package,) = max_.get(path).json()["matrix"]
    assert package["entered"] == package["source_input"] != ""
    assert made(max_.delete(f"{path}/freeze"), 200)["is_frozen"] is False


def test_planned_moved_and_taken_off(desk: ReleaseDesk, max_: Api) -> None:
    release = desk.release(packages="db")
    there = f"/releases/{release.pk}/environments/staging/schedule"
    at = {"at": "2031-03-30T02:30", "zone": "Europe/Paris"}
    planned = made(max_.post(there, at | {"start_by_minutes": 30}))
    assert (planned["planned_at"], planned["start_by"]) == ("2031-03-30T01:00:00Z", "2031-03-30T01:30:00Z")
    assert codes(max_.post(there, at)) == (409, ["scheduled"])
    path = f"/rollouts/{planned['id']}/schedule"
    moved = made(max_.put(path, {"at": "2031-11-02T01:30", "zone": "America/New_York"}), 200)
    assert moved["planned_at"] == "2031-11-02T05:30:00Z"  # the first of the two
    seen = "/calendar?since=2031-11-01T00:00:00Z&until=2031-11-30T00:00:00Z"
    assert [one["title"] for one in max_.get(seen).json()] == [str(release)]
    assert made(max_.delete(path), 200)["status"] == "cancelled"
    assert codes(max_.delete(path)) == (409, ["begun"])


def test_a_plan_equals_what_is_applied_and_applied_twice_does_nothing(desk: ReleaseDesk) -> None:
    both = door(desk.person("grace", Role.RELEASE_MANAGER, Role.DEPLOYER))
    text = "release: Autumn\nversion: 1\npackages:\n  db: r.test/db:1\n  api: {source: r.test/api:1, needs: [db]}\n"
    planned = made(both.post("/releases/file/plan", {"text": text}), 200)
    assert both.get("/releases").json() == []
    done = made(both.post("/releases/file/application", {"text": text}), 200)
    assert done["steps"] == planned
    assert [one["verb"] for one in planned] == ["create", "add", "add", "need"]
    assert made(both.post("/releases/file/application", {"text": text}), 200)["steps"] == []
    written = both.get(f"/releases/{done['release']['id']}/file").json()["text"]
    assert made(both.post("/releases/file/plan", {"text": written}), 200) == []
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    assert both.post("/releases/file/plan", {"text": bomb}).json()["field"] == "release.yaml, line 1"
    refused = door(desk.manager).post("/releases/file/plan", {"text": text.replace("version: 1", "version: 2")})
    assert codes(refused) == (403, ["role"])  # packages are a Deployer's


def test_what_belongs_to_another_release_is_not_there(desk: ReleaseDesk, dora: Api) -> None:
    mine, other = desk.release("1", packages="db"), desk.release("2", packages="api")
    theirs = desk.package(other, "api").pk
    path = f"/releases/{mine.pk}/packages"
    assert dora.get(f"{path}/{theirs}").status_code == 404
    assert dora.patch(f"{path}/{theirs}", {"stage": "ready"}).status_code == 404
    assert dora.delete(f"{path}/{theirs}").status_code == 404
    for act in ("distribution", "deployment", "fallback"):
        assert dora.post(f"{path}/{theirs}/environments/staging/{act}").status_code == 404
    crossed = dora.put(f"{path}/{desk.package(mine, 'db').pk}/needs/{theirs}", {})
    assert crossed.status_code in {404, 422}, crossed.content
    assert desk.package(other, "api").stage == "registered"


def test_who_may_do_what(desk: ReleaseDesk, max_: Api, dora: Api) -> None:
    vera = door(desk.person("vera", Role.VIEWER))
    release = desk.release(packages="db")
    path, there = f"/releases/{release.pk}", f"/releases/{release.pk}/environments/staging"
    file = {"text": "release: X\nversion: 1\n"}
    managers = [("post", "/releases", WANTED), ("patch", path, {"description": "x"}), ("post", f"{path}/seal", {}),
                ("post", f"{there}/schedule", LATER), ("post", "/releases/file/plan", file),
                ("post", f"{path}/cancellation", {}), ("delete", path, None)]  # fmt: skip
    deployers = [("post", f"{path}/packages", {"name": "x", "source": "r/x:1"}), ("post", f"{there}/distribution", {}),
                 ("post", f"{there}/rollouts", {}), ("post", f"{there}/fallback", {})]  # fmt: skip
    for method, where, body in managers + deployers:
        assert vera(method, where, body).status_code == 403, where
    for method, where, body in managers:
        assert dora(method, where, body).status_code == 403, where
    for method, where, body in deployers:
        assert max_(method, where, body).status_code == 403, where
    assert vera.get(path).status_code == 200
    assert Api().get(path).status_code == 401


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/releases", {"name": " ", "version": "1"}, "name"),
        ("/releases", {"name": "A", "version": ""}, "version"),
        ("/releases", WANTED | {"description": "x" * 10_001}, "description"),
        ("/releases", WANTED | {"manager": "nobody"}, "manager"),
        ("/releases", WANTED | {"deputy": "nobody"}, "deputy"),
        ("/releases", WANTED | {"colour": "red"}, "colour"),
        ("/releases", {"name": "Spring", "version": "1"}, "version"),
        ("{release}/clones", {"version": "1"}, "version"),
        ("{release}/packages", {"name": "db", "source": "r/x:1"}, "name"),
        ("{release}/packages", {"name": "x", "source": "UPPER CASE"}, "source"),
        ("{release}/packages", {"name": "x", "source": "https://x.example/a.tgz"}, "source"),
        ("{release}/packages", {"name": "x", "source": "r/x:1", "stage": "done"}, "stage"),
        ("{release}/packages", {"name": "x"}, "source"),
        ("{release}/packages/many", {"text": " "}, "text"),
        ("{release}/packages/many", {"text": "name,colour\nx,red"}, "text"),
        ("{release}/environments/staging/schedule", {"at": "2020-01-01T00:00", "zone": "UTC"}, "at"),
        ("{release}/environments/staging/schedule", {"at": "soon", "zone": "UTC"}, "at"),
        ("{release}/environments/staging/schedule", {"at": "2031-01-01T00:00", "zone": "Europe/Mars"}, "zone"),
        ("{release}/environments/staging/schedule", LATER | {"start_by_minutes": 0}, "start_by_minutes"),
        ("{release}/environments/staging/rollouts", {"parallel": 17}, "parallel"),
        ("/releases/file/plan", {"text": "release: [\n"}, "release.yaml, line 2"),
        ("/releases/file/plan", {"text": "release: A\n"}, "release.yaml, line 1"),
    ],
)  # fmt: skip
def test_bad_input_names_its_field(desk: ReleaseDesk, path: str, body: dict[str, Any], field: str) -> None:
    release = desk.release(packages="db")
    before = list(desk.verbs("release", "package", "rollout"))
    refused = door(desk.admin).post(path.format(release=f"/releases/{release.pk}"), body)
    assert (refused.status_code, refused.json()["field"]) == (422, field), refused.content
    assert desk.verbs("release", "package", "rollout") == before
