"""Bringing an artifact to where it shall run: from a registry, or from the Docker Engine of another environment."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Protocol, runtime_checkable

from fairway.applications.models import Artifact
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, Progress, Runtime
from fairway.environments.models import Environment
from fairway.environments.runtimes import availability_of, runtime_of
from fairway.shared.failures import Failure
from fairway.workflows.specs import backing_refs
from fairway.workflows.step_context import sign_in_for


@runtime_checkable
class Copies(Protocol):
    """A runtime that can copy an artifact from another runtime of its kind."""

    name: str

    def copy_from(self, other: Runtime, artifact: ArtifactRef, progress: Progress) -> None:
        """Copy the artifact from the other runtime to this one and verify its digest."""


def transfer(artifact: Artifact, environment: Environment, runtime: Runtime, log: Progress) -> None:
    """Bring the artifact to the environment's runtime, which verifies its digest. Nothing is done if it is there already."""
    holder = holder_of(artifact, environment, runtime)
    if holder is not None and isinstance(runtime, Copies):
        runtime.copy_from(runtime_of(holder), artifact.ref, log)
    else:
        runtime.distribute(artifact.ref, sign_in_for(artifact.application, artifact.ref.reference, environment), log)


def transfer_backing(artifact: Artifact, environment: Environment, runtime: Runtime, log: Progress) -> None:
    """Bring the images of the services that have one of their own."""
    for ref in backing_refs(artifact):
        if not runtime.is_distributed(ref):
            runtime.distribute(ref, sign_in_for(artifact.application, ref.reference, environment), log)


def holder_of(artifact: Artifact, wanted_in: Environment, runtime: Runtime) -> Environment | None:
    """The environment whose Engine has this image, if no registry has it; None if there is none, or no need to copy."""
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
        except Failure:  # it has become unreachable since it was asked; perhaps another Engine has the image
            return False
