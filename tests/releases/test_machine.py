"""Whatever people do to releases, packages, targets and locks, with workers in between: no path leads to harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import serializers
from django.db import transaction
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from fairway.accounts.rules import Blocked, NotVisible, Role
from fairway.activity.models import Event
from fairway.applications.commands import save_configuration
from fairway.deployments.models import Deployment, Placement
from fairway.environments.commands import delete_environment, lock_environment, unlock_environment
from fairway.environments.models import Environment
from fairway.releases.commands.approvals import approve, seal, unseal, use_new_settings
from fairway.releases.commands.dependencies import add_dependency, remove_dependency
from fairway.releases.commands.packages import delete_package, edit_package
from fairway.releases.commands.releases import cancel_release, delete_release
from fairway.releases.commands.rollouts import cancel_rollout, decide, fall_back_release, roll_out
from fairway.releases.commands.targets import deploy_package, distribute, distribute_all, fall_back_package
from fairway.releases.graph import levels
from fairway.releases.models import Approval, Dependency, Package, PackageOnTarget, Release, Rollout, RolloutPackage
from fairway.releases.queries import approvals, status_of
from fairway.releases.rules import ROLLOUT_ACTIVE
from fairway.releases.target_state import current_fingerprint, needs_in, packages_of, target_state_of
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from tests.conftest import make_artifact, make_environment
from tests.exploring import examples
from tests.releases.conftest import emptied
from tests.releases.desk import ReleaseDesk
from tests.releases.ways_out import bring_out

NAMES = ("a", "b", "c", "d")
TARGETS = ("staging", "production")
TABLES = (
    Release, Package, Dependency, PackageOnTarget, Approval, Rollout, RolloutPackage, Environment, Deployment, Placement,
)  # fmt: skip
REFUSALS = (Blocked, Invalid, NotVisible)
names, targets, versions = st.sampled_from(NAMES), st.sampled_from(TARGETS), st.sampled_from(("1", "2"))


def everything() -> str:
    """All that commands may change, to see whether they did."""
    return "".join(serializers.serialize("json", table.objects.order_by("pk")) for table in TABLES)


class Desk(RuleBasedStateMachine):
    fake: Any
    proxy: Any

    @initialize()
    def begin(self) -> None:
        self.frame = transaction.atomic()
        self.frame.__enter__()
        emptied(self.fake)
        for route in self.proxy.routes():
            self.proxy.ensure_no_route(route.host)
        self.desk = ReleaseDesk(self.fake)
        self.targets = {slug: make_environment(slug, position=10 * at) for at, slug in enumerate(TARGETS, 1)}
        Environment.objects.filter(slug="production").update(approvals_needed=1)
        self.releases = {
            "1": self.desk.release("1", packages="a b c", needs="b>a"),
            "2": self.desk.release("2", packages="a"),
        }
        self.everything_is_distributed("1", "staging")
        self.desk.work()
        self.one_package("1", "a", "staging", deploy_package, at_once=True)

    def teardown(self) -> None:
        if hasattr(self, "frame"):
            transaction.set_rollback(True)
            self.frame.__exit__(None, None, None)

    # --- what people do

    def attempt(self, act: Callable[..., Any], **asked: Any) -> bool:
        """Refused: nothing has changed. Done: what changed has an event."""
        before, events = everything(), Event.objects.count()
        try:
            with transaction.atomic():
                act(**asked)
        except REFUSALS:
            assert everything() == before
            assert Event.objects.count() == events
            return False
        assert everything() == before or Event.objects.count() > events, f"{act.__name__} left no event"
        return True

    def target(self, slug: str) -> Environment:
        return Environment.objects.get(pk=self.targets[slug].pk)

    def package(self, version: str, name: str) -> Package | None:
        found = Package.objects.select_related("application", "artifact", "release")
        return found.filter(release=self.releases[version], name=name).order_by("-pk").first()

    @rule(
        version=versions, name=names, slug=targets, at_once=st.booleans(),
        act=st.sampled_from([distribute, deploy_package, fall_back_package]),
    )  # fmt: skip
    def one_package(self, version: str, name: str, slug: str, act: Callable[..., Any], at_once: bool) -> None:
        package = self.package(version, name)
        if package is None:
            return
        environment = self.target(slug)
        is_done = self.attempt(act, actor=self.desk.deployer, package=package, environment=environment)
        assert not (is_done and environment.lock), "done although the target is locked"
        assert not (is_done and environment.deleted_at), "done although the target is deleted"
        if is_done and at_once:
            self.desk.work()

    @rule(version=versions, name=names, slug=targets)
    def ship(self, version: str, name: str, slug: str) -> None:
        """What people do most of the time."""
        for act in (distribute, deploy_package):
            self.one_package(version, name, slug, act, at_once=True)

    @rule(version=versions, slug=targets)
    def everything_is_distributed(self, version: str, slug: str) -> None:
        environment = self.target(slug)
        running = Event.objects.filter(verb="package.distribution_requested").count()
        self.attempt(distribute_all, actor=self.desk.deployer, release=self.releases[version], environment=environment)
        if environment.lock:
            assert Event.objects.filter(verb="package.distribution_requested").count() == running

    @rule(
        version=versions, slug=targets, at_once=st.booleans(), act=st.sampled_from([roll_out, roll_out, fall_back_release])
    )  # fmt: skip
    def whole_release(self, version: str, slug: str, act: Callable[..., Any], at_once: bool) -> None:
        environment = self.target(slug)
        is_done = self.attempt(
            act, actor=self.desk.deployer, release=self.releases[version], environment=environment, parallel=2
        )
        assert not (is_done and environment.lock)
        if is_done and at_once:
            self.desk.work()

    @rule(choice=st.sampled_from(["retry", "skip", "fall_back_all", "stop"]))
    def a_person_decides(self, choice: str) -> None:
        rollout = Rollout.objects.filter(status="needs_decision").first()
        if rollout is not None:
            self.attempt(decide, actor=self.desk.deployer, rollout=rollout, choice=choice)

    @rule()
    def somebody_cancels(self) -> None:
        rollout = Rollout.objects.filter(status__in=sorted(ROLLOUT_ACTIVE)).first()
        if rollout is not None:
            self.attempt(cancel_rollout, actor=self.desk.deployer, rollout=rollout)

    @rule(version=versions, name=names)
    def add(self, version: str, name: str) -> None:
        application = self.desk.application(name)
        artifact = make_artifact(application)
        self.attempt(self.desk.add, release=self.releases[version], name=name, artifact=artifact)

    @rule(version=versions, name=names)
    def another_version(self, version: str, name: str) -> None:
        package = self.package(version, name)
        if package is not None:
            artifact = make_artifact(package.application)
            self.attempt(edit_package, actor=self.desk.deployer, package=package, artifact=artifact)

    @rule(version=versions, name=names)
    def take_out(self, version: str, name: str) -> None:
        package = self.package(version, name)
        if package is not None:
            self.attempt(delete_package, actor=self.desk.deployer, package=package, confirmed=name)

    @rule(edges=st.lists(st.tuples(names, names), min_size=1, max_size=6))
    def depend(self, edges: list[tuple[str, str]]) -> None:
        for one, needed in edges:
            package, needs = self.package("1", one), self.package("1", needed)
            if package is not None and needs is not None:
                self.attempt(add_dependency, actor=self.desk.deployer, package=package, needs=needs)

    @rule(one=names, needed=names)
    def no_longer_depend(self, one: str, needed: str) -> None:
        package, needs = self.package("1", one), self.package("1", needed)
        if package is not None and needs is not None:
            self.attempt(remove_dependency, actor=self.desk.deployer, package=package, needs=needs)

    @rule(version=versions, act=st.sampled_from([seal, seal, unseal, use_new_settings]))
    def hold_still(self, version: str, act: Callable[..., Any]) -> None:
        self.attempt(act, actor=self.desk.manager, release=self.releases[version])

    @rule(version=versions)
    def there_is_a_way_out(self, version: str) -> None:
        """Whatever state it is in: people who mean well bring it to *Released*, by what its pages offer."""
        release = Release.objects.get(pk=self.releases[version].pk)
        if release.deleted_at is None and release.cancelled_at is None and packages_of(release).exists():
            with self.fake.world.open() as world:
                world["failures"] = []
            bring_out(self.desk, release, self.releases.values())

    @rule(version=versions, slug=targets)
    def say_yes(self, version: str, slug: str) -> None:
        release = Release.objects.get(pk=self.releases[version].pk)
        yes = self.desk.person("ann", Role.RELEASE_MANAGER)
        where = self.target(slug)
        self.attempt(approve, actor=yes, release=release, environment=where, fingerprint=release.fingerprint)

    @rule(name=names, slug=targets, value=st.integers(0, 3))
    def configure(self, name: str, slug: str, value: int) -> None:
        application = self.desk.application(name)
        save_configuration(
            actor=self.desk.deployer, application=application, environment=self.target(slug), variables={"A": str(value)}
        )

    @rule(slug=targets)
    @precondition(lambda self: not any(target.lock for target in self.open_targets()))
    def lock(self, slug: str) -> None:
        self.attempt(lock_environment, actor=self.desk.manager, environment=self.target(slug), reason="Stocktaking")

    @rule(slug=targets)
    def unlock(self, slug: str) -> None:
        self.attempt(unlock_environment, actor=self.desk.manager, environment=self.target(slug))

    @rule(slug=targets)
    @precondition(lambda self: Event.objects.count() > 80)
    def delete_target(self, slug: str) -> None:
        self.attempt(delete_environment, actor=self.desk.admin, environment=self.target(slug))

    @rule(version=versions, act=st.sampled_from([cancel_release, delete_release]))
    @precondition(lambda self: Event.objects.count() > 120)
    def give_up(self, version: str, act: Callable[..., Any]) -> None:
        release = Release.objects.get(pk=self.releases[version].pk)
        more = {"reason": "No more"} if act is cancel_release else {"confirmed": str(release)}
        self.attempt(act, actor=self.desk.manager, release=release, **more)

    # --- what machines do

    @rule(name=names, verb=st.sampled_from(["distribute", "ensure_started"]))
    def something_will_break(self, name: str, verb: str) -> None:
        self.fake.fail(verb, Refused("It broke."))

    @rule(runs=st.integers(1, 4))
    def workers_do_a_little(self, runs: int) -> None:
        for _ in range(runs):
            hold = self.desk.runner._take()
            if hold is not None:
                self.desk.runner._inline(hold)

    @rule()
    def workers_do_everything(self) -> None:
        self.desk.work()

    # --- what must hold, whatever happened

    @invariant()
    def deployed_means_served(self) -> None:
        for release in self.living():
            for target in self.open_targets():
                state = target_state_of(release, target)
                for package in state.packages:
                    if state.is_deployed(package):
                        assert package.artifact is not None
                        assert self.desk.serving(package.application.slug, target) == package.artifact.digest

    @invariant()
    def nothing_is_deployed_that_was_not_distributed(self) -> None:
        asked = Deployment.objects.filter(asked_as__in=["package.deploy", "release.roll_out"], returns_to=None)
        for one in asked.select_related("artifact", "environment", "application"):
            assert one.artifact is not None
            brought = Event.objects.filter(
                verb="package.distributed", application=one.application.slug, environment=one.environment.slug
            )
            assert any(event.after["digest"] == one.artifact.digest and event.at <= one.created_at for event in brought)

    @invariant()
    def nothing_is_distributed_to_a_locked_target(self) -> None:
        locked: set[str] = set()
        verbs = ["environment.locked", "environment.unlocked", "package.distributed"]
        for event in Event.objects.filter(verb__in=verbs).order_by("pk"):
            if event.verb == "package.distributed":
                assert event.environment not in locked
            else:
                (locked.add if event.verb == "environment.locked" else locked.discard)(event.environment)

    @invariant()
    def one_version_of_an_application_runs_on_a_target(self) -> None:
        for target in self.targets.values():
            for name in NAMES:
                self.desk.serving(name, target)  # asserts it

    @invariant()
    def a_deleted_target_is_in_nobodys_way(self) -> None:
        for target in Environment.objects.exclude(deleted_at=None):
            assert not Placement.objects.filter(environment=target).exclude(current=None).exists()
            there = PackageOnTarget.objects.filter(environment=target, package__deleted_at=None)
            assert not there.exclude(status="absent").filter(package__release__deleted_at=None).exists()
            assert not Rollout.objects.filter(environment=target, status__in=sorted(ROLLOUT_ACTIVE)).exists()

    @invariant()
    def no_cycle(self) -> None:
        for release in self.living():
            levels(needs_in(list(packages_of(release))))  # raises on one

    @invariant()
    def an_approval_is_of_what_is_there(self) -> None:
        for release in self.living():
            changes = Event.objects.filter(verb__in=CHANGES)
            own = [event.pk for event in changes if _concerns(event, release)]
            for target in self.open_targets():
                for answer in approvals(release, target):
                    given = Event.objects.filter(verb="release.approved", subject_id=str(release.pk)).order_by("-pk").first()
                    assert answer.fingerprint == current_fingerprint(release)
                    assert given is not None
                    assert not [number for number in own if number > given.pk], "an approval survived a change"

    @invariant()
    def every_release_has_a_status(self) -> None:
        for release in self.living():
            assert status_of(release)

    def living(self) -> list[Release]:
        return list(Release.objects.filter(deleted_at=None))

    def open_targets(self) -> list[Environment]:
        return list(Environment.objects.filter(deleted_at=None))


CHANGES = (
    "package.added", "package.edited", "package.deleted", "package.dependency_added", "package.dependency_removed",
    "release.unsealed", "release.settings_renewed",
)  # fmt: skip


def _concerns(event: Event, release: Release) -> bool:
    if event.subject_kind == "package":
        return Package.objects.filter(pk=event.subject_id, release=release).exists()
    return event.subject_id == str(release.pk)


@pytest.mark.hypothesis
def test_no_path_leads_to_harm(proxy, fake):
    Desk.fake, Desk.proxy = fake, proxy
    # not shrunk: a step costs a deployment, and what led to harm is printed as a program anyway
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    bounds = hypothesis_settings(max_examples=examples(5), stateful_step_count=30, deadline=None, phases=phases)
    run_state_machine_as_test(Desk, settings=bounds)
