"""What an environment's own rules mean for every way in, and a deployment that waits for people: tried by cheating."""

# ruff: noqa: F811 - pytest's fixtures are imported and named again as arguments

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from fairway.accounts.commands import set_active, set_roles
from fairway.accounts.models import User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import SYSTEM, Act, Blocked, Role
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.applications.commands import save_configuration
from fairway.deployments.commands.approvals import approve, reject
from fairway.deployments.commands.placements import delete_application, observe, remove
from fairway.deployments.commands.requests import cancel, promote, request_deployment, restart, roll_back
from fairway.deployments.gate import Subject, blockers
from fairway.deployments.models import Deployment, HealthyStretch, Placement
from fairway.deployments.protection import approvals_of, fingerprint_of
from fairway.deployments.rules import Health
from fairway.engine.models import Run
from fairway.environments.commands import delete_environment, edit_environment
from fairway.environments.freeze_commands import create_freeze, delete_freeze
from fairway.environments.protection import protection_sentences
from fairway.shared.names import Invalid
from tests.conftest import make_artifact
from tests.releases.conftest import answering, desk, development, fake, proxy

__all__ = ["answering", "desk", "development", "fake", "proxy"]


def codes(blocked):
    return [one.code for one in blocked.value.blockers]


def protect(desk, environment, **rules):
    changed = edit_environment(actor=desk.admin, environment=environment, **rules)
    environment.refresh_from_db()
    return changed


@pytest.fixture
def strict(desk, production):
    protect(desk, production, approvals_needed=1)
    return production


def ask(desk, environment, actor=None, slug="shop", version="2", **more):
    """Ask for a new version, and let the worker do what it can."""
    application = desk.application(slug)
    made = request_deployment(
        actor=actor or desk.deployer,
        application=application,
        environment=environment,
        artifact=more.pop("artifact", None) or make_artifact(application, version),
        **more,
    )
    desk.work()
    return fresh(made)


def fresh(one):
    return Deployment.objects.select_related("application", "environment", "artifact", "configuration", "run").get(pk=one.pk)


def yes(one, *people):
    for person in people:
        approve(actor=person, deployment=fresh(one), fingerprint=fingerprint_of(fresh(one)))


def test_a_deployment_waits_until_somebody_else_says_yes(desk, strict):
    one = ask(desk, strict)
    assert (one.status, one.awaits_approval, desk.serving("shop", strict)) == ("waiting", True, None)
    assert not Run.objects.get(pk=one.run_id).holds_key, "nothing is held while people think"
    with pytest.raises(Blocked) as blocked:
        yes(one, desk.deployer)
    assert codes(blocked) == ["not_an_approver"]
    yes(one, desk.manager)
    desk.work()
    one = fresh(one)
    assert (one.status, desk.serving("shop", strict)) == ("succeeded", one.artifact.digest)
    verbs = Event.objects.filter(subject_kind="deployment", subject_id=str(one.pk)).values_list("verb", flat=True)
    assert {"deployment.approved", "deployment.approval_settled"} <= set(verbs)


def test_promotion_waits_like_deployment(desk, staging, strict):
    desk.runs("shop", staging)
    made = promote(actor=desk.deployer, application=desk.application("shop"), environment=strict, from_environment=staging)
    desk.work()
    assert fresh(made).awaits_approval


def test_who_asked_never_counts_whatever_they_come_in_with(desk, strict):
    one = ask(desk, strict, actor=desk.admin)
    by_token = actor_for(User.objects.get(pk=desk.admin.id), door=Door.API, identified_by="token ci")
    for actor in (desk.admin, by_token):
        with pytest.raises(Blocked) as blocked:
            yes(one, actor)
        assert codes(blocked) == ["own_request"]
    desk.work()
    assert fresh(one).awaits_approval


def test_a_yes_is_bound_to_what_was_looked_at(desk, strict):
    one = ask(desk, strict)
    with pytest.raises(Invalid) as invalid:
        approve(actor=desk.manager, deployment=one, fingerprint="0" * 64)
    assert invalid.value.field == "fingerprint"
    yes(one, desk.manager)
    Deployment.objects.filter(pk=one.pk).update(artifact=make_artifact(one.application, "smuggled"))
    desk.work()
    one = fresh(one)
    assert (one.status, one.awaits_approval, desk.serving("shop", strict)) == ("waiting", True, None)
    found = approvals_of(one)
    assert (len(found.answers), found.given) == (1, 0)


