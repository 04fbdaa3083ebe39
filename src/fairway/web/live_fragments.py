"""The fragments that pages can watch: which events touch each, who may watch it, and how it is rendered.

The page contains the topic's name (``data-live="home:matrix"``). Its fragment is rendered with the same function and partial
template as the page itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone, translation

from fairway.accounts.rules import Actor, NotVisible
from fairway.activity.models import Event
from fairway.applications import queries as applications
from fairway.deployments import queries as deployments
from fairway.environments import queries as environments
from fairway.releases import queries as releases
from fairway.releases.models import Release
from fairway.resources import queries as resources
from fairway.web.presenters import alerts as shown_alerts
from fairway.web.presenters import applications as shown_applications
from fairway.web.presenters import commands as shown_commands
from fairway.web.presenters import environments as shown_environments
from fairway.web.presenters import freezes as shown_freezes
from fairway.web.presenters import home as shown_home
from fairway.web.presenters import release_plan as shown_plan
from fairway.web.presenters import releases as shown_releases
from fairway.web.presenters import resources as shown_resources
from fairway.web.presenters import rollouts as shown_rollouts
from fairway.web.presenters.deployments import deployment_shown
from fairway.web.presenters.hosts import host_shown
from fairway.web.presenters.placements import placement_shown

CSRF_PLACE = "csrf-token-of-the-viewer"  # replaced by each viewer's own token when the fragment is sent
MOST_TOPICS = 64
FAMILIES = {  # what lists and calendars listen to
    "deployment": "deployments",
    "release": "releases",
    "package": "releases",
    "rollout": "releases",
    "environment": "environments",
    "freeze": "freezes",
    "resource": "resources",
    "binding": "resources",
    "backup": "resources",
    "alert": "alerts",
    "silence": "alerts",
}

Context = dict[str, Any]
Build = Callable[[Actor, list[str]], Context | None]


@dataclass(frozen=True)
class Topic:
    """One fragment that can be watched. An event about any of `subjects` touches it."""

    name: str
    subjects: frozenset[str]
    kind: Kind


@dataclass(frozen=True)
class Kind:
    """A kind of topic. Without `template` the page is told to fetch its fragment itself, because its URL contains
    filters."""

    pattern: re.Pattern[str]
    subjects: tuple[str, ...]
    build: Build
    template: str = ""


def subjects_of(event: Event) -> frozenset[str]:
    """The subjects of an event, in the form that topics use."""
    found = {"events", "home", f"{event.subject_kind}:{event.subject_id}"}
    if event.application:
        found.add(f"application:{event.application}")
    if event.environment:
        found.add(f"environment:{event.environment}")
    if family := FAMILIES.get(event.subject_kind):
        found.add(family)
    return frozenset(found)


def watchable(actor: Actor, names: Iterable[str]) -> list[Topic]:
    """The topics among these names that exist and that this actor may watch."""
    found = []
    for name in list(dict.fromkeys(names))[:MOST_TOPICS]:
        topic = topic_named(name)
        if topic is not None and _may_watch(actor, topic):
            found.append(topic)
    return found


def topic_named(name: str) -> Topic | None:
    for kind in KINDS:
        if match := kind.pattern.fullmatch(name):
            subjects = frozenset(subject.format(*match.groups()) for subject in kind.subjects)
            return Topic(name, subjects, kind)
    return None


def render(topic: Topic, actor: Actor, language: str, zone: str) -> dict[str, str] | None:
    """The message to send: ``{"topic", "html"}``, ``{"topic"}`` if the page must fetch it itself, None if it does not
    exist any more.

    Everything that it shows about its viewer comes from these three arguments; see `fairway.web.sharing`.
    """
    if not topic.kind.template:
        return {"topic": topic.name}
    match = topic.kind.pattern.fullmatch(topic.name)
    assert match is not None
    with translation.override(language), timezone.override(zone):
        try:
            context = topic.kind.build(actor, list(match.groups()))
        except NotVisible:
            return None
        if context is None:
            return None
        template = topic.kind.template.format(*match.groups())
        return {"topic": topic.name, "html": render_to_string(template, {**context, "csrf_token": CSRF_PLACE})}


def _may_watch(actor: Actor, topic: Topic) -> bool:
    match = topic.kind.pattern.fullmatch(topic.name)
    assert match is not None
    try:
        for subject in topic.subjects:
            _look_for(actor, subject)
        _look_for_pair(actor, topic)
    except NotVisible:
        return False
    return True


def _look_for_pair(actor: Actor, topic: Topic) -> None:
    """Raise `NotVisible` unless one grant covers both the application and the environment of a topic."""
    named = dict(subject.split(":", 1) for subject in topic.subjects if ":" in subject)
    if "application" in named and "environment" in named:
        environments.get_environment_for(
            actor, applications.get_application(actor, named["application"]), named["environment"]
        )


def _look_for(actor: Actor, subject: str) -> None:
    """Raise `NotVisible` unless the actor may see this subject."""
    kind, _, name = subject.partition(":")
    if kind == "deployment":
        deployments.get_deployment(actor, int(name))
    elif kind == "job":
        deployments.get_job(actor, int(name))
    elif kind == "application":
        applications.get_application(actor, name)
    elif kind == "environment":
        environments.get_environment(actor, name)
    elif kind == "inspection":
        applications.get_inspection(actor, int(name))
    elif kind == "release":
        releases.get_release(actor, int(name))
    elif kind == "rollout":
        releases.get_rollout(actor, int(name))


def _placement(actor: Actor, parts: list[str]) -> Context | None:
    application = applications.get_application(actor, parts[0])
    card = placement_shown(actor, application, parts[1])
    return None if card is None else {"placement": card, "application": application}


def _recent(actor: Actor, parts: list[str]) -> Context:
    return shown_applications.recent(actor, applications.get_application(actor, parts[0]))


def _deployment(actor: Actor, parts: list[str]) -> Context:
    return deployment_shown(actor, deployments.get_deployment(actor, int(parts[0])))


def _command(actor: Actor, parts: list[str]) -> Context:
    return shown_commands.command_shown(actor, deployments.get_job(actor, int(parts[0])))


def _environment_state(actor: Actor, parts: list[str]) -> Context:
    return shown_environments.state_shown(actor, environments.get_environment(actor, parts[0]))


def _protection(actor: Actor, parts: list[str]) -> Context:
    return shown_environments.protection_shown(actor, environments.get_environment(actor, parts[0]))


def _placements_here(actor: Actor, parts: list[str]) -> Context:
    return shown_environments.placements_here(actor, environments.get_environment(actor, parts[0]))


def _host(actor: Actor, parts: list[str]) -> Context:
    return host_shown(actor, environments.get_environment(actor, parts[0]))


def _rollout(actor: Actor, parts: list[str]) -> Context:
    return shown_rollouts.progress_shown(actor, releases.get_rollout(actor, int(parts[0])))


def _resource_state(actor: Actor, parts: list[str]) -> Context:
    return shown_resources.state_shown(actor, resources.get_resource(actor, parts[0], parts[1]))


def _resource_bindings(actor: Actor, parts: list[str]) -> Context:
    return shown_resources.bindings_shown(actor, resources.get_resource(actor, parts[0], parts[1]))


def _resource_backups(actor: Actor, parts: list[str]) -> Context:
    return shown_resources.backups_shown(actor, resources.get_resource(actor, parts[0], parts[1]))


def _nothing(actor: Actor, parts: list[str]) -> Context:
    return {}


def _home(build: Callable[[Actor], Context]) -> Build:
    return lambda actor, parts: build(actor)


def _kind(pattern: str, subjects: Iterable[str], build: Build, template: str = "") -> Kind:
    return Kind(re.compile(pattern), tuple(subjects), build, template)


def _desk(part: str, build: Callable[[Actor, Release], Context], template: str) -> Kind:
    """A fragment of a release. Events on its packages do not name the release, so it listens to all events of the release
    desk."""

    def of_release(actor: Actor, parts: list[str]) -> Context:
        return build(actor, releases.get_release(actor, int(parts[0])))

    return _kind(rf"release:(\d{{1,18}}):{part}", ["release:{0}", "releases"], of_release, template)


_RESOURCE = r"resource:([a-z0-9-]+):([a-z0-9-]+):"
KINDS = (
    _kind("home:matrix", ["home"], _home(shown_home.home_matrix), "home.html#matrix"),
    _kind("home:alerts", ["alerts"], _home(shown_alerts.home_alerts), "home.html#alerts"),
    _kind("home:running", ["home"], _home(shown_home.home_running), "home.html#running"),
    _kind("home:recent", ["home"], _home(shown_home.home_recent), "home.html#recent"),
    _kind("home:waiting", ["home"], _home(shown_home.home_waiting), "home.html#waiting"),
    _kind(
        r"placement:([a-z0-9-]+):([a-z0-9-]+)",
        ["application:{0}", "environment:{1}"],
        _placement,
        "applications/detail.html#placement",
    ),
    _kind(r"application:([a-z0-9-]+):recent", ["application:{0}"], _recent, "applications/detail.html#recent"),
    _kind(
        r"deployment:(\d{1,18}):(head|progress|approval|outcome|facts)",
        ["deployment:{0}"],
        _deployment,
        "deployments/detail.html#{1}",
    ),
    _kind(r"job:(\d{1,18}):(head|outcome|facts)", ["job:{0}"], _command, "commands/detail.html#{1}"),
    _kind(r"environment:([a-z0-9-]+):(protection)", ["environment:{0}"], _protection, "environments/detail.html#{1}"),
    _kind(r"environment:([a-z0-9-]+):(host)", ["environment:{0}"], _host, "environments/detail.html#{1}"),
    _kind(
        r"environment:([a-z0-9-]+):(state)",
        ["environment:{0}", "freezes"],
        _environment_state,
        "environments/detail.html#{1}",
    ),
    _kind(r"environment:([a-z0-9-]+):(placements)", ["environment:{0}"], _placements_here, "environments/detail.html#{1}"),
    _kind("environments", ["home"], _home(shown_environments.list_shown), "environments/list.html#list"),
    _kind("freezes", ["freezes"], _home(shown_freezes.list_shown), "freezes/list.html#list"),
    _kind("resources", ["resources"], _home(shown_resources.list_shown), "resources/list.html#list"),
    _kind(_RESOURCE + "(state)", ["environment:{0}"], _resource_state, "resources/detail.html#{2}"),
    _kind(_RESOURCE + "(bindings)", ["environment:{0}"], _resource_bindings, "resources/detail.html#{2}"),
    _kind(_RESOURCE + "(backups)", ["environment:{0}"], _resource_backups, "resources/detail.html#{2}"),
    _desk("head", shown_releases.head_shown, "releases/head.html"),
    _desk("matrix", shown_releases.matrix_shown, "releases/detail.html#matrix"),
    _desk("readiness", shown_plan.readiness_shown, "releases/readiness.html#readiness"),
    _desk("rollouts", shown_rollouts.rollouts_shown, "releases/rollouts.html#rollouts"),
    _desk("sealing", shown_plan.sealing_shown, "releases/plan.html#sealing"),
    _desk("planned", shown_plan.planned_shown, "releases/plan.html#planned"),
    _desk("approvals", shown_plan.approvals_shown, "releases/plan.html#approvals"),
    _kind(r"rollout:(\d{1,18}):progress", ["rollout:{0}", "releases"], _rollout, "releases/rollout.html#progress"),
    # The URLs of these contain filters, so each page fetches its own fragment.
    _kind("applications", ["home"], _nothing),
    _kind(r"application:([a-z0-9-]+):commands", ["application:{0}"], _nothing),
    _kind("alerts", ["alerts"], _nothing),
    _kind("events", ["events"], _nothing),
    _kind("releases", ["releases"], _nothing),
    _kind(r"release:(\d{1,18}):graph", ["release:{0}", "releases"], _nothing),
    _kind("calendar", ["releases", "environments", "freezes"], _nothing),
)
