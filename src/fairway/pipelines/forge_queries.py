"""Reading connections to forges and what was sent there; every lookup starts at `visible_to(actor)`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Max, Q, QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Actor, NotVisible, reach_of
from fairway.applications.models import Application
from fairway.deployments.models import Deployment
from fairway.drivers.forges.contract import Forge
from fairway.pipelines.models import ForgeConnection, StatusReport
from fairway.pipelines.report_rules import State


def visible_to(actor: Actor) -> QuerySet[ForgeConnection]:
    """The connections of the applications that this actor may see."""
    scope = reached(reach_of(actor), application="application__slug")
    living = ForgeConnection.objects.filter(scope, deleted_at=None, application__deleted_at=None)
    return living.select_related("application").order_by("application__slug", "pk")


def find_forge(actor: Actor, application: Application) -> ForgeConnection | None:
    """The connection of this application, if it has one that the actor may see."""
    return visible_to(actor).filter(application=application).first()


def get_forge(actor: Actor, application: Application) -> ForgeConnection:
    """The same. Raises `NotVisible`."""
    found = find_forge(actor, application)
    if found is None:
        raise NotVisible("connection to a forge", application.slug)
    return found


def reports_visible_to(actor: Actor, connection: ForgeConnection) -> QuerySet[StatusReport]:
    """What was sent there of the environments that this actor may see, newest first."""
    scope = reached(
        reach_of(actor), application="deployment__application__slug", environment="deployment__environment__slug"
    )
    found = StatusReport.objects.filter(scope, connection=connection)
    return found.select_related("deployment__environment", "deployment__artifact", "deployment__application").order_by("-pk")


def get_report(actor: Actor, connection: ForgeConnection, number: int) -> StatusReport:
    """One of them. Raises `NotVisible`."""
    found = reports_visible_to(actor, connection).filter(pk=number).first()
    if found is None:
        raise NotVisible("status", number)
    return found


def last_report_of(deployment: Deployment) -> StatusReport | None:
    """What was told last of a deployment, or is to be told next, by the connection that its application has now."""
    living = StatusReport.objects.filter(deployment=deployment, connection__deleted_at=None)
    return living.select_related("connection").order_by("-pk").first()


def kind_of(application: Application) -> Forge | None:
    """Which forge the application's repository is at, as somebody said when they connected it; None if nobody did."""
    kind = ForgeConnection.objects.filter(application=application, deleted_at=None).values_list("kind", flat=True).first()
    return Forge(kind) if kind else None


@dataclass(frozen=True)
class Condition:
    """How a connection is doing: the report that was tried last, and how many wait or were given up."""

    last: StatusReport | None = None
    waiting: int = 0
    given_up: int = 0


def conditions_of(connections: Iterable[ForgeConnection]) -> dict[int, Condition]:
    """How these connections are doing, by their number, in two queries."""
    numbers = [one.pk for one in connections]
    counted = (
        StatusReport.objects.filter(connection__in=numbers)
        .values("connection")
        .annotate(
            last=Max("pk", filter=Q(tried_at__isnull=False)),
            waiting=Count("pk", filter=Q(state=State.WAITING)),
            given_up=Count("pk", filter=Q(state=State.GIVEN_UP)),
        )
    )
    rows = {row["connection"]: row for row in counted}
    newest = StatusReport.objects.filter(pk__in=[row["last"] for row in rows.values() if row["last"]])
    last = {one.connection_id: one for one in newest.select_related("deployment__environment")}
    found = {number: Condition() for number in numbers}
    return found | {number: Condition(last.get(number), row["waiting"], row["given_up"]) for number, row in rows.items()}