def test_an_approval_dies_with_the_right_of_its_giver(desk, strict):
    protect(desk, strict, approvals_needed=2)
    one = ask(desk, strict)
    ann = desk.person("ann", Role.RELEASE_MANAGER)
    yes(one, ann)
    set_active(actor=desk.admin, user=desk.user(ann), is_active=False)
    yes(one, desk.manager)
    desk.work()
    assert fresh(one).awaits_approval
    assert approvals_of(fresh(one)).given == 1
    yes(one, desk.person("ben", Role.RELEASE_MANAGER))
    desk.work()
    assert fresh(one).status == "succeeded"


def test_an_approver_who_is_locked_out_between_yes_and_start(desk, strict):
    one = ask(desk, strict)
    yes(one, desk.manager)
    set_roles(actor=desk.admin, user=desk.user(desk.manager), grants=[])
    desk.work()
    one = fresh(one)
    assert (one.status, one.awaits_approval) == ("waiting", True)


def test_the_same_person_twice_is_one(desk, strict):
    protect(desk, strict, approvals_needed=2)
    one = ask(desk, strict)
    yes(one, desk.manager, desk.manager)
    desk.work()
    assert (fresh(one).awaits_approval, approvals_of(fresh(one)).given) == (True, 1)


def test_a_no_ends_it_and_says_why(desk, strict):
    one = ask(desk, strict)
    with pytest.raises(Invalid):
        reject(actor=desk.manager, deployment=one, fingerprint=fingerprint_of(one), comment=" ")
    reject(actor=desk.manager, deployment=one, fingerprint=fingerprint_of(one), comment="Not on a Friday")
    desk.work()
    one = fresh(one)
    assert (one.status, one.sentence) == ("cancelled", "Rejected by max: Not on a Friday")
    with pytest.raises(Blocked) as blocked:
        yes(one, desk.admin)
    assert codes(blocked) == ["not_waiting"]


def test_nobody_answers_in_time(desk, strict):
    one = ask(desk, strict)
    assert timedelta(days=6, hours=23) < one.approve_by - timezone.now() <= timedelta(days=7)
    Deployment.objects.filter(pk=one.pk).update(approve_by=timezone.now() - timedelta(seconds=1))
    Run.objects.filter(pk=one.run_id).update(run_at=timezone.now())
    desk.work()
    one = fresh(one)
    assert (one.status, one.sentence) == ("cancelled", "It was not approved in time: it had 0 of 1 approvals.")


def test_a_newer_request_takes_the_place_of_what_waits(desk, strict):
    old = ask(desk, strict, version="2")
    newer = ask(desk, strict, version="3", actor=desk.admin)
    old = fresh(old)
    assert (old.status, old.sentence) == ("cancelled", f"Superseded by #{newer.pk}, requested later by ada.")
    assert newer.awaits_approval


def test_the_same_again_is_refused_since_it_would_lose_its_approvals(desk, strict):
    old = ask(desk, strict)
    with pytest.raises(Blocked) as blocked:
        ask(desk, strict, artifact=old.artifact)
    assert codes(blocked) == ["waits_already"]
    assert fresh(old).awaits_approval


def test_newer_settings_are_never_taken_silently(desk, strict):
    application = desk.application("shop")
    save_configuration(actor=desk.deployer, application=application, environment=strict, variables={"A": "1"}, secrets={})
    old = ask(desk, strict)
    save_configuration(actor=desk.deployer, application=application, environment=strict, variables={"A": "2"}, secrets={})
    newer = ask(desk, strict, artifact=old.artifact)
    assert (fresh(old).status, newer.configuration.version) == ("cancelled", 2)
    with pytest.raises(Invalid):
        approve(actor=desk.manager, deployment=newer, fingerprint=fingerprint_of(old))
    assert approvals_of(newer).given == 0


