"""Finds the placement of a host name, for signing in to applications and before a certificate is issued."""

from __future__ import annotations

from fairway.deployments.models import Placement
from fairway.deployments.rules import Wanted
from fairway.shared.hostnames import hostname_in


def placement_at(host: str) -> Placement | None:
    """The placement that is served at this host name (a port is ignored); None if there is none."""
    name = hostname_in(host)
    if not name:
        return None
    application, _, environment = name.partition(".")
    routed = Placement.objects.exclude(wanted=Wanted.REMOVED).select_related("application", "environment")
    own = routed.filter(application__slug=application, environment__host=environment, environment__deleted_at=None)
    if placement := own.filter(application__deleted_at=None).first():
        return placement
    # Filtered in Python, because the databases search JSON lists differently and few placements have domains.
    return next((placement for placement in routed.exclude(domains=[]) if name in placement.domains), None)
