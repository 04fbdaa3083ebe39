"""Bringing an artifact to where it shall run: from a registry, or from another Engine of ours that has it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Protocol, runtime_checkable

from fairway.applications.models import Artifact
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, Progress, Runtime
from fairway.environments.models import Environment
from fairway.environments.runtimes import availability_of, runtime_of
from fairway.shared.failures import Failure
from fairway.workflows.step_context import sign_in_for


@runtime_checkable
class Copies(Protocol):
    """What a runtime can do besides that can take an artifact from another of its kind."""

    name: str

    def copy_from(self, other: Runtime, artifact: ArtifactRef, progress: Progress) -> None:
        """Bring the artifact here and verify its digest."""


def transfer(artifact: Artifact, environment: Environment, runtime: Runtime, log: Progress) -> None:
    """Have the artifact here, its digest verified. What is here already is not touched."""
    holder = holder_of(artifact, environment, runtime)
    if holder is not None and isinstance(runtime, Copies):
        runtime.copy_from(runtime_of(holder), artifact.ref, log)
    else:
        runtime.distribute(artifact.ref, sign_in_for(artifact.application, artifact.ref.reference, environment), log)


def holder_of(artifact: Artifact, wanted_in: Environment, runtime: Runtime) -> Environment | None:
    """The environment whose Engine has an image that no registry has; None where nothing needs to be copied."""
    ref = artifact.ref
    is_elsewhere_only = ref.kind == ArtifactKind.IMAGE and not ref.reference.endswith(f"@{ref.digest}")
    if not is_elsewhere_only or not isinstance(runtime, Copies):
        return None
    others = Environment.objects.filter(deleted_at=None, runtime=wanted_in.runtime).exclude(pk=wanted_in.pk)
    asked = {_engine(wanted_in)}
    for other in others:
        if _engine(other) in asked or not availability_of(other).is_available:
            continue
        asked.add(_engine(other))
        if _has(other, ref):
            return other
    return None


def _engine(environment: Environment) -> str:
    return str(environment.options.get("host") or "")


def _has(environment: Environment, ref: ArtifactRef) -> bool:
    with ExitStack() as stack:
        runtime = runtime_of(environment)
        if close := getattr(runtime, "close", None):
            stack.callback(close)
        try:
            return runtime.is_distributed(ref)
        except Failure:  # it went away since it was asked: perhaps another one has it
            return False