def test_going_back_needs_nobody_and_does_not_stop_what_waits(desk, production):
    first = desk.runs("shop", production)
    desk.runs("shop", production)
    protect(desk, production, approvals_needed=1)
    waiting = ask(desk, production, version="9")
    back = roll_back(actor=desk.deployer, application=waiting.application, environment=production)
    desk.work()
    assert (fresh(back).status, desk.serving("shop", production)) == ("succeeded", first.artifact.digest)
    yes(waiting, desk.manager)
    desk.work()
    assert fresh(waiting).status == "succeeded", fresh(waiting).sentence


def test_going_back_to_what_never_served_is_no_way_round(desk, production):
    desk.runs("shop", production)
    protect(desk, production, approvals_needed=1)
    waiting = ask(desk, production, version="9")
    with pytest.raises(Blocked) as blocked:
        roll_back(actor=desk.deployer, application=waiting.application, environment=production, to=waiting)
    assert codes(blocked) == ["never_served"]


def test_a_restart_brings_what_runs_and_nothing_newer(desk, production):
    current = desk.runs("shop", production)
    protect(desk, production, approvals_needed=1, only_releases=True)
    save_configuration(
        actor=desk.deployer, application=current.application, environment=production, variables={"A": "2"}, secrets={}
    )
    made = restart(actor=desk.deployer, application=current.application, environment=production)
    desk.work()
    made = fresh(made)
    assert (made.status, made.artifact, made.configuration) == ("succeeded", current.artifact, None)


def test_breaking_the_glass_passes_and_is_an_event(desk, strict):
    protect(desk, strict, only_releases=True, deploy_roles=["release_manager"])
    with pytest.raises(Blocked) as blocked:
        ask(desk, strict, actor=desk.deployer, break_glass="The shop burns")
    assert "role" in codes(blocked)
    one = ask(desk, strict, actor=desk.admin, break_glass="The shop burns")
    assert (one.status, one.broke_glass) == ("succeeded", "The shop burns")
    assert Event.objects.filter(verb="gate.glass_broken", subject_id=str(one.pk)).exists()


def test_an_environment_that_is_protected_while_a_deployment_is_queued(desk, production):
    application = desk.application("shop")
    made = request_deployment(
        actor=desk.deployer, application=application, environment=production, artifact=make_artifact(application)
    )
    protect(desk, production, approvals_needed=1)
    desk.work()
    made = fresh(made)
    assert made.awaits_approval
    yes(made, desk.manager)
    desk.work()
    assert fresh(made).status == "succeeded"


def test_a_protection_that_is_lifted_lets_what_waits_go(desk, strict):
    one = ask(desk, strict)
    protect(desk, strict, approvals_needed=0)
    desk.work()
    assert fresh(one).status == "succeeded"


def test_only_releases_that_is_set_while_it_waits(desk, strict):
    one = ask(desk, strict)
    protect(desk, strict, only_releases=True)
    desk.work()
    one = fresh(one)
    assert one.status == "failed"
    assert "only through a release" in one.sentence


def test_a_freeze_that_begins_while_people_think_counts(desk, strict):
    one = ask(desk, strict)
    starts = timezone.now() - timedelta(hours=1)
    freeze = create_freeze(
        actor=desk.manager, name="Quiet", reason="Night", starts=f"{starts:%Y-%m-%dT%H:%M}", ends="8h", zone="UTC"
    )
    desk.work()
    assert fresh(one).awaits_approval
    yes(one, desk.manager)
    desk.work()
    one = fresh(one)
    assert (one.status, one.awaits_approval, desk.serving("shop", strict)) == ("waiting", False, None)
    delete_freeze(actor=desk.manager, freeze=freeze)
    desk.work()
    assert fresh(one).status == "succeeded"


def test_who_asked_is_asked_about_again_when_it_starts(desk, strict):
    one = ask(desk, strict)
    set_active(actor=desk.admin, user=desk.user(desk.deployer), is_active=False)
    yes(one, desk.manager)
    desk.work()
    assert (fresh(one).status, desk.serving("shop", strict)) == ("failed", None)


def test_cancelling_what_waits(desk, strict):
    one = ask(desk, strict)
    cancel(actor=desk.deployer, deployment=one, reason="Never mind")
    desk.work()
    assert (fresh(one).status, fresh(one).sentence) == ("cancelled", "Cancelled by dora: Never mind")


