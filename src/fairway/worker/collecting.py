"""Collects artifacts that nothing can need any more; `rules` decides. Volumes are never touched."""

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
from fairway.worker.rules import FRESH_FOR, GOOD_KEPT, PlacementFacts, TriedDeployment, digests_kept
from fairway.workflows.specs import backing_refs

__all__ = ["GOOD_KEPT", "collect", "digests_to_keep"]

log = logging.getLogger(__name__)


def collect() -> dict[str, list[str]]:
    """Remove unused artifacts from every runtime; returns the removed digests per environment. A host that does not
    answer is left to the next round."""
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
    # computed for each environment anew, because something may have been requested while another one was collected
    return list(runtime_of(environment).collect(digests_to_keep(), NullProgress()))


def digests_to_keep() -> set[str]:
    """The digests of artifacts that serve, that a rollback could need, that are queued or running, that are pinned, or
    that were made within the last hour."""
    waiting = Deployment.objects.filter(status__in=ACTIVE).exclude(artifact=None)
    fresh = Artifact.objects.filter(created_at__gte=timezone.now() - FRESH_FOR)
    kept = digests_kept(
        (_facts(placement) for placement in Placement.objects.all()),
        on_their_way=waiting.values_list("artifact__digest", flat=True),
        pinned=pinned(),
        fresh=fresh.values_list("digest", flat=True),
    )
    with_services = Artifact.objects.filter(digest__in=kept, spec__has_key="services")
    return kept | {ref.digest for artifact in with_services for ref in backing_refs(artifact)}


def _facts(placement: Placement) -> PlacementFacts:
    return PlacementFacts(placement.current_id, placement.previous_good_id, _tried(placement))


def _tried(placement: Placement) -> Iterator[TriedDeployment]:
    """The placement's deployments, newest first, read a few at a time, because the rule seldom needs many."""
    deployments = Deployment.objects.filter(application=placement.application_id, environment=placement.environment_id)
    rows = deployments.exclude(artifact=None).order_by("-pk").values_list("pk", "artifact__digest", "status")
    for number, digest, status in rows.iterator(chunk_size=50):
        yield TriedDeployment(number, digest, is_good=status == Status.SUCCEEDED)
