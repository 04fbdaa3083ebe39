"""The outbox of what forges are told: reports are made of events, and sent until they are taken.

The chain of events is the outbox's source, as with notices (docs/decisions/0056): no deployment waits for it or knows of it.
A report is made once for each state of a deployment. Whoever dies after the forge was told, before that was stored, looks at
the forge before telling it again.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.activity.queries import latest_number
from fairway.deployments.models import Deployment
from fairway.deployments.rules import Kind
from fairway.drivers.forges.payloads import is_of
from fairway.drivers.forges.statuses import Progress
from fairway.drivers.taking import NotTaken, Trouble
from fairway.engine import clock
from fairway.engine.prepared import Prepared
from fairway.pipelines.models import ForgeConnection, ForgeDeployment, StatusReport
from fairway.pipelines.report_rules import KEPT_FOR, MOST_KEPT, NEEDS_PERSON, PROGRESS, State
from fairway.pipelines.report_words import stored
from fairway.pipelines.reporters import commit_of, report_of, reporter_for
from fairway.pipelines.subjects import on_forge
from fairway.shared.retrying import MOST_TRIES, next_delay, rest_after

log = logging.getLogger(__name__)
AT_ONCE = 500  # events that reports are made of in one transaction
LOOKED_AT = 200  # waiting reports of a connection that are looked at together
LONGEST_ROUND = 30.0  # seconds after which sending to a forge ends for now, so that its thread is free again
LISTENING = Q(is_paused=False, deleted_at=None)


def make_reports() -> int:
    """Make the reports of what has happened since the last time; returns how many. Nothing is written if no forge is
    connected or nothing happened."""
    count = 0
    while (made := _make_some()) is not None:
        count += made
    return count


def _make_some() -> int | None:
    """Make the reports of the next events; None if there are no further ones."""
    newest = latest_number()  # everything up to it is visible, because events are numbered as they are committed
    if not ForgeConnection.objects.filter(LISTENING, read_event__lt=newest).exists():
        return None
    with transaction.atomic():
        behind = ForgeConnection.objects.filter(LISTENING, read_event__lt=newest)
        connections = {one.application_id: one for one in behind.order_by("pk").select_for_update(no_key=True)}
        if not connections:
            return None
        start = min(one.read_event for one in connections.values())
        found = Event.objects.filter(pk__gt=start, pk__lte=newest, verb__in=PROGRESS, subject_kind="deployment")
        events = list(found.order_by("pk").values_list("pk", "verb", "subject_id")[:AT_ONCE])
        until = events[-1][0] if len(events) == AT_ONCE else newest
        reports = list({(one.deployment_id, one.progress): one for one in _reports_of(events, connections)}.values())
        StatusReport.objects.bulk_create(reports, ignore_conflicts=True)
        ForgeConnection.objects.filter(pk__in=[one.pk for one in connections.values()], read_event__lt=until).update(
            read_event=until
        )
    return len(reports)


def _reports_of(events: list[tuple[int, str, str]], connections: dict[int, ForgeConnection]) -> Iterator[StatusReport]:
    numbers = {int(number) for _pk, _verb, number in events}
    related = ("application", "environment", "artifact")
    belongs = Q(application__in=connections) | Q(application__preview_of__in=connections)
    chosen = Deployment.objects.filter(belongs, pk__in=numbers).select_related(*related)
    deployments, now = {one.pk: one for one in chosen}, clock.now()
    live: dict[tuple[int, int], int] = {}  # what went live last in each place among these events
    for number, verb, subject in events:
        deployment = deployments.get(int(subject))
        connection = connections[application_id_of(deployment)] if deployment else None
        if deployment is None or connection is None or number <= connection.read_event:
            continue
        if is_told(deployment, connection):
            told = [(deployment.pk, PROGRESS[verb])]
            if PROGRESS[verb] is Progress.SUCCESS:
                place = _place_of(deployment)
                before = [*_followed(deployment, connection), *([live[place]] if place in live else [])]
                told += [(other, Progress.INACTIVE) for other in before]
                live[place] = deployment.pk
            for pk, progress in told:
                report = {"connection": connection, "deployment_id": pk, "progress": progress.value}
                yield StatusReport(**report, next_at=now, created_at=now)


def application_id_of(deployment: Deployment) -> int:
    """The application whose forge is told of it: of a preview, the one that it belongs to."""
    return deployment.application.preview_of_id or deployment.application_id


def _place_of(deployment: Deployment) -> tuple[int, int]:
    return deployment.application_id, deployment.environment_id


def is_told(deployment: Deployment, connection: ForgeConnection) -> bool:
    """Whether the forge hears of this deployment: it brings a known commit of that repository. A restart brings nothing."""
    source = deployment.artifact.source if deployment.artifact else deployment.source
    is_there = is_of([str(source.get("url", ""))], connection.repository)
    return deployment.kind != Kind.RESTART and is_there and bool(commit_of(deployment))


def _followed(deployment: Deployment, connection: ForgeConnection) -> Iterable[int]:
    """The deployments in the same place that the forge still thinks are live."""
    there = {"deployment__application": deployment.application_id, "deployment__environment": deployment.environment_id}
    known = StatusReport.objects.filter(connection=connection, **there)
    ended = known.filter(progress=Progress.INACTIVE).values("deployment")
    live = known.filter(progress=Progress.SUCCESS, deployment__lt=deployment.pk).exclude(deployment__in=ended)
    return live.order_by("deployment").values_list("deployment", flat=True)


def forges_due() -> list[int]:
    """The numbers of the connections that have something to send now."""
    return [number for (number,) in _DUE.rows(clock.now())]


def _due(now: datetime) -> QuerySet[ForgeConnection, tuple[int]]:
    waiting = StatusReport.objects.filter(connection=OuterRef("pk"), state=State.WAITING, next_at__lte=now)
    return ForgeConnection.objects.filter(sending(now), Exists(waiting)).order_by("pk").values_list("pk")


_DUE = Prepared(_due)


def sending(now: datetime) -> Q:
    """The connections to which something may be sent now."""
    return LISTENING & Q(stopped_at=None) & (Q(rests_until=None) | Q(rests_until__lte=now))


def send_reports(number: int, stop: threading.Event | None = None) -> int:
    """Send what this connection has to send now, oldest first; returns how many were taken. It ends when the forge fails,
    after `LONGEST_ROUND`, or when `stop` is set."""
    until, taken = time.monotonic() + LONGEST_ROUND, 0
    while time.monotonic() < until and not (stop and stop.is_set()):
        connection = ForgeConnection.objects.filter(sending(clock.now()), pk=number).select_related("application").first()
        if connection is None:
            break
        report = next(_sendable(connection), None)
        if report is None:
            _postpone_held(connection)
            break
        taken += _send(report)
    return taken


def _sendable(connection: ForgeConnection) -> Iterator[StatusReport]:
    """What may be sent now. What is told of one place is told in order, because its commit status is one."""
    now, held = clock.now(), set[tuple[int, int]]()
    for report in _waiting(connection)[:LOOKED_AT]:
        place = _place_of(report.deployment)
        if place not in held and report.next_at <= now:
            yield report
        held.add(place)


def _postpone_held(connection: ForgeConnection) -> None:
    """Let those that wait for an earlier one become due with it; else the forge would be looked at every second."""
    now, first = clock.now(), dict[tuple[int, int], StatusReport]()
    for report in _waiting(connection)[:LOOKED_AT]:
        holds = first.setdefault(_place_of(report.deployment), report)
        if report.next_at <= now < holds.next_at:
            StatusReport.objects.filter(pk=report.pk, tries=report.tries).update(next_at=holds.next_at)


def _let_next(report: StatusReport) -> None:
    """What waited for this one is due now."""
    held = StatusReport.objects.filter(connection=report.connection_id, state=State.WAITING, tries=0)
    application, environment = _place_of(report.deployment)
    there = held.filter(deployment__application=application, deployment__environment=environment)
    there.filter(next_at__gt=clock.now()).update(next_at=clock.now())


def _waiting(connection: ForgeConnection) -> QuerySet[StatusReport]:
    related = ("connection__application", "deployment__application", "deployment__environment", "deployment__artifact")
    waiting = StatusReport.objects.filter(connection=connection, state=State.WAITING)
    return waiting.select_related(*related).order_by("pk")


def _send(report: StatusReport) -> bool:
    """Send it, if nobody else does meanwhile; whether it was taken."""
    if not _claim(report):
        return False
    try:
        _tell(report)
    except NotTaken as problem:
        _not_taken(report, problem)
        return False
    except Exception:  # a defect of Fairway: the report is tried again like any other, and the rest goes on
        log.exception("A report of deployment %s could not be made", report.deployment_id)
        return False
    settled = {"state": State.SENT, "sent_at": clock.now(), "trouble": "", "said": {}}
    StatusReport.objects.filter(pk=report.pk).update(**settled)
    ForgeConnection.objects.filter(pk=report.connection_id, rests_until__isnull=False).update(rests_until=None)
    _let_next(report)
    return True


def _tell(report: StatusReport) -> None:
    """Raises `NotTaken`."""
    content = report_of(report.deployment, Progress(report.progress))
    reporter = reporter_for(report.connection)
    numbers = dict(report.connection.forge_deployments.values_list("deployment_id", "number"))
    number = numbers.get(report.deployment_id)
    if number is None:
        number = reporter.opened(content, frozenset(numbers.values()))
        values = {"connection": report.connection, "deployment": report.deployment}
        if number:
            ForgeDeployment.objects.get_or_create(**values, defaults={"number": number})
    reporter.tell(content, number, is_repeated=report.tries > 1)


def _claim(report: StatusReport) -> bool:
    """Count a try before it is made, so that whoever dies while sending does not try for ever."""
    now = clock.now()
    row = StatusReport.objects.filter(pk=report.pk, state=State.WAITING, tries=report.tries)
    if report.tries >= MOST_TRIES:  # the last try was cut
        row.update(state=State.GIVEN_UP)
        _let_next(report)
        return False
    again = now + timedelta(seconds=next_delay(min(report.tries + 1, MOST_TRIES - 1)) or 0)
    is_ours = row.update(tries=F("tries") + 1, tried_at=now, next_at=again) == 1
    report.tries += 1
    return is_ours


def _not_taken(report: StatusReport, problem: NotTaken) -> None:
    """Store why, and when it is tried again. What only a person can mend stops the connection; what the forge refuses for
    itself is given up; everything else is tried again."""
    delay = next_delay(report.tries, retry_after=problem.retry_after, chance=random.random())  # noqa: S311 - no secret
    now, (trouble, said) = clock.now(), stored(problem)
    settled: dict[str, object] = {"trouble": trouble, "said": said}
    if problem.trouble in NEEDS_PERSON:
        stop(report.connection, problem)
        settled["next_at"] = now
    elif delay is None or problem.trouble is Trouble.REFUSED:
        settled["state"] = State.GIVEN_UP
    else:
        settled["next_at"] = now + timedelta(seconds=delay)
    StatusReport.objects.filter(pk=report.pk).update(**settled)
    if "state" in settled:
        _let_next(report)
    if problem.trouble is not Trouble.REFUSED:
        rest = now + timedelta(seconds=rest_after(delay, problem.retry_after))
        ForgeConnection.objects.filter(pk=report.connection_id).update(rests_until=rest)


def tell_gone(application: int) -> None:
    """Let the forge know that nothing of a preview, an application with this id, is live any more. It joins the caller's
    transaction."""
    told = StatusReport.objects.filter(deployment__application=application, progress=Progress.SUCCESS)
    last = told.filter(connection__deleted_at=None).order_by("-pk").first()
    if last is not None:
        now = clock.now()
        StatusReport.objects.get_or_create(
            connection_id=last.connection_id,
            deployment_id=last.deployment_id,
            progress=Progress.INACTIVE.value,
            defaults={"next_at": now, "created_at": now},
        )


@transaction.atomic
def stop(connection: ForgeConnection, problem: NotTaken) -> None:
    """Send nothing there until a person has looked. What waits stays, and what happens meanwhile is added to it."""
    row = ForgeConnection.objects.select_for_update(of=("self",), no_key=True).select_related("application")
    one = row.get(pk=connection.pk)
    is_same = one.sealed_token == connection.sealed_token  # nobody entered another one meanwhile
    if is_same and one.stopped_at is None and one.deleted_at is None:
        one.stopped_at, (one.trouble, one.said) = clock.now(), stored(problem)
        one.save(update_fields=["stopped_at", "trouble", "said"])
        comment = f"{problem.host} answered {problem.status or problem.trouble.value}: {problem.answer or '—'}"
        record(who=SYSTEM.who, verb="forge.stopped", on=on_forge(one), comment=comment, after={"is_stopped": True})


def forget_reports() -> int:
    """Delete old reports, and the oldest of a connection that has more than it keeps; returns how many."""
    settled = StatusReport.objects.exclude(state=State.WAITING)
    count = StatusReport.objects.filter(created_at__lt=clock.now() - KEPT_FOR).delete()[0]
    for number in ForgeConnection.objects.values_list("pk", flat=True):
        last = settled.filter(connection=number).order_by("-pk").values_list("pk", flat=True)[MOST_KEPT : MOST_KEPT + 1]
        for oldest in list(last):
            count += settled.filter(connection=number, pk__lte=oldest).delete()[0]
    return count
