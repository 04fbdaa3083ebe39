"""Secrets in fields that are not made for them: refused when typed, sealed where needed, masked where they stand."""

from __future__ import annotations

import pytest
from django.db import connection

from fairway.accounts.rules import Actor
from fairway.applications.commands import create_application
from fairway.applications.models import Application
from fairway.deployments.models import Deployment
from fairway.environments.commands import create_environment, edit_environment
from fairway.environments.models import Environment
from fairway.environments.runtimes import driver_options
from fairway.environments.secrets import reseal_options
from fairway.releases.source_input import parse_source_input
from fairway.shared.masking import MASK, Masker
from fairway.shared.names import Invalid
from fairway.workflows.step_context import typed_secrets
from tests.web.conftest import Browser, live

SECRET = "Zx81kQ99pLmN3vB7tR2w"
CHECKSUM = "a" * 64
TYPED = [
    f"https://ada:{SECRET}@example.com/a.zip",
    f"https://{SECRET}@example.com/a.zip",
    f"https://example.com/a.zip?token={SECRET}",
]


@pytest.mark.parametrize("url", TYPED)
def test_no_source_takes_a_secret(deployer: Actor, url: str) -> None:
    for kind, source in (("archive", {"url": url, "checksum": CHECKSUM}), ("git", {"url": url.replace("a.zip", "a.git")})):
        with pytest.raises(Invalid) as refused:
            create_application(actor=deployer, name="App", source_kind=kind, source=source)
        assert refused.value.field == "url"
        assert SECRET not in refused.value.sentence
        assert "under Settings" in refused.value.sentence
    assert not Application.objects.exists()
    assert parse_source_input(f"{url}#sha256:{CHECKSUM}")[0] == "archive", (
        "what a package's version is read as is checked alike"
    )


@pytest.mark.parametrize("url", TYPED)
def test_no_environments_link_takes_a_secret(admin: Actor, url: str) -> None:
    with pytest.raises(Invalid, match="url"):
        create_environment(actor=admin, name="Far", host="far.localhost", url=url)


def test_what_was_typed_before_is_masked_on_every_page(browse: Browser, admin: Actor, hello, staging) -> None:
    source = {"url": f"https://example.com/a.zip?token={SECRET}", "checksum": CHECKSUM}
    deployment = live(hello, staging)
    Application.objects.update(source_kind="archive", source=source)
    Deployment.objects.update(source_kind="archive", source=source)
    Environment.objects.update(options={"build_args": {"PIP_INDEX_URL": f"https://u:{SECRET}@index.example/"}})
    client = browse(admin)
    pages = [
        "/",
        "/applications/",
        "/applications/hello/",
        "/applications/hello/settings",
        f"/deployments/{deployment.pk}",
        "/events/",
    ]
    pages += ["/environments/staging/", "/api/v1/applications", "/api/v1/applications/hello", "/api/v1/environments"]
    pages += [
        "/api/v1/environments/staging",
        "/api/v1/deployments",
        f"/api/v1/deployments/{deployment.pk}",
        "/api/v1/placements",
    ]
    for page in pages:
        answer = client.get(page, follow=True)
        assert answer.status_code == 200, page
        assert SECRET not in answer.content.decode(), page
    assert f"token={MASK}" in client.get("/api/v1/applications/hello").json()["source"]["url"]


def test_build_arguments_are_sealed_shown_masked_and_given_to_builds(browse: Browser, admin: Actor) -> None:
    arguments = {"PIP_INDEX_URL": f"https://u:{SECRET}@index.example/", "PLAIN": "3.12"}
    made = create_environment(
        actor=admin, name="Far", host="far.localhost", runtime="docker", options={"build_args": arguments}
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT options FROM fairway_environment WHERE id = %s", [made.pk])
        assert SECRET not in str(cursor.fetchone())
        cursor.execute("SELECT before, after FROM fairway_event")
        assert SECRET not in str(cursor.fetchall())
    assert driver_options(made)["build_args"] == arguments
    client = browse(admin)
    shown = client.get("/api/v1/environments/far").json()["options"]
    assert shown == {"build_args": {"PIP_INDEX_URL": MASK, "PLAIN": MASK}}
    edited = edit_environment(
        actor=admin, environment=made, options={"build_args": {**shown["build_args"], "PLAIN": "3.13"}}
    )
    assert driver_options(edited)["build_args"] == {**arguments, "PLAIN": "3.13"}
    with pytest.raises(Invalid, match="no value is stored"):
        edit_environment(actor=admin, environment=made, options={"build_args": {"NEW": MASK}})
    assert edit_environment(actor=admin, environment=edited, name="Farther").options == edited.options


def test_what_an_earlier_version_kept_in_clear_is_sealed_at_the_next_start(staging: Environment) -> None:
    Environment.objects.update(options={"build_args": {"TOKEN": SECRET}, "cpus": 1})
    assert reseal_options(only_clear=True) == 1
    staging.refresh_from_db()
    assert SECRET not in str(staging.options)
    assert driver_options(staging)["build_args"] == {"TOKEN": SECRET}
    assert (reseal_options(only_clear=True), reseal_options()) == (0, 1)


def test_logs_mask_what_stands_in_addresses_and_arguments(staging: Environment) -> None:
    staging.options = {
        "build_args": {"PIP_INDEX_URL": "https://u:hunter22@index.example/", "PYTHON": "3.12", "NPM_TOKEN": "abcdef"}
    }
    masker = Masker(typed_secrets(staging, {"url": f"https://example.com/a.zip?token={SECRET}"}))
    assert masker(f"{SECRET} hunter22 abcdef 3.12") == f"{MASK} {MASK} {MASK} 3.12"
