"""Which placement a host name belongs to; asked by the hand-over of a sign-in and before a certificate is made."""

from __future__ import annotations

from fairway.deployments.models import Placement
from fairway.deployments.rules import Wanted
from fairway.shared.hostnames import hostname_in


def placement_at(host: str) -> Placement | None:
    """The placement that answers at this host (a port is ignored); None when nothing of ours does."""
    name = hostname_in(host)
    if not name:
        return None
    application, _, environment = name.partition(".")
    routed = Placement.objects.exclude(wanted=Wanted.REMOVED).select_related("application", "environment")
    own = routed.filter(application__slug=application, environment__host=environment, environment__deleted_at=None)
    if found := own.filter(application__deleted_at=None).first():
        return found
    # Domains are a short JSON list on few rows; both databases differ in how they search one.
    return next((one for one in routed.exclude(domains=[]) if name in one.domains), None)
