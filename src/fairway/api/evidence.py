"""Evidence about deployments and releases (signed in-toto statements), and bills of materials (CycloneDX)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Number, Slug
from fairway.applications.models import Artifact
from fairway.applications.queries import get_application, get_artifact
from fairway.deployments.queries import get_deployment
from fairway.insights.evidence import MEDIA_TYPE, signed
from fairway.insights.evidence.bill import BILL_TYPE, bill_of
from fairway.insights.evidence.of_deployment import of_deployment
from fairway.insights.evidence.of_release import of_release
from fairway.insights.evidence.parts import refuse_nothing
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
BILL = {
    "responses": {
        200: {"description": "A CycloneDX 1.6 document.", "content": {BILL_TYPE: {"schema": {"type": "object"}}}},
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


@router.get("/deployments/{number}/sbom", openapi_extra=BILL)
@needs(Act.VIEW)
def deployment_sbom(request: HttpRequest, number: Number) -> HttpResponse:
    """The software bill of materials of what a deployment brought."""
    deployment = get_deployment(actor_of(request), number)
    if deployment.artifact is None:
        refuse_nothing(f"#{number}")
    return _bill(deployment.artifact)


@router.get("/applications/{app}/artifacts/{number}/sbom", openapi_extra=BILL)
@needs(Act.VIEW)
def artifact_sbom(request: HttpRequest, app: Slug, number: Number) -> HttpResponse:
    """The software bill of materials of a version: the packages that Fairway found in it when it was built."""
    return _bill(get_artifact(get_application(actor_of(request), app), number))


def _bill(artifact: Artifact) -> HttpResponse:
    response = HttpResponse(bill_of(artifact), content_type=BILL_TYPE)
    name = f"{artifact.application.slug}-{artifact.number}.cdx.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _file(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type=MEDIA_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}.intoto.jsonl"'
    return response
