"""What is drawn once for many is what each of them would have been shown alone."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError
from django.utils import timezone

from fairway.accounts.models import User
from fairway.accounts.rules import Act, Actor, Authentication, Grant, Role, may, may_somewhere
from fairway.activity.rules import Door
from fairway.applications.commands import request_inspection
from fairway.applications.models import Application
from fairway.deployments.commands.jobs import run_command
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.models import Deployment
from fairway.deployments.rules import Status
from fairway.environments.commands import lock_environment
from fairway.environments.freeze_commands import create_freeze
from fairway.environments.models import Environment
from fairway.monitoring.models import Alert
from fairway.releases.commands.approvals import approve, seal
from fairway.releases.commands.dependencies import add_dependency
from fairway.releases.commands.packages import add_package
from fairway.releases.commands.releases import create_release
from fairway.releases.commands.schedule import schedule_release
from fairway.releases.models import Release, Rollout
from fairway.resources.models import Backup, Binding, Resource
from fairway.web.live_fragments import KINDS, Topic, render, topic_named
from fairway.web.sharing import WatchedActor, shared, what_was_read
from fairway.web.templatetags import fairway as tags
from fairway.web.templatetags.kept import Kept
from fairway.web.viewers import Viewer
from tests.conftest import make_artifact, make_environment, make_person
from tests.web.conftest import finish, live


@dataclass(frozen=True)
class Watcher:
    """A page that is open."""

    viewer: Viewer


def watcher(actor: Actor, language: str = "en", zone: str = "UTC") -> Watcher:
    in_a_session = replace(actor, authentication=Authentication(session=f"session-{actor.id}"))
    return Watcher(Viewer(in_a_session, f"token-{actor.id}", language, zone))


@pytest.fixture
def people(db: None) -> dict[str, Actor]:
    made = {
        "ada": make_person("ada", Role.ADMIN),
        "bob": make_person("bob", Role.ADMIN),
        "max": make_person("max", Role.RELEASE_MANAGER),
        "mia": make_person("mia", Role.RELEASE_MANAGER),
        "grace": make_person("grace", Role.RELEASE_MANAGER, Role.DEPLOYER),
        "dora": make_person("dora", Role.DEPLOYER),
        "vera": make_person("vera", Role.VIEWER),
        "otto": make_person("otto", Role.VIEWER),
    }
    return {**made, "ada as viewer": replace(made["ada"], acting_as=Role.VIEWER)}


@pytest.fixture
def names(people, hello, staging, production, monkeypatch) -> list[str]:
    """A small world in which something personal can be said everywhere, and the name of every fragment of it."""
    people["nora"] = make_person("nora", Role.DEPLOYER, environment=staging)
    for one in (staging, production):
        one.approvals_needed = 1
        one.save()
    Environment.objects.filter(pk=production.pk).update(
        approval_people=["vera"], approval_roles=["release_manager", "admin"]
    )
    live(hello, staging, actor=people["dora"])
    failed = request_deployment(
        actor=people["dora"], application=hello, environment=production, artifact=make_artifact(hello)
    )
    finish(failed, Status.FAILED, "It broke.")
    moving = request_deployment(actor=people["grace"], application=hello, environment=staging, artifact=make_artifact(hello))
    lock_environment(
        actor=people["max"], environment=production, reason="Audit", until=timezone.now() + timedelta(minutes=9)
    )
    far = make_environment("far", runtime="docker")
    starts, ends = (timezone.now().astimezone(ZoneInfo("Europe/Paris")) + timedelta(hours=hours) for hours in (-1, 3))
    create_freeze(
        actor=people["max"], name="Sale", reason="Busy", environments=["production"], zone="Europe/Paris",
        starts=f"{starts:%Y-%m-%dT%H:%M}", ends=f"{ends:%Y-%m-%dT%H:%M}",
    )  # fmt: skip
    release, rollout = _release(people)
    request_inspection(actor=people["dora"], source_kind="image", source={"image": "r/x:1"})
    kept = Resource.objects.create(
        environment=staging, name="main", kind="postgres", version="18.6", state="running", port=29000, sealed_password="",
    )  # fmt: skip
    Binding.objects.create(
        resource=kept, application=hello, alias="database", database="hello", login="hello", sealed_password="",
        state="bound",
    )  # fmt: skip
    Backup.objects.create(
        resource=kept, application=hello, database="hello", version="18.6", state="verified", file="1.sealed",
        requested_by="dora",
    )  # fmt: skip
    Alert.objects.create(
        kind="errors", subject_kind="placement", subject_id="1", label="Hello · Production", severity="critical",
        application=hello, environment=production, since=timezone.now(), checked_at=timezone.now(), is_told=True,
        started_at=timezone.now(), sentence="Much is wrong.",
    )  # fmt: skip
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    found = [f"resource:staging:main:{part}" for part in ("state", "bindings", "backups")]
    found += ["resources", "home:matrix", "home:running", "home:recent", "home:waiting"]
    found += ["home:alerts", "environments", "freezes"]
    found += ["placement:hello:staging", "placement:hello:production", "application:hello:recent"]
    parts = ("head", "progress", "approval", "outcome", "facts")
    found += [f"deployment:{one.pk}:{part}" for one in (failed, moving) for part in parts]
    command = run_command(actor=people["dora"], application=hello, environment=staging, command=["echo", "x"])
    found += [f"job:{command.pk}:{part}" for part in ("head", "outcome", "facts")]
    parts = ("host", "state", "placements", "protection")
    found += [f"environment:{one.slug}:{part}" for one in (staging, production, far) for part in parts]
    parts = ("head", "matrix", "readiness", "rollouts", "sealing", "planned", "approvals")
    found += [f"release:{release.pk}:{part}" for part in parts]
    return [*found, f"rollout:{rollout.pk}:progress"]


def _release(people: dict[str, Actor]) -> tuple[Release, Rollout]:
    """Sealed by Max, waiting for approval, planned."""
    manager = User.objects.get(pk=people["max"].id)
    made = create_release(actor=people["max"], name="Autumn", version="1", manager=manager)
    packages = []
    for name in ("front", "back"):
        application = Application.objects.create(slug=name, name=name, source_kind="image", source={"image": "r/x:1"})
        artifact = make_artifact(application)
        packages.append(add_package(actor=people["dora"], release=made, name=name, artifact=artifact, stage="ready"))
    add_dependency(actor=people["dora"], package=packages[0], needs=packages[1])
    seal(actor=people["max"], release=made)
    made.refresh_from_db()
    at = timezone.now() + timedelta(days=2)
    environment = Deployment.objects.get(status=Status.SUCCEEDED).environment
    rollout = schedule_release(
        actor=people["max"], release=made, environment=environment, at=f"{at:%Y-%m-%dT%H:%M}", zone="Europe/Paris"
    )
    return made, rollout


def forget_what_was_drawn() -> None:
    for one in gc.get_objects():
        if type(one) is Kept:
            one._drawn.clear()
    for name in ("icon", "_status", "_exact_words", "_avatar"):
        getattr(tags, name).cache_clear()


def topic_of(name: str) -> Topic:
    topic = topic_named(name)
    assert topic is not None, name
    return topic


def everybody(people: dict[str, Actor]) -> list[Watcher]:
    """Two of each role, somebody narrowed, somebody acting as less; some in another language and time zone."""
    far = [watcher(people[name], "fr", "Asia/Tokyo") for name in ("bob", "max", "otto")]
    return [watcher(people[name]) for name in people if name not in ("bob", "otto")] + far


def test_every_fragment_is_for_each_person_what_they_alone_would_be_shown(people, names):
    kinds = {topic_of(name).kind for name in names}
    assert kinds == {kind for kind in KINDS if kind.template}, "a fragment of every kind is drawn here"
    said = ""
    for name in names:
        topic = topic_of(name)
        watching = everybody(people)
        drawn = [(one, data) for data, those in shared(partial(render, topic), watching) for one in those]
        assert len(drawn) == len(watching), name
        forget_what_was_drawn()
        for one, data in drawn:
            alone = render(topic, one.viewer.actor, one.viewer.language, one.viewer.zone)
            assert data == alone, (name, one.viewer)
            said += alone["html"] if alone else ""
    for personal in ("You sealed it", "You requested this deployment", "Your lock of", "→ Production failed", "JST"):
        assert personal in said, f"the world has nothing personal to say: {personal}"


def test_what_one_sealed_is_said_to_them_alone(people, names):
    """The attack of the field: two release managers with the same roles have the same page open."""
    name = next(name for name in names if name.endswith(":approvals"))
    found = {
        one.viewer.actor.name: data["html"]
        for data, those in shared(partial(render, topic_of(name)), [watcher(people["mia"]), watcher(people["max"])])
        for one in those
        if data
    }
    assert "You sealed it" in found["max"]
    assert "You sealed it" not in found["mia"]


def test_equals_share_where_nothing_personal_is_read(people, names):
    """A thousand viewers cost as many drawings as there are kinds of viewers, not as there are people."""
    drawn: dict[str, int] = {}
    viewers = [watcher(replace(people["vera"], id=1000 + number, name=f"v{number}")) for number in range(12)]
    for name in names:
        results = list(shared(partial(render, topic_of(name)), viewers))
        assert sum(len(those) for _, those in results) == 12
        drawn[name] = len(results)
    shared_by_all = [name for name, count in drawn.items() if count == 1]
    assert set(drawn) - set(shared_by_all) <= {"home:waiting"}, drawn


GRANTS = (Grant(Role.DEPLOYER, "staging"), Grant(Role.VIEWER, application="hello"))
SOMEBODY = Actor(7, "sam", GRANTS, acting_as=Role.VIEWER, door=Door.API, address="10.1.1.1", client="curl")


@pytest.mark.parametrize(
    ("look", "read"),
    [
        (lambda actor: may(actor, Act.VIEW), {"is_system", "active_grants"}),
        (lambda actor: may_somewhere(actor, Act.VIEW), {"is_system", "active_grants"}),
        (lambda actor: actor.id, {"id"}),
        (lambda actor: actor.who, {"who"}),
        (lambda actor: isinstance(actor, Actor), set()),
        (lambda actor: actor == SOMEBODY, {"id", "name", "grants", "address"}),
        (hash, {"id", "name", "grants", "address"}),
        (repr, {"id", "name", "grants", "address"}),
        (lambda actor: replace(actor, door=Door.WEB), {"id", "name", "grants", "address"}),
        (vars, {"id", "name", "grants", "address"}),
    ],
)
def test_whatever_is_looked_at_is_remembered(look, read):
    watched = WatchedActor(SOMEBODY)
    assert look(watched) == look(SOMEBODY)
    names = {fact[0] for fact in what_was_read(watched)}
    assert read <= names
    if len(read) < 3:
        assert names == read


def test_what_is_read_late_splits_those_who_differ_in_it_only():
    """Whoever comes to the second question alone is asked it alone."""

    def draw(actor: Actor, language: str, zone: str) -> str:
        return f"{language} {actor.name}" if actor.id == 2 else f"{language} somebody"

    everyone = [replace(SOMEBODY, id=number % 3, name=f"n{number}") for number in range(30)]
    everyone_watches = [watcher(one, language) for one in everyone for language in ("en", "fr")]
    results = list(shared(draw, everyone_watches))
    told = [(one, text) for text, those in results for one in those]
    assert len(told) == 60
    assert all(text == draw(one.viewer.actor, one.viewer.language, "") for one, text in told)
    assert len(results) <= 2 * (10 + 10 + 10)


def test_a_question_tells_apart_only_those_who_are_answered_differently():
    def draw(actor: Actor, *_: str) -> str:
        return "you" if actor.is_among(frozenset({3, 4})) else "somebody else"

    people = [watcher(replace(SOMEBODY, id=number)) for number in range(100)]
    results = {text: [one.viewer.actor.id for one in those] for text, those in shared(draw, people)}
    assert results == {"somebody else": [n for n in range(100) if n not in (3, 4)], "you": [3, 4]}


def test_an_approval_of_ones_own_is_missed_by_oneself_alone(people, names):
    """What a release still needs is said to whoever reads it: their own approval does not count for their own rollout."""
    release = Release.objects.get()
    production = Environment.objects.get(slug="production")
    approve(actor=people["mia"], release=release, environment=production, fingerprint=release.fingerprint)
    topic = topic_of(f"release:{release.pk}:readiness")
    watching = [watcher(people[name]) for name in ("max", "mia", "ada", "bob")]
    found = {one.viewer.actor.name: data for data, those in shared(partial(render, topic), watching) for one in those}
    missing = "1 approval for Production is missing"
    assert [name for name, data in found.items() if data and missing in data["html"]] == ["mia"]
    assert all(found[one.viewer.actor.name] == render(topic, one.viewer.actor, "en", "UTC") for one in watching)


def test_grants_are_the_same_in_any_order():
    others = [
        replace(SOMEBODY, acting_as=None, grants=grants, id=number) for number, grants in enumerate([GRANTS, GRANTS[::-1]])
    ]
    assert len(list(shared(lambda actor, *_: len(actor.active_grants), map(watcher, others)))) == 1


def test_a_fragment_that_breaks_for_some_reaches_the_others(caplog):
    def draw(actor: Actor, *_: str) -> int:
        if actor.id == 1:
            raise ValueError("broken")
        return actor.id or 0

    told = [
        one.viewer.actor.id
        for _, those in shared(draw, [watcher(replace(SOMEBODY, id=n)) for n in range(4)])
        for one in those
    ]
    assert told == [0, 2, 3]
    assert "could not be rendered" in caplog.text


def test_a_database_that_is_away_is_said():
    def draw(*_: object) -> Iterator[None]:
        raise OperationalError

    with pytest.raises(OperationalError):
        list(shared(draw, [watcher(SOMEBODY)]))
