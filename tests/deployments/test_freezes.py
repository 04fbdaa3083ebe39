"""What a freeze closes, what it spares, who may set one, and what waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from fairway.accounts.rules import Act, Blocked, NotVisible, Role
from fairway.activity.models import Event
from fairway.deployments.commands.requests import promote, request_deployment
from fairway.deployments.gate import Subject, blockers
from fairway.environments.freeze_commands import create_freeze, delete_freeze, edit_freeze
from fairway.environments.freeze_queries import freezes_visible_to, get_freeze
from fairway.environments.freeze_rules import Kind
from fairway.environments.models import FreezeWindow
from fairway.shared.names import Invalid
from tests.conftest import make_artifact, make_person

PARIS = ZoneInfo("Europe/Paris")


def wall(hours: float) -> str:
    """The wall time in Paris so many hours from now."""
    return (timezone.now() + timedelta(hours=hours)).astimezone(PARIS).strftime("%Y-%m-%dT%H:%M")


def frozen(actor, **more) -> FreezeWindow:
    given = {
        "name": "Year end",
        "reason": "Books close",
        "starts": wall(-1),
        "ends": wall(2),
        "zone": "Europe/Paris",
        **more,
    }
    return create_freeze(actor=actor, **given)


def codes(act: Act, actor, application, environment, **known) -> list[str]:
    return [one.code for one in blockers(act, Subject(application, environment), actor, **known)]


def test_a_freeze_closes_what_is_new_and_says_when_it_opens(manager, deployer, hello, staging):
    row = frozen(manager, environments=["staging"])
    (blocker,) = blockers(Act.DEPLOY, Subject(hello, staging), deployer)
    ends = row.ends.replace(tzinfo=PARIS).astimezone(UTC)
    assert (blocker.code, blocker.clears_at, blocker.only_starts) == ("frozen", ends, True)
    assert "Year end" in blocker.sentence
    assert "Books close" in blocker.sentence
    assert not blockers(Act.DEPLOY, Subject(hello, staging), deployer, at=ends)


@pytest.mark.parametrize("act", [Act.ROLL_BACK, Act.RESTART, Act.STOP, Act.SCALE, Act.CANCEL])
def test_going_back_and_keeping_alive_stay_possible(manager, deployer, hello, staging, act):
    frozen(manager)
    assert "frozen" not in codes(act, deployer, hello, staging)


def test_it_names_environments_and_applications(manager, deployer, hello, staging, production):
    frozen(manager, environments=["production"], applications=["hello"])
    assert codes(Act.DEPLOY, deployer, hello, staging) == []
    assert codes(Act.DEPLOY, deployer, hello, production) == ["frozen"]


def test_outside_of_its_allow_windows_an_environment_is_closed(manager, deployer, hello, staging):
    frozen(manager, kind=Kind.ALLOW, name="Office hours", starts=wall(3), ends=wall(5), environments=["staging"])
    (blocker,) = blockers(Act.DEPLOY, Subject(hello, staging), deployer)
    assert "only during “Office hours”" in blocker.sentence
    assert blocker.clears_at is not None


def test_breaking_glass_passes_and_is_an_event_of_its_own(admin, manager, hello, staging):
    frozen(manager)
    artifact = make_artifact(hello)
    with pytest.raises(Blocked):
        request_deployment(actor=admin, application=hello, environment=staging, artifact=artifact)
    request_deployment(actor=admin, application=hello, environment=staging, artifact=artifact, break_glass="Fire")
    assert Event.objects.get(verb="gate.glass_broken").comment == "Fire"


def test_what_may_wait_is_accepted_during_a_freeze_but_not_with_another_reason_against_it(manager, deployer, hello, staging):
    frozen(manager)
    good, bad = make_artifact(hello), make_artifact(hello, requires=("TOKEN",))
    until = timezone.now() + timedelta(days=1)
    made = request_deployment(
        actor=deployer, application=hello, environment=staging, artifact=good, when_open=True, start_by=until
    )
    assert (made.status, made.starts_by) == ("queued", until)
    with pytest.raises(Blocked) as refused:
        request_deployment(actor=deployer, application=hello, environment=staging, artifact=bad, when_open=True)
    assert {one.code for one in refused.value.blockers} == {"frozen", "missing_configuration"}
    with pytest.raises(Invalid):
        request_deployment(
            actor=deployer, application=hello, environment=staging, artifact=good, when_open=True,
            start_by=timezone.now() - timedelta(minutes=1),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"reason": " "}, "reason"),
        ({"kind": "maybe"}, "kind"),
        ({"starts": "soon"}, "starts"),
        ({"starts": "2026-03-01"}, "starts"),
        ({"starts": "2026-03-01T10:00+01:00"}, "starts"),
        ({"starts": "1812-03-01T10:00"}, "starts"),
        ({"ends": wall(-2)}, "ends"),
        ({"ends": wall(24 * 400)}, "ends"),
        ({"ends": "0h"}, "ends"),
        ({"starts": wall(-5), "ends": wall(-4)}, "starts"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"zone": ""}, "zone"),
        ({"rrule": "FREQ=SECONDLY"}, "rrule"),
        ({"rrule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}, "rrule"),
        ({"rrule": "FREQ=DAILY;UNTIL=20200101"}, "rrule"),
        ({"environments": ["nowhere"]}, "environments"),
        ({"applications": ["nothing"]}, "applications"),
    ],
)
def test_bad_input_names_its_field_and_keeps_nothing(manager, staging, values, field):
    with pytest.raises(Invalid) as refused:
        frozen(manager, **values)
    assert refused.value.field == field
    assert not FreezeWindow.objects.exists()


def test_a_duration_is_an_end_too(manager):
    assert frozen(manager, ends="2d12h").minutes == 60 * 60


def test_every_change_is_an_event_with_before_and_after(manager, staging):
    row = frozen(manager, environments=["staging"])
    edit_freeze(actor=manager, freeze=row, reason="Longer", rrule="freq=daily")
    delete_freeze(actor=manager, freeze=row)
    delete_freeze(actor=manager, freeze=row)
    created, edited, deleted = Event.objects.filter(subject_kind="freeze").order_by("pk")
    assert (created.verb, created.environment, created.after["reason"]) == ("freeze.created", "staging", "Books close")
    assert (edited.before["reason"], edited.after["reason"], edited.after["rrule"]) == (
        "Books close",
        "Longer",
        "FREQ=DAILY",
    )
    assert (deleted.verb, deleted.before["reason"]) == ("freeze.deleted", "Longer")
    with pytest.raises(NotVisible):
        get_freeze(manager, row.pk)


@pytest.mark.parametrize("role", [Role.DEPLOYER, Role.VIEWER])
def test_who_neither_plans_nor_administers_sets_none(manager, staging, role):
    other, row = make_person("otto", role), frozen(manager)
    for act in (
        lambda: frozen(other),
        lambda: edit_freeze(actor=other, freeze=row, name="Mine"),
        lambda: delete_freeze(actor=other, freeze=row),
    ):
        with pytest.raises(Blocked):
            act()
    assert list(FreezeWindow.objects.values_list("name", "deleted_at")) == [("Year end", None)]


def test_a_narrowed_manager_freezes_nothing_beyond_and_sees_nothing_beyond(manager, staging, production):
    narrowed = make_person("nils", Role.RELEASE_MANAGER, environment=staging)
    mine = frozen(narrowed, environments=["staging"])
    for beyond in ([], ["production"], ["staging", "production"]):
        with pytest.raises((Blocked, Invalid)):
            frozen(narrowed, environments=beyond)
        with pytest.raises((Blocked, Invalid)):
            edit_freeze(actor=narrowed, freeze=mine, environments=beyond)
    there, everywhere = frozen(manager, environments=["production"]), frozen(manager)
    assert {row.pk for row in freezes_visible_to(narrowed)} == {mine.pk, everywhere.pk}
    with pytest.raises(Blocked):
        delete_freeze(actor=narrowed, freeze=everywhere)
    with pytest.raises(NotVisible):
        get_freeze(narrowed, there.pk)


def test_promoting_waits_too(manager, deployer, hello, staging, production):
    from fairway.deployments.models import Placement

    made = request_deployment(actor=deployer, application=hello, environment=staging, artifact=make_artifact(hello))
    Placement.objects.filter(application=hello, environment=staging).update(current=made)
    frozen(manager, environments=["production"])
    wanted = {"actor": deployer, "application": hello, "environment": production, "from_environment": staging}
    with pytest.raises(Blocked):
        promote(**wanted)
    assert promote(**wanted, when_open=True).status == "queued"


def test_the_gate_judges_the_instant_it_is_asked_about(manager, deployer, hello, staging):
    create_freeze(
        actor=manager,
        name="Nights",
        reason="Sleep",
        starts="2026-01-01T22:00",
        ends="8h",
        zone="Europe/Paris",
        rrule="FREQ=DAILY",
    )
    at = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30, right after the clock jumped
    assert codes(Act.DEPLOY, deployer, hello, staging, at=at) == ["frozen"]
    assert codes(Act.DEPLOY, deployer, hello, staging, at=datetime(2026, 3, 29, 4, 0, tzinfo=UTC)) == []
