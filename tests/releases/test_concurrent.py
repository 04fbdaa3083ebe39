"""Eight people and a worker at the same things at once, on PostgreSQL: no lost update, and the loser gets a clear answer."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest
from django.db import connection, connections
from django.utils import timezone

from fairway.accounts.rules import Blocked, NotVisible, Role
from fairway.activity.models import Event
from fairway.activity.queries import verify
from fairway.deployments.models import Deployment, Placement
from fairway.engine.models import Run
from fairway.engine.runner import Runner
from fairway.engine.workflow import WORKFLOWS
from fairway.environments.commands import delete_environment, lock_environment, unlock_environment
from fairway.environments.models import Environment
from fairway.releases.commands.packages import edit_package
from fairway.releases.commands.rollouts import cancel_rollout, fall_back_release, roll_out
from fairway.releases.commands.schedule import schedule_release
from fairway.releases.commands.targets import deploy_package, distribute, fall_back_package
from fairway.releases.models import Package, PackageOnTarget, Release, Rollout
from fairway.shared.names import Invalid
from tests.services.installation import wait_for
from tests.services.waiting import PATIENCE

PEOPLE, ACTS = 8, 10
CLEAR = (Blocked, Invalid, NotVisible)


class Person(threading.Thread):
    """Does what comes to mind to one release on one target."""

    def __init__(self, number, actor, release, target, start):
        super().__init__(name=f"person-{number}", daemon=True)
        self.chance, self.actor = random.Random(number), actor
        self.release, self.target, self.start_line = release, target, start
        self.answers, self.unclear = Counter(), []

    def run(self):
        self.start_line.wait()
        try:
            for _ in range(ACTS):
                act = self.chance.choice(
                    [self.distribute, self.deploy, self.deploy, self.fall_back, self.lock, self.unlock, self.delete,
                     self.plan, self.roll_out, self.fall_back_all, self.cancel, self.edit]
                )  # fmt: skip
                self.try_to(act)
        finally:
            connections.close_all()

    def try_to(self, act):
        try:
            act()
            self.answers[act.__name__] += 1
        except CLEAR:
            self.answers["refused"] += 1
        except Exception as problem:
            self.unclear.append(f"{act.__name__}: {type(problem).__name__} {problem}")

    def package(self):
        found = Package.objects.select_related("application", "artifact", "release").filter(release=self.release)
        return self.chance.choice(list(found))

    def on(self):
        return {"actor": self.actor, "environment": self.target}

    def distribute(self):
        distribute(package=self.package(), **self.on())

    def deploy(self):
        deploy_package(package=self.package(), **self.on())

    def fall_back(self):
        fall_back_package(package=self.package(), **self.on())

    def lock(self):
        lock_environment(reason="Mine", **self.on())

    def unlock(self):
        unlock_environment(**self.on())

    def delete(self):
        delete_environment(**self.on())

    def plan(self):
        schedule_release(release=self.release, at=f"{timezone.now().year + 1}-05-01T10:00", zone="UTC", **self.on())

    def roll_out(self):
        roll_out(release=self.release, **self.on())

    def fall_back_all(self):
        fall_back_release(release=self.release, **self.on())

    def cancel(self):
        rollout = (
            Rollout.objects.select_related("release", "environment").filter(release=self.release).order_by("-pk").first()
        )
        if rollout is not None:
            cancel_rollout(actor=self.actor, rollout=rollout)

    def edit(self):
        package = self.package()
        edit_package(actor=self.actor, package=package, stage=self.chance.choice(["testing", "ready"]))


@pytest.mark.django_db(transaction=True)
def test_eight_people_at_the_same_things_at_once(request):
    if connection.vendor != "postgresql":
        pytest.skip("runs on PostgreSQL; see tests/postgres/test_release_desk.py")
    desk = request.getfixturevalue("desk")
    target = Environment.objects.get(slug="staging")
    release = desk.release(packages="a b c", needs="b>a")
    actors = [desk.person(f"p{number}", Role.ADMIN) for number in range(PEOPLE)]
    start, stop = threading.Barrier(PEOPLE), threading.Event()
    worker = Runner(WORKFLOWS, worker_name="worker", slots=3)
    working = threading.Thread(target=worker.run_forever, args=(stop,))
    working.start()
    try:
        people = [Person(number, actor, release, target, start) for number, actor in enumerate(actors)]
        for person in people:
            person.start()
        for person in people:
            person.join(timeout=PATIENCE)
            assert not person.is_alive(), "somebody waits for ever"
        assert [line for person in people for line in person.unclear] == []
        unlock_environment(actor=desk.admin, environment=target)
        wait_for(
            lambda: not Run.objects.live().filter(kind__in=["distribute", "deploy", "adjust"]).exists(),
            "all is done",
            seconds=120,
        )
    finally:
        stop.set()
        worker.wake()
        working.join(timeout=PATIENCE)
    _is_whole(desk, release, target, people)


def _is_whole(desk, release, target, people):
    assert verify().is_intact
    done = sum((person.answers for person in people), Counter())
    assert done["refused"] > 0, "nobody ever lost, so nothing was tried"
    asked = Event.objects.filter(verb="package.distribution_requested", actor_name__startswith="p").count()
    assert asked >= done["distribute"], "an act that was answered with yes has its event"
    assert not PackageOnTarget.objects.filter(status__in=["distributing", "deploying", "falling_back"]).exists()
    for name in "abc":
        desk.serving(name, target)  # one version at most
    for placement in Placement.objects.filter(environment=target).exclude(current=None).select_related("current__artifact"):
        assert placement.current.status == "succeeded"
    assert Deployment.objects.filter(status__in=["queued", "running", "cancelling"]).count() == 0
    assert Release.objects.filter(pk=release.pk, deleted_at=None).exists()
