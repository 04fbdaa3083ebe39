"""Installing an entry is one transaction: an application, its configuration, who may open it, its first deployment."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Blocked, Role
from fairway.activity.models import Event
from fairway.applications.models import Application, Configuration, Upload
from fairway.applications.secrets import open_secrets
from fairway.catalog import commands
from fairway.catalog.commands import install
from fairway.catalog.models import Installed
from fairway.catalog.queries import installed_as, visible_to
from fairway.catalog.rules import Generated
from fairway.catalog.shelf import get_entry
from fairway.deployments.models import Deployment, Placement
from fairway.shared.names import Invalid
from tests.catalog.test_rules import entry as notes
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


def test_an_entry_becomes_an_application_that_remembers_it(deployer, staging):
    made = install(
        actor=deployer, entry=get_entry("datasette"), environment=staging, name="Team data", answers={"SITE_TITLE": "Sales"}
    )
    assert (made.application.slug, made.deployment.environment, made.passwords) == ("team-data", staging, {})
    kept = installed_as(made.application)
    assert (kept.entry, kept.version, kept.answers) == ("datasette", get_entry("datasette").version, {"SITE_TITLE": "Sales"})
    assert Placement.objects.get().access == "signed_in"
    configuration = Configuration.objects.get()
    assert configuration.variables == {"SITE_TITLE": "Sales"}
    assert set(open_secrets(configuration)) == {"DATASETTE_SECRET"}
    event = Event.objects.get(verb="application.installed")
    assert event.after == {"entry": "datasette", "version": kept.version, "environment": "staging"}


def test_the_first_password_is_told_once_and_sealed(deployer, staging, monkeypatch):
    monkeypatch.setattr(commands, "packed", lambda _entry: b"a tar")
    made = install(actor=deployer, entry=notes(), environment=staging, answers={"OWNER": "ada@example.com"})
    (name, password), *others = made.passwords.items()
    assert (name, others, notes().generate[name]) == ("ADMIN_PASSWORD", [], Generated.PASSWORD)
    configuration = Configuration.objects.get()
    assert open_secrets(configuration)["ADMIN_PASSWORD"] == password
    assert configuration.variables["PUBLIC_URL"].startswith("http://notes.staging.localhost")
    assert password not in str(list(Event.objects.values_list("after", flat=True)))


def test_two_installations_share_the_upload_and_nothing_else(deployer, staging):
    one = install(actor=deployer, entry=get_entry("datasette"), environment=staging, name="One")
    two = install(actor=deployer, entry=get_entry("datasette"), environment=staging, name="Two")
    assert one.application.source["upload"] == two.application.source["upload"]
    assert Upload.objects.count() == 1
    first, second = (open_secrets(found) for found in Configuration.objects.order_by("pk"))
    assert first["DATASETTE_SECRET"] != second["DATASETTE_SECRET"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "Taken"}, "slug"),
        ({"name": "x" * 81}, "name"),
        ({"access": "public"}, "access"),
        ({"answers": {"COLOUR": "red"}}, "COLOUR"),
    ],
)
def test_a_refused_installation_leaves_nothing(deployer, staging, given, field):
    install(actor=deployer, entry=get_entry("datasette"), environment=staging, name="Taken")
    before = [model.objects.count() for model in (Application, Configuration, Deployment, Installed, Event)]
    with pytest.raises(Invalid) as caught:
        install(actor=deployer, entry=get_entry("jupyterlab"), environment=staging, **given)
    assert caught.value.field == field
    assert [model.objects.count() for model in (Application, Configuration, Deployment, Installed, Event)] == before


def test_who_may_not_deploy_there_installs_nothing(viewer, production, staging):
    only_staging = make_person("sam", Role.DEPLOYER, environment=staging)
    for actor in (viewer, only_staging):
        with pytest.raises(Blocked):
            install(actor=actor, entry=get_entry("datasette"), environment=production)
    assert not Application.objects.exists()


def test_what_was_installed_is_seen_by_who_sees_the_application(deployer, viewer, staging):
    install(actor=deployer, entry=get_entry("datasette"), environment=staging, name="One")
    assert [str(found) for found in visible_to(viewer)] == [f"datasette {get_entry('datasette').version}"]
