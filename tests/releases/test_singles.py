"""A single deployment beside a release: stopped while a rollout works on its application, ended by what went live since."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Blocked
from fairway.activity.models import Event
from fairway.deployments.commands.approvals import approve
from fairway.deployments.commands.requests import promote, request_deployment, roll_back
from fairway.deployments.models import Deployment
from fairway.deployments.protection import fingerprint_of
from fairway.environments.commands import edit_environment
from fairway.releases.commands.approvals import approve as approve_release
from fairway.releases.commands.approvals import seal
from fairway.releases.commands.rollouts import decide, roll_out
from fairway.releases.target_state import current_fingerprint
from tests.conftest import make_artifact


def ask(desk, environment, slug="api", **more):
    application = desk.application(slug)
    made = request_deployment(
        actor=desk.deployer,
        application=application,
        environment=environment,
        artifact=make_artifact(application, version="hotfix"),
        **more,
    )
    desk.work()
    return fresh(made)


def fresh(one):
    return Deployment.objects.select_related("application", "environment", "artifact", "configuration", "run").get(pk=one.pk)


@pytest.fixture
def stuck(desk, staging):
    """A release whose rollout to staging waits for a decision."""
    release = desk.release("1", packages="db api", needs="api>db")
    desk.breaks(release, "api")
    rollout = roll_out(actor=desk.deployer, release=release, environment=staging)
    desk.work()
    rollout.refresh_from_db()
    assert rollout.status == "needs_decision"
    return rollout


def test_it_is_refused_while_a_rollout_works_on_its_application_and_told_by_whom(desk, staging, production, stuck):
    desk.runs("api", production)
    with pytest.raises(Blocked) as blocked:
        ask(desk, staging)
    (why,) = blocked.value.blockers
    assert why.code == "rollout_claims"
    assert why.sentence == "Spring 1 is being rolled out to Staging, with api in it; dora started it."
    assert why.who == "a Deployer, by deciding how the rollout continues, or by stopping it"
    assert why.details == {"release": stuck.release_id, "rollout": stuck.pk}
    with pytest.raises(Blocked) as blocked:
        promote(
            actor=desk.deployer,
            application=desk.application("api"),
            environment=staging,
            from_environment=production,
        )
    assert [one.code for one in blocked.value.blockers] == ["rollout_claims"]
    assert ask(desk, staging, slug="shop").status == "succeeded", "what the rollout does not touch goes on"
    assert ask(desk, production).status == "succeeded", "and so does the same application elsewhere"


def test_going_back_stays_possible(desk, staging):
    desk.runs("db", staging)
    desk.runs("db", staging)
    release = desk.release("1", packages="db api")
    desk.breaks(release, "api")
    roll_out(actor=desk.deployer, release=release, environment=staging)
    desk.work()
    back = roll_back(actor=desk.deployer, application=desk.application("db"), environment=staging)
    desk.work()
    assert fresh(back).status == "succeeded"


def test_it_may_wait_for_the_end_of_the_rollout_which_wakes_it(desk, staging, stuck, django_capture_on_commit_callbacks):
    one = ask(desk, staging, when_open=True)
    assert (one.status, one.run.holds_key) == ("waiting", False)
    with django_capture_on_commit_callbacks(execute=True):
        decide(actor=desk.deployer, rollout=stuck, choice="stop")
    desk.work()
    assert fresh(one).status == "succeeded"
    assert desk.serving("api", staging) == one.artifact.digest


def test_one_that_was_approved_meanwhile_waits_too(desk, staging):
    edit_environment(actor=desk.admin, environment=staging, approvals_needed=1)
    staging.refresh_from_db()
    one = ask(desk, staging)
    assert one.awaits_approval
    release = desk.release("1", packages="api")
    desk.breaks(release, "api")
    roll_out_approved(desk, release, staging)
    approve(actor=desk.manager, deployment=fresh(one), fingerprint=fingerprint_of(fresh(one)))
    desk.work()
    assert (fresh(one).status, fresh(one).awaits_approval) == ("waiting", False)


def roll_out_approved(desk, release, environment):
    seal(actor=desk.manager, release=release)
    release.refresh_from_db()
    approve_release(
        actor=desk.admin, release=release, environment=environment, fingerprint=current_fingerprint(release), comment=""
    )
    rollout = roll_out(actor=desk.deployer, release=release, environment=environment)
    desk.work()
    rollout.refresh_from_db()
    return rollout


def test_a_package_that_goes_live_ends_what_waits_there_for_people(desk, staging):
    edit_environment(actor=desk.admin, environment=staging, approvals_needed=1)
    staging.refresh_from_db()
    one, elsewhere = ask(desk, staging), ask(desk, staging, slug="shop")
    release = desk.release("1", packages="api")
    assert roll_out_approved(desk, release, staging).status == "succeeded"
    live = Deployment.objects.filter(application__slug="api", status="succeeded").latest("pk")
    one = fresh(one)
    assert (one.status, one.sentence) == ("cancelled", f"Superseded by #{live.pk} ({live.version}), which is live now.")
    told = Event.objects.get(verb="deployment.cancelled", subject_id=str(one.pk))
    assert told.comment == one.sentence
    assert fresh(elsewhere).awaits_approval


def test_it_also_ends_what_waited_for_the_rollout(desk, staging, stuck):
    one = ask(desk, staging, when_open=True)
    desk.mends(stuck.release, "api")
    decide(actor=desk.deployer, rollout=stuck, choice="retry")
    desk.work()
    assert (fresh(one).status, fresh(one).sentence.split(" (")[0]) == ("cancelled", f"Superseded by #{live(staging)}")


def live(environment):
    return Deployment.objects.filter(application__slug="api", environment=environment, status="succeeded").latest("pk").pk
