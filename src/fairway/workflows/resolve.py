"""Resolving a package: from the source that a person entered to an artifact, once, without deploying anything.

The artifact is made for the first of the release's targets whose runtime can run it. The same bytes then go to every target.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fairway.applications.models import Artifact
from fairway.applications.queries import credential_for_source
from fairway.applications.rules import SourceKind
from fairway.applications.secrets import open_credential
from fairway.drivers.runtimes.contract import ArtifactKind
from fairway.engine.models import Run
from fairway.engine.workflow import Context, Ending, Outcome, Step, Workflow
from fairway.environments.models import Environment
from fairway.environments.runtimes import availability_of, runtime_of
from fairway.releases.commands import progress
from fairway.releases.commands.packages import RESOLVE_STORY
from fairway.releases.models import Package
from fairway.releases.queries import targets_of
from fairway.releases.rules import Resolution
from fairway.shared.failures import Refused
from fairway.shared.masking import Masker
from fairway.workflows.outside import forget_work_folder
from fairway.workflows.package_log import log_of
from fairway.workflows.sources import BuildInput, artifact_from_source
from fairway.workflows.step_context import typed_secrets


def resolve(context: Context) -> Mapping[str, Any]:
    """Fetch, detect and build the package, or ask the registry for the image's digest. If it runs again, it finds the
    artifact that was made. Raises `Refused` if no target of the release can run it, and what `artifact_from_source` raises.
    """
    package = _package(context.payload["package"])
    if package is None or package.run_id != context.run_id or package.resolution != Resolution.RESOLVING:
        return {"ended_by": "something newer"}
    artifact = _made(context, package)
    progress.resolved(package=package, run_id=context.run_id, artifact=artifact)
    return {"artifact": artifact.pk}


def _made(context: Context, package: Package) -> Artifact:
    environment = _chosen(package)
    credential = credential_for_source(package.source_kind, package.source, package.application.slug, environment.slug)
    secrets = [open_credential(credential)] if credential else []
    masker = Masker([*secrets, *typed_secrets(environment, package.source, {"source_input": package.source_input})])
    with log_of(context, package, None, masker) as log:
        log.say(f"Looking at {package.source_input} for {environment.name}.")
        build_input = BuildInput(
            application=package.application,
            environment=environment,
            source_kind=package.source_kind,
            source=package.source,
            spec=package.application.spec,
            requested_by=package.created_by,
            runtime=runtime_of(environment),
            log=log,
            work=work_name(package),
        )
        artifact = artifact_from_source(build_input)
        log.say(f"{package.name} is {artifact.version} ({artifact.digest[:19]}).")
    return artifact


def _chosen(package: Package) -> Environment:
    """The first target, in promotion order, whose runtime is available and can run the package. Raises `Refused`."""
    targets = targets_of(package.release)
    fitting = [target for target in targets if _can_run(target, package.source_kind)]
    available = [target for target in fitting if availability_of(target).is_available]
    if available:
        return available[0]
    if fitting:
        raise Refused(f"{fitting[0].name} cannot be used: {availability_of(fitting[0]).sentence}")
    names = ", ".join(target.name for target in targets) or "none"
    raise Refused(f"No target of this release runs images (its targets: {names}); choose one with the docker runtime.")


def _can_run(environment: Environment, source_kind: str) -> bool:
    return source_kind != SourceKind.IMAGE or ArtifactKind.IMAGE in runtime_of(environment).artifact_kinds


def _package(number: int) -> Package | None:
    return Package.objects.select_related("application", "release").filter(pk=number, deleted_at=None).first()


def work_name(package: Package) -> str:
    return f"package-{package.pk}"


def clean_up(context: Context, ending: Ending) -> None:
    forget_work_folder(f"package-{context.payload['package']}")


class ResolveWatcher:
    """Records why a package could not be resolved. A run that succeeds has recorded its artifact itself."""

    def started(self, run: Run) -> None: ...

    def step_started(self, run: Run, step: str, attempt: int) -> None: ...

    def step_finished(self, run: Run, step: str, status: str, sentence: str) -> None: ...

    def waiting(self, run: Run, reason: str) -> None: ...

    def ended(self, run: Run, ending: Ending) -> None:
        if ending.outcome is not Outcome.SUCCEEDED:
            sentence = ending.sentence or run.cancel_reason or "It was cancelled."
            progress.unresolvable(package_id=run.payload["package"], run_id=run.pk, sentence=sentence)


RESOLVE = Workflow(
    kind=RESOLVE_STORY,
    steps=(Step("resolve", resolve, deadline=timedelta(minutes=30)),),
    clean_up=clean_up,
    watcher=ResolveWatcher(),
)
