"""Artifacts that nobody could need any more: what runs, the last good versions and every volume stay (`rules` decides)."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.utils import timezone

from fairway.applications.models import Artifact
from fairway.deployments.keeping import pinned
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import ACTIVE, Status
from fairway.drivers.runtimes.contract import NullProgress
from fairway.environments.models import Environment
from fairway.environments.runtimes import availability_of, runtime_of
from fairway.shared.failures import Failure
from fairway.worker.rules import FRESH_FOR, GOOD_KEPT, Place, Tried, digests_kept

__all__ = ["GOOD_KEPT", "collect", "digests_to_keep"]

log = logging.getLogger(__name__)


def collect() -> dict[str, list[str]]:
    """Remove unused artifacts from every runtime; returns the digests removed per environment. A host that does not answer
    keeps what it has until the next time."""
    removed = {}
    for environment in Environment.objects.filter(deleted_at=None):
        try:
            gone = _collect_from(environment)
        except Failure as failure:
            log.warning("Nothing was collected from %s: %s", environment.name, failure.sentence)
            continue
        if gone:
            removed[environment.slug] = gone
            Artifact.objects.filter(digest__in=gone).update(collected_at=timezone.now())
    return removed


def _collect_from(environment: Environment) -> list[str]:
    if not availability_of(environment).is_available:
        return []
    # asked anew for each: what was requested while another host was tidied must stay
    return list(runtime_of(environment).collect(digests_to_keep(), NullProgress()))


def digests_to_keep() -> set[str]:
    """What serves, what a rollback could need, what is on its way, what is pinned, and what was made within the hour."""
    waiting = Deployment.objects.filter(status__in=ACTIVE).exclude(artifact=None)
    fresh = Artifact.objects.filter(created_at__gte=timezone.now() - FRESH_FOR)
    return digests_kept(
        (_place(placement) for placement in Placement.objects.all()),
        on_their_way=waiting.values_list("artifact__digest", flat=True),
        pinned=pinned(),
        fresh=fresh.values_list("digest", flat=True),
    )


def _place(placement: Placement) -> Place:
    return Place(placement.current_id, placement.previous_good_id, _tried(placement))


def _tried(placement: Placement) -> Iterator[Tried]:
    """Newest first, read a few at a time: the rule seldom wants many."""
    there = Deployment.objects.filter(application=placement.application_id, environment=placement.environment_id)
    rows = there.exclude(artifact=None).order_by("-pk").values_list("pk", "artifact__digest", "status")
    for number, digest, status in rows.iterator(chunk_size=50):
        yield Tried(number, digest, is_good=status == Status.SUCCEEDED)
