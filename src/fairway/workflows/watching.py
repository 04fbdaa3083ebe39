"""Reports to `fairway.deployments` what happens to its runs, inside the engine's transactions."""

from __future__ import annotations

from fairway.deployments.commands import progress
from fairway.deployments.models import Deployment
from fairway.deployments.rules import Kind, Status
from fairway.engine.commands import enqueue
from fairway.engine.models import Run
from fairway.engine.workflow import Ending, Outcome
from fairway.releases.commands import progress as package_progress
from fairway.workflows.step_context import masker_of

WATCH_STORY = "watch"


class DeploymentWatcher:
    """Keeps the row and the events of a deployment consistent with its run."""

    def started(self, run: Run) -> None:
        progress.started(_deployment(run))

    def step_started(self, run: Run, step: str, attempt: int) -> None:
        progress.step_started(_deployment(run), step, attempt)

    def step_finished(self, run: Run, step: str, status: str, sentence: str) -> None:
        deployment = _deployment(run)
        progress.step_finished(deployment, step, status, masker_of(deployment)(sentence) if sentence else "")

    def waiting(self, run: Run, reason: str) -> None:
        deployment = _deployment(run)
        progress.waiting(deployment, masker_of(deployment)(reason))

    def ended(self, run: Run, ending: Ending) -> None:
        deployment = _deployment(run, "artifact", "configuration")
        detail = ending.detail
        if run.clean_up_error:
            detail = f"{detail}\nCleaning up failed: {run.clean_up_error}".strip()
        sentence = ending.sentence
        if ending.outcome is Outcome.CANCELLED:
            sentence = run.cancel_reason or "Cancelled."
        mask = masker_of(deployment)
        package_progress.deployment_ended(
            deployment, run, is_good=ending.outcome is Outcome.SUCCEEDED, sentence=mask(sentence)
        )
        progress.ended(deployment, Status(ending.outcome.value), mask(sentence), mask(detail))
        if ending.outcome is Outcome.SUCCEEDED and deployment.kind not in {Kind.ROLLBACK, Kind.AUTOMATIC_ROLLBACK}:
            enqueue(kind=WATCH_STORY, key=f"watch:{deployment.key}:{deployment.pk}", payload={"deployment": deployment.pk})


def _deployment(run: Run, *more: str) -> Deployment:
    """The deployment with the relations that every event names; `more` are those that the caller needs besides. It loads no
    others, because it is called twice for every step."""
    return Deployment.objects.select_related("application", "environment", *more).get(pk=run.payload["deployment"])
