"""Evidence about deployments and releases: signed in-toto statements, one DSSE envelope per line."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Number
from fairway.deployments.queries import get_deployment
from fairway.insights.evidence import MEDIA_TYPE, signed
from fairway.insights.evidence.of_deployment import of_deployment
from fairway.insights.evidence.of_release import of_release
from fairway.releases.queries import get_release

router = PermissionRouter(tags=["evidence"])
BUNDLE = {
    "responses": {
        200: {
            "description": "DSSE envelopes with in-toto statements, one per line.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        }
    }
}


@router.get("/deployments/{number}/evidence", openapi_extra=BUNDLE)
@needs(Act.VIEW)
def deployment_evidence(request: HttpRequest, number: Number) -> HttpResponse:
    """Signed statements about a deployment: which bytes, built how, asked for and approved by whom, measured how."""
    actor = actor_of(request)
    deployment = get_deployment(actor, number)
    return _file(signed(of_deployment(actor, deployment)), f"fairway-deployment-{number}")


@router.get("/releases/{number}/evidence", openapi_extra=BUNDLE)
@needs(Act.VIEW)
def release_evidence(request: HttpRequest, number: Number) -> HttpResponse:
    """Signed statements about a release and every deployment of its packages that you may see."""
    actor = actor_of(request)
    release = get_release(actor, number)
    return _file(signed(of_release(actor, release)), f"fairway-release-{number}")


def _file(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type=MEDIA_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}.intoto.jsonl"'
    return response
