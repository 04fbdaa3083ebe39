"""Artifacts: the immutable versions of an application."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Query
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.placement_schemas import ArtifactShown, artifact_shown
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Number, Page, Paged, Slug, page_of
from fairway.applications.commands import mark_bad
from fairway.applications.models import Artifact
from fairway.applications.queries import artifacts_of, get_application, get_artifact

router = PermissionRouter(tags=["artifacts"])
HERE = "/applications/{app}/artifacts"


class BadMark(Given):
    reason: str = Field(max_length=500)


def _artifact(request: HttpRequest, app: str, number: int) -> Artifact:
    return get_artifact(get_application(actor_of(request), app), number)


@router.get(HERE, response=Page[ArtifactShown])
@needs(Act.VIEW)
def list_artifacts(request: HttpRequest, app: Slug, asked: Query[Paged]) -> object:
    """Every version of an application, newest first."""
    chosen = artifacts_of(get_application(actor_of(request), app))
    return page_of(chosen, asked, lambda rows: [artifact_shown(row) for row in rows], by="number")


@router.get(f"{HERE}/{{number}}", response=ArtifactShown)
@needs(Act.VIEW)
def show_artifact(request: HttpRequest, app: Slug, number: Number) -> ArtifactShown:
    """One version."""
    return artifact_shown(_artifact(request, app, number))


@router.put(f"{HERE}/{{number}}/bad-mark", response=ArtifactShown)
@needs(Act.MARK_BAD)
def mark_artifact_bad(request: HttpRequest, app: Slug, number: Number, given: BadMark) -> ArtifactShown:
    """Mark a version as bad: it is refused everywhere until the mark is removed."""
    return artifact_shown(mark_bad(actor=actor_of(request), artifact=_artifact(request, app, number), reason=given.reason))


@router.delete(f"{HERE}/{{number}}/bad-mark", response=ArtifactShown)
@needs(Act.MARK_BAD)
def unmark_artifact_bad(request: HttpRequest, app: Slug, number: Number) -> ArtifactShown:
    """Remove the mark that a version is bad."""
    row = mark_bad(actor=actor_of(request), artifact=_artifact(request, app, number), reason="", is_bad=False)
    return artifact_shown(row)
