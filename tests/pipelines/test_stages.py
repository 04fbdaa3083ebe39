"""Stages: what was healthy for long enough is promoted once, with the rights of whoever set it up, through the gate."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.rules import SYSTEM, Actor, Blocked, Role
from fairway.activity.models import Event
from fairway.applications.models import Application
from fairway.deployments.commands.placements import hold
from fairway.deployments.commands.requests import promote, request_deployment, restart, roll_back
from fairway.deployments.models import Deployment, HealthyStretch
from fairway.deployments.rules import Status
from fairway.deployments.subjects import placement_of
from fairway.engine import clock
from fairway.environments.commands import lock_environment
from fairway.environments.models import Environment
from fairway.pipelines.commands.promotions import advance_stages
from fairway.pipelines.commands.stages import create_stage, delete_stage, edit_stage
from fairway.pipelines.models import Stage, StagePromotion
from fairway.pipelines.stage_rules import RETRY, StageState
from fairway.pipelines.stages import standings_of
from fairway.shared.names import Invalid
from tests.conftest import make_environment, make_person
from tests.web.conftest import finish, live


@pytest.fixture
def stage(hello: Application, staging: Environment, production: Environment) -> Stage:
    return create_stage(actor=SYSTEM, application=hello, environment=production, origin=staging, after_minutes=10)


def healthy(application: Application, environment: Environment, minutes: int = 10) -> None:
    """As if the reconciler had seen what runs there healthy for so long."""
    placement = placement_of(application, environment)
    assert placement is not None
    assert placement.current is not None
    assert placement.current.artifact is not None
    here = HealthyStretch.objects.filter(application=application, environment=environment, until=None)
    here.update(until=clock.now())
    HealthyStretch.objects.create(
        application=application,
        environment=environment,
        digest=placement.current.artifact.digest,
        since=clock.now() - timedelta(minutes=minutes),
    )


def promoted(stage: Stage) -> list[Deployment]:
    return list(Deployment.objects.filter(kind="promote", environment=stage.environment).order_by("pk"))


def state(stage: Stage) -> StageState:
    stage.refresh_from_db()
    return standings_of([stage])[stage.pk].state


def later(stage: Stage) -> None:
    """As if it had been tried long enough ago to be tried again."""
    StagePromotion.objects.filter(stage=stage).update(tried_at=clock.now() - RETRY)


def test_what_was_healthy_for_long_enough_is_promoted_once(stage: Stage) -> None:
    assert (advance_stages(), state(stage)) == (0, StageState.NOTHING)
    source = live(stage.application, stage.origin)
    healthy(stage.application, stage.origin, minutes=9)
    assert (advance_stages(), state(stage)) == (0, StageState.WAITING)
    healthy(stage.application, stage.origin)
    assert (advance_stages(), state(stage)) == (1, StageState.REQUESTED)
    (one,) = promoted(stage)
    assert one.artifact == source.artifact
    assert (one.door, one.requested_by, one.reason) == (
        "schedule",
        "Fairway",
        "Automatic promotion after 10 minutes of health",
    )
    assert [advance_stages() for _ in range(3)] == [0, 0, 0]
    finish(one)
    assert [advance_stages(), len(promoted(stage))] == [0, 1]


def test_a_break_in_its_health_begins_the_time_anew(stage: Stage) -> None:
    live(stage.application, stage.origin)
    healthy(stage.application, stage.origin)
    HealthyStretch.objects.update(until=clock.now())
    assert (advance_stages(), state(stage)) == (0, StageState.UNHEALTHY)


def test_the_newest_version_supersedes_one_that_has_not_begun(stage: Stage) -> None:
    for _ in range(2):
        live(stage.application, stage.origin)
        healthy(stage.application, stage.origin)
        assert advance_stages() == 1
    first, second = promoted(stage)
    assert (first.status, second.status) == (Status.CANCELLED, Status.QUEUED)
    assert first.sentence == f"Superseded by #{second.pk}, requested later by Fairway."


def test_what_a_rollback_brought_is_not_promoted_and_neither_is_its_restart(stage: Stage) -> None:
    for _ in range(2):
        live(stage.application, stage.origin)
        healthy(stage.application, stage.origin)
        advance_stages()
    undo = roll_back(actor=SYSTEM, application=stage.application, environment=stage.origin)
    finish(undo)
    healthy(stage.application, stage.origin)
    assert (advance_stages(), state(stage)) == (0, StageState.TAKEN_BACK)
    again = restart(actor=SYSTEM, application=stage.application, environment=stage.origin)
    finish(again)
    healthy(stage.application, stage.origin)
    assert (advance_stages(), state(stage)) == (0, StageState.TAKEN_BACK)


def test_a_restart_before_its_time_does_not_keep_a_version_back(stage: Stage) -> None:
    source = live(stage.application, stage.origin)
    finish(restart(actor=SYSTEM, application=stage.application, environment=stage.origin))
    healthy(stage.application, stage.origin)
    assert advance_stages() == 1
    assert promoted(stage)[0].artifact == source.artifact
    finish(restart(actor=SYSTEM, application=stage.application, environment=stage.origin))
    healthy(stage.application, stage.origin)
    assert advance_stages() == 0, "it is the same version as before the restart"


def test_what_somebody_promoted_and_took_back_is_not_brought_again(stage: Stage) -> None:
    live(stage.application, stage.environment)
    live(stage.application, stage.origin)
    by_hand = promote(
        actor=SYSTEM, application=stage.application, environment=stage.environment, from_environment=stage.origin
    )
    healthy(stage.application, stage.origin)
    assert (advance_stages(), state(stage)) == (0, StageState.THERE)
    finish(by_hand)
    finish(roll_back(actor=SYSTEM, application=stage.application, environment=stage.environment))
    assert (advance_stages(), state(stage)) == (0, StageState.THERE)
    assert len(promoted(stage)) == 1


def test_the_same_version_deployed_anew_is_promoted_anew(stage: Stage) -> None:
    first = live(stage.application, stage.origin)
    healthy(stage.application, stage.origin)
    advance_stages()
    finish(promoted(stage)[0])
    live(stage.application, stage.origin)
    healthy(stage.application, stage.origin)
    advance_stages()
    finish(promoted(stage)[1])
    request = request_deployment(
        actor=SYSTEM, application=stage.application, environment=stage.origin, artifact=first.artifact
    )
    finish(request)
    healthy(stage.application, stage.origin)
    assert advance_stages() == 1
    assert promoted(stage)[2].artifact == first.artifact


def test_what_is_blocked_says_why_once_and_is_tried_again(stage: Stage) -> None:
    live(stage.application, stage.environment)
    placement = placement_of(stage.application, stage.environment)
    assert placement is not None
    hold(actor=SYSTEM, placement=placement, reason="It kept dying")
    live(stage.application, stage.origin)
    healthy(stage.application, stage.origin)
    for _ in range(3):
        assert (advance_stages(), state(stage)) == (0, StageState.BLOCKED)
        later(stage)
    one = StagePromotion.objects.get()
    assert one.sentence == "Automatic deployments are on hold here: It kept dying"
    assert Event.objects.filter(verb="stage.blocked").count() == 1
    type(placement).objects.filter(pk=placement.pk).update(held_at=None)
    assert advance_stages() == 1
    one.refresh_from_db()
    assert (one.outcome, one.sentence, one.deployment) == ("requested", "", promoted(stage)[0])


def test_a_lock_that_ends_is_waited_for_in_the_queue(stage: Stage) -> None:
    until = clock.now() + timedelta(hours=1)
    lock_environment(actor=SYSTEM, environment=stage.environment, reason="Stocktaking", until=until)
    live(stage.application, stage.origin)
    healthy(stage.application, stage.origin)
    assert advance_stages() == 1


def test_it_promotes_with_the_present_rights_of_whoever_saved_it(
    hello: Application, staging: Environment, production: Environment
) -> None:
    dora = make_person("dora", Role.DEPLOYER)
    stage = create_stage(actor=dora, application=hello, environment=production, origin=staging, after_minutes=0)
    live(hello, staging)
    healthy(hello, staging, minutes=0)
    RoleGrant.objects.filter(user_id=dora.id).update(role=Role.VIEWER)
    assert advance_stages() == 0
    one = StagePromotion.objects.get()
    assert one.sentence == "dora, who set this up, may no longer deploy here; whoever saves it anew takes it over."
    User.objects.filter(pk=dora.id).update(is_active=False)
    later(stage)
    assert advance_stages() == 0
    ada = make_person("ada", Role.ADMIN)
    edit_stage(actor=ada, stage=stage, after_minutes=0)
    later(stage)
    assert advance_stages() == 1
    assert promoted(stage)[0].requested_by == "ada"


def test_the_three_environments_of_a_line_follow_each_other(
    hello: Application, staging: Environment, production: Environment
) -> None:
    development = make_environment("development")
    for environment, origin in ((staging, development), (production, staging)):
        create_stage(actor=SYSTEM, application=hello, environment=environment, origin=origin, after_minutes=0)
    first = live(hello, development)
    for environment in (development, staging):
        healthy(hello, environment, minutes=0)
        assert advance_stages() == 1
        newest = Deployment.objects.latest("pk")
        finish(newest)
    assert (newest.environment, newest.artifact) == (production, first.artifact)


def test_paused_or_deleted_it_promotes_nothing(stage: Stage, production: Environment) -> None:
    live(stage.application, stage.origin)
    healthy(stage.application, stage.origin)
    edit_stage(actor=SYSTEM, stage=stage, is_paused=True)
    assert (advance_stages(), state(stage)) == (0, StageState.PAUSED)
    edit_stage(actor=SYSTEM, stage=stage, is_paused=False)
    delete_stage(actor=SYSTEM, stage=stage)
    assert advance_stages() == 0
    verbs = list(Event.objects.filter(subject_kind="stage").order_by("pk").values_list("verb", flat=True))
    assert verbs == ["stage.created", "stage.paused", "stage.resumed", "stage.deleted"]
    with pytest.raises(Invalid, match="deleted meanwhile"):
        edit_stage(actor=SYSTEM, stage=stage, after_minutes=3)


def test_one_stage_leads_to_an_environment_and_none_round_in_a_circle(
    stage: Stage, staging: Environment, production: Environment, admin: Actor
) -> None:
    hello = stage.application
    with pytest.raises(Invalid, match="already"):
        create_stage(actor=admin, application=hello, environment=production, origin=staging, after_minutes=1)
    with pytest.raises(Invalid, match="staging → production → staging"):
        create_stage(actor=admin, application=hello, environment=staging, origin=production, after_minutes=1)
    with pytest.raises(Invalid, match="the environment itself"):
        edit_stage(actor=admin, stage=stage, origin=production)
    with pytest.raises(Invalid, match="30 days"):
        edit_stage(actor=admin, stage=stage, after_minutes=10**6)
    assert Stage.objects.count() == 1


def test_whoever_may_not_promote_here_sets_up_nothing_and_may_stop_nothing(
    hello: Application, staging: Environment, production: Environment, stage: Stage
) -> None:
    only_staging = make_person("sam", Role.DEPLOYER, environment=staging)
    with pytest.raises(Blocked):
        create_stage(actor=only_staging, application=hello, environment=production, origin=staging, after_minutes=1)
    with pytest.raises(Blocked):
        edit_stage(actor=only_staging, stage=stage, is_paused=True)
    only_production = make_person("pia", Role.DEPLOYER, environment=production)
    assert edit_stage(actor=only_production, stage=stage, is_paused=True).saved_by == "Fairway", "who pauses owns nothing"


def test_stages_are_looked_at_in_a_few_queries(
    stage: Stage, staging: Environment, django_assert_max_num_queries: object
) -> None:
    for number in range(4):
        place = make_environment(f"place-{number}", position=40 + number)
        create_stage(actor=SYSTEM, application=stage.application, environment=place, origin=staging, after_minutes=10)
    live(stage.application, staging)
    stages = list(Stage.objects.select_related("application", "environment", "origin"))
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        assert len(standings_of(stages)) == 5
