"""Inspects a source before an application is created from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Schema, Status

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.applications import SourceGiven
from fairway.api.placement_schemas import FindingShown
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Number, ShownFacts
from fairway.applications.commands import request_inspection
from fairway.applications.models import Inspection
from fairway.applications.queries import get_inspection

router = PermissionRouter(tags=["inspections"])


class CandidateShown(Schema):
    """One way to run a source. `problem`: why it cannot be run as it is ("" if it can); `offer`: a file that would help."""

    spec: dict[str, Any]
    findings: list[FindingShown]
    problem: str
    offer: str
    remarks: list[FindingShown] = []


class InspectionShown(Schema):
    """`status`: queued, running, done, failed. `candidates`: all ways to run it, the best first; `spec` and `findings`
    are those of the first. `advice`: what to do if none can be run. `remarks`: parts of the source that no candidate
    uses."""

    id: int
    source_kind: str
    source: ShownFacts
    status: str
    spec: dict[str, Any] | None
    findings: list[FindingShown]
    candidates: list[CandidateShown]
    remarks: list[FindingShown]
    advice: str
    sentence: str
    provenance: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None


class InspectionWanted(Given):
    source: SourceGiven


def _shown(inspection: Inspection) -> InspectionShown:
    return InspectionShown(
        id=inspection.pk, **{name: getattr(inspection, name) for name in InspectionShown.model_fields if name != "id"}
    )


@router.post("/inspections", response={201: InspectionShown})
@needs(Act.DEPLOY)
def inspect_source(request: HttpRequest, given: InspectionWanted) -> Status[InspectionShown]:
    """Inspect a source; poll the result at `/inspections/{number}` until its status is done or failed."""
    actor = actor_of(request)
    return Status(201, _shown(request_inspection(actor=actor, source_kind=given.source.kind, source=given.source.values())))


@router.get("/inspections/{number}", response=InspectionShown)
@needs(Act.DEPLOY)
def show_inspection(request: HttpRequest, number: Number) -> InspectionShown:
    """One of your own inspections."""
    return _shown(get_inspection(actor_of(request), number))
