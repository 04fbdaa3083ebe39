"""Inspecting a source before an application is made of it: fetch it, detect what it is, and say why. No files are kept."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.applications.models import Inspection
from fairway.applications.queries import credential_for_source
from fairway.applications.rules import SourceKind
from fairway.drivers.builders.contract import Detection, Spec
from fairway.drivers.builders.detection.choosing import here
from fairway.drivers.builders.detection.detect import detect
from fairway.engine.models import Run
from fairway.engine.workflow import Context, Ending, Outcome, Step, Workflow
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.workflows.log import Unlogged
from fairway.workflows.outside import forget_work_folder, work_folder
from fairway.workflows.sources import fetch


def look(context: Context) -> None:
    """Fetch the source and detect what it is; the result is saved in the inspection's row. Raises `Refused` if the source's
    folder is not valid, and what `fetch` raises."""
    inspection = Inspection.objects.get(pk=context.payload["inspection"])
    if inspection.source_kind == SourceKind.IMAGE:
        spec = Spec(kind="image", framework="Image")
        _save(
            inspection,
            spec=spec.to_json(),
            findings=[
                {"what": "An image from a registry", "because": inspection.source["image"]},
                {"what": "Its port is read from the image when it is fetched; 8080 if it exposes none", "because": "EXPOSE"},
            ],
        )
        return
    name = _work_name(inspection)
    credential = credential_for_source(inspection.source_kind, inspection.source)
    try:
        checkout = fetch(inspection.source_kind, inspection.source, credential, "", work_folder(name), Unlogged(context))
        detection = _detected(checkout.folder, inspection.source.get("folder", "."))
    finally:
        forget_work_folder(name)
    best = detection.best or next(iter(detection.candidates), None)
    _save(
        inspection,
        spec=best.spec.to_json() if best else None,
        candidates=[{**asdict(candidate), "spec": candidate.spec.to_json()} for candidate in detection.candidates],
        remarks=[asdict(remark) for remark in detection.remarks],
        findings=[asdict(finding) for finding in best.findings] if best else [],
        advice=detection.advice,
        provenance={"commit": checkout.commit, "author": checkout.author, "message": checkout.message},
    )


def _detected(folder: Path, root: str) -> Detection:
    try:
        return here(detect(folder, root=root))
    except Invalid as error:
        raise Refused(f"{error.field} {error.sentence}") from None


class InspectionWatcher:
    """Records in the inspection's row, and as events for the page, how the inspection goes."""

    def started(self, run: Run) -> None:
        _set(run, "inspection.started", status="running")

    def step_started(self, run: Run, step: str, attempt: int) -> None: ...

    def step_finished(self, run: Run, step: str, status: str, sentence: str) -> None: ...

    def waiting(self, run: Run, reason: str) -> None: ...

    def ended(self, run: Run, ending: Ending) -> None:
        is_good = ending.outcome is Outcome.SUCCEEDED
        sentence = "" if is_good else ending.sentence or "The detection was cancelled."
        _set(run, "inspection.ended", status="done" if is_good else "failed", sentence=sentence, finished_at=timezone.now())


def _set(run: Run, verb: str, **values: Any) -> None:
    number = run.payload["inspection"]
    Inspection.objects.filter(pk=number).update(**values)
    record(
        who=SYSTEM.who, verb=verb, on=On("inspection", number, f"Inspection {number}"), after={"status": values["status"]}
    )


def _save(inspection: Inspection, **values: Any) -> None:
    Inspection.objects.filter(pk=inspection.pk).update(**values)


def _work_name(inspection: Inspection) -> str:
    return f"inspection-{inspection.pk}"


INSPECT = Workflow(
    kind="inspect",
    steps=(Step("look", look, deadline=timedelta(minutes=5), attempts=2),),
    watcher=InspectionWatcher(),
)
