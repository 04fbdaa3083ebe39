"""The events of a release, a package or a rollout: those of what belongs to it, and of nothing else."""

from __future__ import annotations

import re

from django.test import Client

from fairway.accounts.models import User
from fairway.accounts.queries import visible_events
from fairway.accounts.rules import Role
from fairway.activity.queries import EventFilter, events
from fairway.insights.events import about
from fairway.releases.commands.packages import delete_package
from fairway.releases.commands.rollouts import roll_out
from fairway.releases.models import Rollout
from tests.conftest import make_person


def browser(actor) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=actor.id))
    return client


def told(actor, **which):
    chosen = visible_events(actor, events(EventFilter(about=about(**which))))
    return [(one.verb, one.subject_label) for one in chosen.order_by("pk")]


def test_a_release_has_the_events_of_its_packages_rollouts_and_their_deployments(desk, staging):
    release, other = desk.release("1", "shop blog"), desk.release("2", "shop")
    gone = desk.package(release, "blog")
    delete_package(actor=desk.deployer, package=gone)
    roll_out(actor=desk.deployer, release=release, environment=staging)
    desk.work()
    rollout = Rollout.objects.get()
    found = told(desk.admin, release=release.pk)
    verbs = [verb for verb, _ in found]
    assert verbs[0] == "release.created"
    assert ("package.deleted", "Spring 1 · blog") in found
    assert {"rollout.requested", "rollout.succeeded", "deployment.requested", "deployment.succeeded"} <= set(verbs)
    assert not [label for _, label in found if label.startswith("Spring 2")]
    assert [verb for verb, _ in told(desk.admin, release=other.pk)] == ["release.created", "package.added"]

    of_package = told(desk.admin, package=desk.package(release, "shop").pk)
    assert of_package[0] == ("package.added", "Spring 1 · shop")
    assert "deployment.succeeded" in [verb for verb, _ in of_package]
    of_rollout = told(desk.admin, rollout=rollout.pk)
    assert of_rollout[0] == ("rollout.requested", "Spring 1 → Staging")
    assert "package.added" not in [verb for verb, _ in of_rollout]
    assert told(desk.admin, release=other.pk, rollout=rollout.pk) == []

    somebody = make_person("lou", Role.VIEWER, environment=staging)
    assert "rollout.requested" in [verb for verb, _ in told(somebody, release=release.pk)]
    assert {event.environment for event in visible_events(somebody, events())} == {"staging"}

    rows = browser(desk.admin).get(f"/api/v1/events?rollout={rollout.pk}&severity=info").json()["items"]
    assert rows[-1]["sentence"] == "dora requested the rollout Spring 1 → Staging"
    assert {row["severity"] for row in rows} == {"info"}

    page = browser(desk.admin).get(f"/events/?release={release.pk}").content.decode()
    assert re.search(rf'<option value="{desk.package(release, "shop").pk}"\s*>\s*shop\s*</option>', page)
    assert f"#{rollout.pk} → Staging" in page
    assert f"release={release.pk}&amp;format=csv" in page
    page = browser(desk.admin).get(f"/events/?release={other.pk}&rollout={rollout.pk}").content.decode()
    assert "added the package" in page, "a rollout of another release than the chosen one is no filter"
    assert "No event matches" in browser(desk.admin).get("/events/?release=99999").content.decode()
