"""Finds the runtimes that are installed under the entry-point group ``fairway.runtimes``.

A runtime that cannot be loaded never breaks a page: an unavailable one that says why takes its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NoReturn

from fairway.drivers.runtimes.contract import (
    ArtifactKind,
    ArtifactRef,
    Availability,
    Instance,
    InstanceSpec,
    OutputLine,
    Progress,
    RegistryCredential,
    Runtime,
    Usage,
    Written,
)
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.shared.failures import Failure, NeedsPerson
from fairway.shared.names import Invalid

GROUP = "fairway.runtimes"
FAKE = "fake"  # always available for tests and demonstrations, never offered to people


def runtime_names() -> list[str]:
    """The names of all installed runtimes, whether or not they can be used here."""
    return sorted(_installed())


def open_runtime(name: str, options: Mapping[str, object], data: Path) -> Runtime:
    """The runtime called `name`; an `UnavailableRuntime` if it is unknown, cannot be loaded or does not accept its options.
    Never raises."""
    if name == FAKE:
        return FakeRuntime.open(options, data=data)
    entry = _installed().get(name)
    if entry is None:
        known = ", ".join(runtime_names()) or "none"
        return UnavailableRuntime(name, f"No runtime called “{name}” is installed here (installed: {known}).")
    try:
        runtime = entry.load().open(options, data=data)
    except Failure as failure:
        return UnavailableRuntime(name, failure.sentence)
    except Invalid as invalid:
        return UnavailableRuntime(name, f"“{invalid.field}” {invalid.sentence}")
    except Exception as error:  # third-party code may raise anything
        return UnavailableRuntime(name, f"The runtime “{name}” ({entry.value}) cannot be loaded: {_reason(error)}")
    if not isinstance(runtime, Runtime):
        return UnavailableRuntime(name, f"“{entry.value}”, installed as the runtime “{name}”, is not a runtime.")
    return runtime


def availability(runtime: Runtime) -> Availability:
    """What the runtime says about itself. If a third party's runtime raises although it must not, the sentence says so."""
    try:
        return runtime.availability()
    except Exception as error:
        return Availability(False, f"The runtime “{runtime.name}” broke when it was asked: {_reason(error)}")


class UnavailableRuntime:
    """Takes the place of a runtime that cannot be used. Changes, and questions about instances, raise `NeedsPerson` with the
    reason."""

    def __init__(self, name: str, sentence: str) -> None:
        self.name = name
        self.sentence = sentence
        self.artifact_kinds: frozenset[ArtifactKind] = frozenset()

    @classmethod
    def open(cls, options: Mapping[str, object], *, data: Path) -> UnavailableRuntime:
        return cls("unavailable", "This runtime is not available.")

    def availability(self) -> Availability:
        return Availability(False, self.sentence)

    def _raise(self) -> NoReturn:
        raise NeedsPerson(self.sentence)

    def resolve(self, reference: str, credential: RegistryCredential | None) -> ArtifactRef:
        self._raise()

    def distribute(self, artifact: ArtifactRef, credential: RegistryCredential | None, progress: Progress) -> None:
        self._raise()

    def is_distributed(self, artifact: ArtifactRef) -> bool:
        return False

    def declared_port(self, artifact: ArtifactRef) -> int | None:
        return None

    def ensure_started(self, spec: InstanceSpec, progress: Progress) -> Instance:
        self._raise()

    def run_once(self, spec: InstanceSpec, progress: Progress) -> int:
        self._raise()

    def instance(self, name: str) -> Instance | None:
        """Raises `NeedsPerson`: None would be taken for an instance that is gone, and would be replaced."""
        self._raise()

    def instances(self, placement: str | None = None) -> list[Instance]:
        """Raises `NeedsPerson`, as `instance` does."""
        self._raise()

    def ensure_stopped(self, name: str, *, grace: float = 10.0) -> None:
        self._raise()

    def ensure_removed(self, name: str, *, grace: float = 10.0) -> None:
        self._raise()

    def output(
        self, name: str, *, tail: int = 200, follow: bool = False, progress: Progress | None = None
    ) -> Iterator[OutputLine]:
        return iter(())

    def listens_elsewhere(self, name: str) -> str:
        return ""

    def usages(self, names: Collection[str]) -> Mapping[str, Usage]:
        return {}

    def written(self, name: str) -> tuple[Written, ...]:
        self._raise()

    def stored(self, spec: InstanceSpec) -> frozenset[str]:
        self._raise()

    def ensure_volume_removed(self, volume: str) -> None:
        self._raise()

    def homes(self) -> list[str]:
        return []

    def ensure_home_removed(self, placement: str) -> None:
        self._raise()

    def artifacts(self) -> list[ArtifactRef]:
        return []

    def collect(self, keep: Collection[str], progress: Progress) -> Sequence[str]:
        return []


@cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