def test_it_ends_with_its_application_its_environment_and_its_place(desk, strict, staging):
    one = ask(desk, strict)
    delete_application(actor=desk.admin, application=one.application, confirmed="shop")
    desk.work()
    assert (fresh(one).status, fresh(one).sentence) == ("cancelled", "shop was deleted.")
    other = ask(desk, strict, slug="wiki")
    delete_environment(actor=desk.admin, environment=strict)
    desk.work()
    assert (fresh(other).status, fresh(other).sentence) == ("cancelled", "Production was deleted.")
    protect(desk, staging, approvals_needed=1)
    third = ask(desk, staging, slug="blog")
    Placement.objects.filter(application=third.application).update(current=desk.runs("blog", make_other(desk)))
    remove(actor=desk.admin, placement=Placement.objects.get(application=third.application, environment=staging))
    desk.work()
    assert (fresh(third).status, fresh(third).sentence) == ("cancelled", "It was removed from Staging by ada.")


def make_other(desk):
    from fairway.environments.models import Environment

    return Environment.objects.get(slug="development")


def test_what_is_built_first_is_approved_as_what_it_became(desk, strict, monkeypatch):
    application = desk.application("shop")
    made = request_deployment(actor=desk.deployer, application=application, environment=strict)
    with pytest.raises(Blocked) as blocked:
        approve(actor=desk.manager, deployment=fresh(made), fingerprint="")
    assert codes(blocked) == ["being_built"]
    built = make_artifact(application, "built")
    monkeypatch.setattr("fairway.workflows.deploy.build_input_of", lambda step: None)
    monkeypatch.setattr("fairway.workflows.deploy.artifact_from_source", lambda making: built)
    desk.work()
    made = fresh(made)
    assert (made.awaits_approval, made.artifact, desk.serving("shop", strict)) == (True, built, None)
    yes(made, desk.manager)
    desk.work()
    assert fresh(made).status == "succeeded"


def test_named_approvers_need_no_other_role_than_to_look(desk, strict):
    quinn, rita = desk.person("quinn", Role.VIEWER), desk.person("rita", Role.RELEASE_MANAGER)
    protect(desk, strict, approval_people=["quinn"], approval_roles=["deployer"])
    one = ask(desk, strict, actor=desk.admin)
    for nobody in (rita, desk.person("vic", Role.VIEWER)):
        with pytest.raises(Blocked) as blocked:
            yes(one, nobody)
        assert codes(blocked) == ["not_an_approver"]
    looking = actor_for(User.objects.get(pk=quinn.id), door=Door.API, acting_as="viewer")
    with pytest.raises(Blocked):
        yes(one, looking)
    yes(one, quinn)
    desk.work()
    assert fresh(one).status == "succeeded"


@pytest.mark.parametrize("door", [Door.WEB, Door.API, Door.WEBHOOK, Door.SCHEDULE])
def test_every_door_meets_the_same_rules(desk, strict, door):
    user = User.objects.get(pk=desk.deployer.id)
    actor = actor_for(user, door=door)
    assert ask(desk, strict, actor=actor).awaits_approval
    protect(desk, strict, only_releases=True)
    with pytest.raises(Blocked) as blocked:
        ask(desk, strict, actor=actor)
    assert codes(blocked) == ["only_releases"]


def test_who_may_deploy_here(desk, production):
    dan = desk.person("dan", Role.DEPLOYER)
    protect(desk, production, deploy_people=["dan"])
    with pytest.raises(Blocked) as blocked:
        ask(desk, production)
    assert codes(blocked) == ["not_a_deployer_here"]
    assert ask(desk, production, actor=dan).status == "succeeded"
    protect(desk, production, deploy_people=["dan"], deploy_roles=["viewer"])
    with pytest.raises(Blocked) as blocked:
        ask(desk, production, actor=desk.person("vic", Role.VIEWER))
    assert codes(blocked) == ["role"], "the right by role is asked for besides"


