"""What most tests need: people of every role, environments on the fake runtime, an application."""

from __future__ import annotations

import gc
import itertools
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.db import connection
from django.template import Template
from django.test.utils import _TestState
from django.utils import translation

import tests.exploring  # noqa: F401 -- before any property is read
from fairway.accounts.models import RoleGrant, User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import SYSTEM, Actor, Role
from fairway.activity.rules import Door
from fairway.applications.commands import create_application, record_artifact
from fairway.applications.models import Application, Artifact
from fairway.drivers.builders.contract import Spec
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef
from fairway.environments.models import Environment
from tests.naming import unsteady
from tests.services.sharing import shared

pytest.register_assert_rewrite("tests.services.installation", "tests.workflows.desk", "tests.workflows.held")

collect_ignore = ["corpus/apps"]  # applications, some with tests of their own
numbers = itertools.count(1)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so a shell starts what it sends to the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the programs that tests start would ignore it, too


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if found := unsteady(item.nodeid for item in items):
        lines = "\n  ".join(found)
        raise pytest.UsageError(f"These tests are named by a moment or a process. Give them ids that stay:\n  {lines}")


def pytest_collection_finish() -> None:
    """What is loaded by now stays, and need not be looked through for what could be freed: four files of tests of pages took
    17.6 CPU-seconds with that and 14.7 without."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(autouse=True)
def _nobody_speaks_yet() -> Iterator[None]:
    """Django leaves the language of a request standing for whoever comes next in its thread; here that is another test."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def django_test_environment(django_test_environment: None) -> None:
    """Templates are drawn as in the product. Django would tell of each one, each time, to tests that read which were drawn;
    none does here, and copying what each was given took an eighth of every page."""
    Template._render = _TestState.saved_data.template_render  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The tables are there already, and the database is in memory: it ends with the process."""
    return is_on_sqlite()


def is_on_sqlite() -> bool:
    return connection.vendor == "sqlite"


@pytest.fixture(scope="session")
def django_db_modify_db_settings_tox_suffix() -> None:
    """In memory, and so each process's own. pytest-django knows only Django's own backend by its name, and would make it
    a file for each process."""
    if is_on_sqlite():
        connection.settings_dict["TEST"]["NAME"] = ":memory:"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """Begin with the tables that the run made once: making them takes each test process some seconds."""
    if not is_on_sqlite():
        yield
        return
    name = connection.creation._get_test_db_name()  # type: ignore[attr-defined]
    with closing(sqlite3.connect(shared("tables")["file"])) as made, closing(sqlite3.connect(name, uri=True)) as ours:
        made.backup(ours)
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> None:
    """Between tests tables are emptied, which the append-only triggers of events refuse; one test tries those itself."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        drop_event_triggers()


def drop_event_triggers() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER IF EXISTS fairway_event_no_update")
            cursor.execute("DROP TRIGGER IF EXISTS fairway_event_no_delete")
        else:
            cursor.execute("DROP TRIGGER IF EXISTS fairway_event_append_only ON fairway_event")


def make_person(username: str, *roles: Role, environment: Environment | None = None, door: Door = Door.WEB) -> Actor:
    """A person with these roles (narrowed to `environment` if given), as an actor."""
    user = User.objects.create_user(username=username, password="correct horse battery")
    for role in roles:
        RoleGrant.objects.create(user=user, role=role, environment=environment)
    return actor_for(user, door=door)


@pytest.fixture
def admin(db: None) -> Actor:
    return make_person("ada", Role.ADMIN)


@pytest.fixture
def manager(db: None) -> Actor:
    return make_person("max", Role.RELEASE_MANAGER)


@pytest.fixture
def deployer(db: None) -> Actor:
    return make_person("dora", Role.DEPLOYER)


@pytest.fixture
def viewer(db: None) -> Actor:
    return make_person("vera", Role.VIEWER)


def make_environment(slug: str, *, runtime: str = "fake", position: int = 10) -> Environment:
    return Environment.objects.create(
        slug=slug, name=slug.capitalize(), host=f"{slug}.localhost", position=position, runtime=runtime
    )


@pytest.fixture
def staging(db: None) -> Environment:
    return make_environment("staging", position=20)


@pytest.fixture
def production(db: None) -> Environment:
    return make_environment("production", position=30)


@pytest.fixture
def hello(db: None) -> Application:
    return create_application(actor=SYSTEM, name="Hello", source_kind="image", source={"image": "registry.test/hello:1"})


def make_artifact(application: Application, version: str = "1.0", **spec: object) -> Artifact:
    """An image artifact that the fake runtime can run."""
    digest = f"sha256:{next(numbers):064x}"
    ref = ArtifactRef(ArtifactKind.IMAGE, digest, f"registry.test/{application.slug}@{digest}")
    return record_artifact(
        application=application,
        ref=ref,
        spec=Spec(kind="image", **spec),  # type: ignore[arg-type]
        version=version,
        source_kind="image",
        source=application.source,
        created_by="test",
    )
