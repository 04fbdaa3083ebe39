"""Whether Fairway answers; for load balancers and `fairway status`."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest
from ninja import Schema

from fairway import __version__
from fairway.accounts.permissions import public
from fairway.api.routing import PermissionRouter
from fairway.engine.queries import living_workers

router = PermissionRouter(tags=["health"])


class HealthShown(Schema):
    """`workers` is how many worker processes are alive; with 0, everything that is requested waits."""

    status: str
    version: str
    workers: int


@router.get("/health", response=HealthShown)
@public("a load balancer has no account")
def show_health(request: HttpRequest) -> HealthShown:
    """Whether Fairway and its database answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HealthShown(status="ok", version=__version__, workers=len(living_workers()))
