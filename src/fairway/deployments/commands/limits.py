"""Setting what one instance of a service may use in one environment."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.deployments.commands.placements import about, locked
from fairway.deployments.limits import parse_limits
from fairway.deployments.models import Placement
from fairway.deployments.subjects import on_placement
from fairway.shared.names import Invalid


@transaction.atomic
def set_limits(
    *, actor: Actor, placement: Placement, service: str, given: Mapping[str, float | None], as_of: int | None = None
) -> Placement:
    """Set the limits of a service there: ``memory_mb``, ``cpus`` and ``pids`` of each instance; None: as its version says.
    They hold from its next deployment on; a restart is one. Raises `Blocked`, `Invalid`, and `Changed` if somebody has set
    them since event `as_of`."""
    require(actor, Act.SCALE, application=placement.application.slug, environment=placement.environment.slug)
    row = locked(placement)
    refuse_stale(as_of, "placement.limits_set", **about(row))
    if service not in row.counts:
        names = ", ".join(row.counts)
        raise Invalid("service", "“{name}” is none of its services; it has {names}.", name=service[:40], names=names)
    wanted = {**row.limits, service: parse_limits(given)}
    wanted = {name: limits for name, limits in wanted.items() if limits}
    before = row.limits
    if wanted != before:
        row.limits = wanted
        row.save(update_fields=["limits"])
        after = {"limits": wanted}
        record(who=actor.who, verb="placement.limits_set", on=on_placement(row), before={"limits": before}, after=after)
    return row
