"""``If-Match``: two people who write by the API do not overwrite each other; see decision 43."""

from __future__ import annotations

from typing import Any

import pytest

from fairway.accounts.models import MailSettings, User
from fairway.accounts.rules import Role
from fairway.api.main import description
from fairway.deployments.models import Placement
from fairway.environments.models import Environment
from tests.api.conftest import Api, person_with, token_of

COMPARE = {  # every operation that replaces what somebody may have read before
    "change_application", "change_backup_schedule", "change_channel", "change_environment", "change_forge", "change_freeze",
    "change_mail", "change_package", "change_release", "change_schedule", "change_stage", "change_trigger",
    "move_rollout", "put_alert_rules", "put_configuration", "put_password_policy", "put_provider", "set_person_roles",
    "set_placement_access", "set_placement_domains", "set_placement_sleep", "set_placement_limits", "set_placement_scaling",
}  # fmt: skip


@pytest.fixture
def grace(db: None) -> Api:
    return Api(token_of(person_with(Role.ADMIN, "grace")))


def matching(api: Api, method: str, path: str, body: object, tag: str) -> Any:
    return api(method, path, body, **{"If-Match": tag})


def test_what_changed_since_is_refused_by_name_and_saved_with_the_newer_tag(
    admin: Api, grace: Api, staging: Environment
) -> None:
    path = "/environments/staging"
    tag = admin.get(path)["ETag"]
    assert grace.patch(path, {"description": "Theirs"}).status_code == 200
    refused = matching(admin, "patch", path, {"description": "Mine"}, tag)
    body = refused.json()
    assert (refused.status_code, body["type"]) == (412, "urn:fairway:problem:changed")
    assert body["detail"].startswith("grace has changed this since you began: description. Nothing was saved.")
    assert (body["changed"]["person"], body["changed"]["fields"]) == ("grace", ["description"])
    assert admin.get(path).json()["description"] == "Theirs"
    newer = admin.get(path)["ETag"]
    assert newer != tag
    assert matching(admin, "patch", path, {"description": "Mine"}, newer).status_code == 200
    assert admin.patch(path, {"description": "Mine again"}).status_code == 200, "it is optional"


@pytest.mark.parametrize("tag", ["{}", '"{}"', 'W/"{}"'])
def test_a_tag_is_understood_as_proxies_and_people_write_it(admin: Api, staging: Environment, tag: str) -> None:
    number = admin.get("/environments/staging")["ETag"].strip('"')
    sent = matching(admin, "patch", "/environments/staging", {"description": "Mine"}, tag.format(number))
    assert sent.status_code == 200


@pytest.mark.parametrize("tag", ["yesterday", '""', "-1", '"abc"'])
def test_another_tag_is_bad_input(admin: Api, staging: Environment, tag: str) -> None:
    sent = matching(admin, "patch", "/environments/staging", {"description": "Mine"}, tag)
    assert (sent.status_code, sent.json()["field"].lower()) == (422, "if-match")


def test_what_cannot_compare_says_so_instead_of_ignoring_it(admin: Api, staging: Environment) -> None:
    sent = matching(admin, "post", "/environments/staging/lock", {"reason": "Maintenance"}, '"1"')
    assert (sent.status_code, sent.json()["field"]) == (422, "If-Match")
    assert admin.get("/environments/staging").json()["status"] == "available"


def test_other_fields_and_other_things_are_no_reason(admin: Api, placed: Placement) -> None:
    application, environment = f"/applications/{placed.application.slug}", f"/environments/{placed.environment.slug}"
    tag = admin.get(application)["ETag"]
    grace = Api(token_of(person_with(Role.ADMIN, "grace")))
    assert grace.patch(application, {"description": "Theirs"}).status_code == 200
    assert matching(admin, "patch", application, {"name": "Mine"}, tag).status_code == 200
    assert matching(admin, "patch", environment, {"description": "Mine"}, tag).status_code == 200


def up_to(count: int) -> dict[str, int]:
    return {"minimum": 1, "maximum": count, "cpu": 70}


def test_mail_roles_domains_access_and_settings(admin: Api, grace: Api, placed: Placement) -> None:
    application = f"/applications/{placed.application.slug}"
    here = f"{application}/environments/{placed.environment.slug}"
    person_with(Role.VIEWER, "vera")
    server = {"host": "mail.test", "sender": "fairway@mail.test"}
    provider = {"name": "A", "issuer": "https://login.test", "client_id": "fairway", "secret": "hush hush"}
    there = "/sign-in-providers/company"
    assert admin.put(there, provider).status_code == 200
    tries = [
        ("/mail", "put", "/mail", server, {**server, "port": 2525}),
        (there, "put", there, {**provider, "name": "B"}, {**provider, "name": "C"}),
        ("/people/vera", "put", "/people/vera/roles", {"grants": [{"role": "deployer"}]}, {"grants": []}),
        (application, "put", f"{here}/placement/domains", {"domains": ["one.test"]}, {"domains": ["two.test"]}),
        (application, "put", f"{here}/placement/access", {"access": "signed_in"}, {"access": "public"}),
        (
            application,
            "put",
            f"{here}/placement/scaling",
            {"minimum": 1, "maximum": 3, "cpu": 70},
            {"minimum": 1, "maximum": 2, "cpu": 70},
        ),
        (application, "put", f"{here}/placement/limits", {"pids": 100}, {"pids": 200}),
        (application, "put", f"{here}/placement/sleep", {"after": 30}, {"after": 60}),
        (f"{here}/configuration", "put", f"{here}/configuration", {"variables": {"A": "1"}}, {"variables": {"A": "2"}}),
    ]
    for read, method, path, theirs, mine in tries:
        tag = admin.get(read)["ETag"]
        assert grace(method, path, theirs).status_code == 200, path
        refused = matching(admin, method, path, mine, tag)
        assert (refused.status_code, refused.json()["changed"]["person"]) == (412, "grace"), path
        assert matching(admin, method, path, mine, admin.get(read)["ETag"]).status_code == 200, path
    assert (MailSettings.objects.get().port, User.objects.get(username="vera").role_grants.count()) == (2525, 0)


def test_every_operation_that_edits_takes_it() -> None:
    """A PATCH that does not, or a PUT that replaces what people read, would overwrite silently."""
    found = {
        one["operationId"]: {parameter["name"] for parameter in one.get("parameters", ())}
        for item in description()["paths"].values()
        for method, one in item.items()
        if method in {"patch", "put"}
    }
    assert {name for name, parameters in found.items() if "If-Match" in parameters} == COMPARE
    patches = {one["operationId"] for item in description()["paths"].values() for m, one in item.items() if m == "patch"}
    assert patches <= COMPARE
