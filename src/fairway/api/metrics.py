"""Numbers for monitoring systems."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.routing import PermissionRouter
from fairway.insights.metrics import CONTENT_TYPE, metrics_text

router = PermissionRouter(tags=["health"])
SHOWN = {"responses": {200: {"description": "Prometheus' text format", "content": {"text/plain": {}}}}}


@router.get("/metrics", response={200: None}, openapi_extra=SHOWN)
@needs(Act.VIEW)
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Numbers about all that the token's owner may see, for Prometheus and what reads its format."""
    response = HttpResponse(metrics_text(actor_of(request)), content_type=CONTENT_TYPE)
    response["Cache-Control"] = "private, no-store"
    return response
