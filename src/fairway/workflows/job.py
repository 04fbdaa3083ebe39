"""Running a command once with the version that is live: its bytes, its configuration, its volumes and its isolation.

The command runs beside the instances and is never run twice. If its worker dies, whatever it left running is ended, and the
job says that it was cut off. Deployments may run meanwhile; only if the application has volumes, the gate keeps new ones
from starting.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from fairway.deployments.commands.jobs import STORY, job_ended, job_exited, job_started, words_of_exit
from fairway.deployments.models import JobRun
from fairway.deployments.rules import Status
from fairway.drivers.runtimes.contract import InstanceSpec, Runtime
from fairway.engine.execution import retry_on_db_error
from fairway.engine.models import Run
from fairway.engine.workflow import Context, Ending, Outcome, Step, Workflow
from fairway.environments.runtimes import runtime_of
from fairway.shared.failures import Refused
from fairway.workflows.log import JobLog
from fairway.workflows.specs import instance_spec
from fairway.workflows.step_context import masked, masker_of
from fairway.workflows.transfer import transfer

LONGEST = timedelta(hours=12)
CUT_OFF = "The worker that ran it ended, and the command with it. It is not run again by itself."
RELATED = (
    "application",
    "environment",
    "scheduled_job",
    *(f"deployment__{name}" for name in ("application", "environment", "artifact", "configuration")),
)


@dataclass(frozen=True)
class JobContext:
    """What the steps of a job need: its row, its runtime and its log."""

    job: JobRun
    runtime: Runtime
    log: JobLog

    @property
    def spec(self) -> InstanceSpec:
        """How to run the command: as one more service of its deployment, so that it shares the volumes of the others."""
        main = instance_spec(self.job.deployment, 0)
        environment = {**main.environment, "FAIRWAY_SERVICE": "job"}
        return replace(
            main,
            service=f"job-{self.job.pk}",
            once="run",
            port=None,
            command=tuple(self.job.command),
            environment=environment,
        )


@contextmanager
def job_context_of(context: Context) -> Iterator[JobContext]:
    """Load the job fresh from the database. On leaving the block its log is written, and secrets are masked in any error
    that the block raises."""
    job = JobRun.objects.select_related(*RELATED).get(pk=context.payload["job"])
    masker = masker_of(job.deployment)
    log = JobLog(context, job, masker)
    try:
        with masked(masker):
            yield JobContext(job, runtime_of(job.environment), log)
    finally:
        retry_on_db_error(log.write)


def run(context: Context) -> None:
    """Run the command to its end. Raises `Refused` if its exit code is not 0, or if an earlier attempt was cut off."""
    with job_context_of(context) as step:
        if context.attempt > 1:
            raise Refused(CUT_OFF)
        artifact = step.job.deployment.artifact
        assert artifact is not None, "it is live, so it is built"
        if not step.runtime.is_distributed(artifact.ref):
            transfer(artifact, step.job.environment, step.runtime, step.log)
        step.log.say(f"Running {shlex.join(step.job.command)} with {artifact.version} (#{step.job.deployment_id}).")
        code = step.runtime.run_once(step.spec, step.log)
        context.checkpoint()  # raises if another worker has taken this run over
        job_exited(job=step.job, code=code)
        if code:
            raise Refused(words_of_exit(code))


def clean_up(context: Context, ending: Ending) -> None:
    """End the command if it still runs, and write into the log how the job ended."""
    with job_context_of(context) as step:
        step.runtime.ensure_removed(step.spec.name, grace=step.spec.stop_grace)
        if ending.sentence:
            step.log.say(ending.sentence)


class JobWatcher:
    """Keeps the row and the events of a job consistent with its run."""

    def started(self, run: Run) -> None:
        job_started(_job(run))

    def step_started(self, run: Run, step: str, attempt: int) -> None: ...

    def step_finished(self, run: Run, step: str, status: str, sentence: str) -> None: ...

    def waiting(self, run: Run, reason: str) -> None: ...

    def ended(self, run: Run, ending: Ending) -> None:
        job = _job(run)
        sentence = run.cancel_reason or "Cancelled." if ending.outcome is Outcome.CANCELLED else ending.sentence
        job_ended(job, Status(ending.outcome.value), masker_of(job.deployment)(sentence))


def _job(run: Run) -> JobRun:
    return JobRun.objects.select_related(*RELATED).get(pk=run.payload["job"])


JOB = Workflow(
    kind=STORY,
    steps=(Step("run", run, deadline=LONGEST, attempts=1),),
    clean_up=clean_up,
    watcher=JobWatcher(),
    clean_up_deadline=timedelta(minutes=5),
)