def test_only_what_ran_elsewhere_long_enough(desk, staging, production):
    protect(desk, production, proven_in="staging", proven_hours=24)
    application = desk.application("shop")
    with pytest.raises(Blocked) as blocked:
        request_deployment(actor=desk.deployer, application=application, environment=production)
    assert codes(blocked) == ["not_proven"]
    one = desk.runs("shop", staging)
    (reason,) = blockers(Act.PROMOTE, Subject(application, production, artifact=one.artifact), desk.deployer)
    since = HealthyStretch.objects.get(until=None).since
    assert (reason.code, reason.clears_at, reason.only_starts) == ("not_proven", since + timedelta(hours=24), True)
    patient = promote(
        actor=desk.deployer, application=application, environment=production, from_environment=staging, when_open=True
    )
    desk.work()
    assert fresh(patient).status == "waiting"
    HealthyStretch.objects.update(since=timezone.now() - timedelta(hours=25))
    Run.objects.filter(pk=patient.run_id).update(run_at=timezone.now())
    desk.work()
    assert fresh(patient).status == "succeeded"


def test_a_break_begins_the_proof_anew_and_an_old_proof_stays_one(desk, staging, production):
    protect(desk, production, proven_in="staging", proven_hours=24)
    one = desk.runs("shop", staging)
    place = Placement.objects.get(application=one.application, environment=staging)

    def reasons():
        return blockers(Act.PROMOTE, Subject(one.application, production, artifact=one.artifact), desk.deployer)

    HealthyStretch.objects.update(since=timezone.now() - timedelta(hours=20))
    observe(placement=place, health=Health.UNKNOWN, drift=["nobody can look"], observed=[])
    assert reasons()[0].clears_at, "not being able to look is no break"
    observe(placement=place, health=Health.DEGRADED, drift=[], observed=[])
    assert (reasons()[0].clears_at, "20 hours" in reasons()[0].sentence) == (None, True)
    observe(placement=place, health=Health.HEALTHY, drift=[], observed=[])
    assert reasons()[0].clears_at > timezone.now() + timedelta(hours=23)
    HealthyStretch.objects.filter(until=None).update(since=timezone.now() - timedelta(hours=30))
    desk.runs("shop", staging)
    assert not reasons(), "it proved itself, whatever runs there now"


def test_restarting_the_same_bytes_goes_on_proving(desk, staging):
    one = desk.runs("shop", staging)
    (before,) = HealthyStretch.objects.all()
    restart(actor=desk.deployer, application=one.application, environment=staging)
    desk.work()
    (after,) = HealthyStretch.objects.all()
    assert (after.pk, after.until) == (before.pk, None)


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"approvals_needed": 11}, "approvals_needed"),
        ({"approval_days": 0}, "approval_days"),
        ({"approval_roles": ["pope"]}, "approval_roles"),
        ({"approval_people": ["nobody"]}, "approval_people"),
        ({"deploy_people": ["nobody"]}, "deploy_people"),
        ({"proven_in": "production", "proven_hours": 2}, "proven_in"),
        ({"proven_in": "nowhere", "proven_hours": 2}, "proven_in"),
        ({"proven_in": "staging", "proven_hours": 0}, "proven_hours"),
        ({"when_worse": "explode"}, "when_worse"),
    ],
)
def test_bad_rules_name_their_field(desk, staging, production, rules, field):
    with pytest.raises(Invalid) as invalid:
        protect(desk, production, **rules)
    assert invalid.value.field == field


def test_rules_are_sentences_and_every_change_is_an_event(desk, staging, production):
    protect(
        desk,
        production,
        approvals_needed=2,
        approval_people=["ada"],
        only_releases=True,
        proven_in="staging",
        proven_hours=1,
    )
    assert protection_sentences(production, {"staging": "Staging"}) == [
        "Deployments come here only as packages of a release.",
        "Only a version that was healthy in Staging for 1 hour without a break comes here.",
        "Every release and every deployment needs 2 approvals from ada. Whoever requested it does not count.",
        "A deployment that is not approved within 7 days is cancelled.",
    ]
    event = Event.objects.filter(verb="environment.edited").latest("pk")
    assert (event.before["only_releases"], event.after["only_releases"]) == (False, True)
    with pytest.raises(Blocked) as blocked:
        delete_environment(actor=desk.admin, environment=staging)
    assert codes(blocked) == ["proves"]


def test_fairway_itself_goes_back_without_asking(desk, production):
    first = desk.runs("shop", production)
    desk.runs("shop", production)
    protect(desk, production, approvals_needed=1, only_releases=True, deploy_people=["ada"])
    back = roll_back(actor=SYSTEM, application=first.application, environment=production, is_automatic=True)
    desk.work()
    assert fresh(back).status == "succeeded"
