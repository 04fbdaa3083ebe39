"""Bringing a package's artifact onto a target, ready to start. The run has the placement's key, so that it never overlaps a
deployment of the same placement."""

from __future__ import annotations

from datetime import timedelta

from fairway.accounts.rules import Act, may, role_blocker
from fairway.applications.queries import registry_credential_for
from fairway.applications.secrets import open_credential
from fairway.deployments.gate import blockers
from fairway.engine.models import Run
from fairway.engine.workflow import Context, Ending, Outcome, Step, Workflow
from fairway.environments.runtimes import runtime_of
from fairway.releases.commands import progress
from fairway.releases.commands.targets import DISTRIBUTE_STORY, asker
from fairway.releases.models import PackageOnTarget
from fairway.releases.rules import OnTarget
from fairway.releases.target_state import subject_of, target_state_of
from fairway.shared.failures import Refused, Retry
from fairway.shared.masking import Masker
from fairway.shared.sentences import joined
from fairway.workflows.package_log import log_of
from fairway.workflows.step_context import typed_secrets
from fairway.workflows.transfer import transfer, transfer_backing


def distribute(context: Context) -> None:
    """Ask the gate again, bring the artifact to the target, and verify its digest there. Raises `Refused` if the gate is
    closed or the package was removed from its release."""
    related = ("package__application", "package__release", "artifact__application", "environment")
    on_target = PackageOnTarget.objects.select_related(*related).get(pk=context.payload["on_target"])
    if on_target.status != OnTarget.DISTRIBUTING or on_target.run_id != context.run_id or on_target.artifact is None:
        return
    _ask_gate(context, on_target)
    artifact, runtime = on_target.artifact, runtime_of(on_target.environment)
    credential = registry_credential_for(on_target.package.application, artifact.reference, on_target.environment)
    secrets = [open_credential(credential)] if credential else []
    masker = Masker([*secrets, *typed_secrets(on_target.environment, on_target.package.source)])
    with log_of(context, on_target.package, on_target.environment, masker) as log:
        log.say(f"Distributing {artifact.version} to {on_target.environment.name}.")
        transfer_backing(artifact, on_target.environment, runtime, log)
        if not runtime.is_distributed(artifact.ref):
            transfer(artifact, on_target.environment, runtime, log)
        if not runtime.is_distributed(artifact.ref):
            raise Retry(f"{artifact.version} is not there although it was just distributed.")
        log.say(f"Digest verified: {artifact.digest}")
    context.checkpoint()  # raises if another worker has taken this run over
    progress.distributed(on_target=on_target, digest=artifact.digest)


def _ask_gate(context: Context, on_target: PackageOnTarget) -> None:
    asked = context.payload["asked"]
    state = target_state_of(on_target.package.release, on_target.environment)
    package = next((package for package in state.packages if package.pk == on_target.package_id), None)
    if package is None:
        raise Refused("The package was removed from its release in the meantime.")
    subject = subject_of(package, state, is_start=True)
    reasons = blockers(Act.DISTRIBUTE, subject, asker(asked), breaks_glass=bool(context.payload["glass"]))
    if asked["act"] != Act.DISTRIBUTE:  # whoever scheduled a release need not be a Deployer, but still a Release Manager
        where = {"application": subject.application.slug, "environment": subject.environment.slug}
        is_allowed = may(asker(asked), Act(asked["act"]), **where)
        own = [] if is_allowed else [role_blocker(Act(asked["act"]))]
        reasons = own + [reason for reason in reasons if reason.code != "role"]
    if reasons:
        raise Refused(joined(reason.sentence for reason in reasons))


class DistributeWatcher:
    """Records on the target's row how the distribution ended; if it failed, the package is absent there, and why."""

    def started(self, run: Run) -> None: ...

    def step_started(self, run: Run, step: str, attempt: int) -> None: ...

    def step_finished(self, run: Run, step: str, status: str, sentence: str) -> None: ...

    def waiting(self, run: Run, reason: str) -> None: ...

    def ended(self, run: Run, ending: Ending) -> None:
        sentence = ending.sentence or run.cancel_reason or "It was cancelled."
        progress.distribution_ended(run, "" if ending.outcome is Outcome.SUCCEEDED else sentence)


DISTRIBUTE = Workflow(
    kind=DISTRIBUTE_STORY,
    steps=(Step("distribute", distribute, deadline=timedelta(minutes=20), attempts=4),),
    watcher=DistributeWatcher(),
)
