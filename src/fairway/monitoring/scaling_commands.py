"""Saying how a placement is scaled by itself. Keyword-only, one transaction, one event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.deployments.commands.placements import about, locked
from fairway.deployments.models import Placement
from fairway.deployments.rules import most_replicas
from fairway.deployments.subjects import on_placement
from fairway.monitoring.models import Scaling
from fairway.monitoring.scaling_rules import Policy, parse_policy


@transaction.atomic
def set_scaling(
    *, actor: Actor, placement: Placement, given: Mapping[str, Any] | None, as_of: int | None = None
) -> Policy | None:
    """Scale the placement's main service by itself as `given` says (see `parse_policy`); None ends that. Raises `Blocked`,
    `Invalid`, and `Changed` if somebody has set it since event `as_of`."""
    require(actor, Act.SCALE, application=placement.application.slug, environment=placement.environment.slug)
    row = locked(placement)
    refuse_stale(as_of, "placement.scaling_set", **about(row))
    policy = None if given is None else parse_policy(**given, most=most_of(row))
    before, after = policy_of(row), policy
    if before == after:
        return policy
    if policy is None:
        Scaling.objects.filter(placement=row).delete()
    else:
        Scaling.objects.update_or_create(placement=row, defaults={"policy": policy.stored})
    record(
        who=actor.who,
        verb="placement.scaling_set",
        on=on_placement(row),
        before={"policy": before.stored if before else None},
        after={"policy": after.stored if after else None},
    )
    return policy


def policy_of(placement: Placement) -> Policy | None:
    """How the placement is scaled by itself; None if it is not."""
    found = Scaling.objects.filter(placement=placement.pk).first()
    return Policy.of(found.policy) if found else None


def most_of(placement: Placement) -> int:
    """How many replicas can run there."""
    current = placement.current
    return most_replicas(current.artifact.parsed_spec.volumes if current and current.artifact else ())
