"""Chooses one of the ways to run a source, by what the environment can run and what a person chose."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairway.drivers.builders.contract import Candidate, Detection, Finding, Spec
from fairway.drivers.builders.detection.compose_services import is_database
from fairway.drivers.builders.detection.detect import detect, folder_at
from fairway.drivers.builders.detection.languages import language_base
from fairway.drivers.builders.services import backing_services_of, refuse_shared_volumes, without_backing
from fairway.drivers.builders.spec_rules import KINDS, STARTED, overlay
from fairway.drivers.builders.toolchains import missing_toolchain
from fairway.drivers.runtimes.contract import ArtifactKind, Runtime

ON_IMAGES = frozenset(KINDS)
ON_BUNDLES = frozenset({"python", "node", "static", "program"})
NO_IMAGES = "this environment runs no images"
NEEDS_DOCKER = "This needs Docker ({what}); choose an environment with the docker runtime."


class Unrunnable(Exception):
    """No way to run the source can be used. The sentence says why and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def kinds_of(runtime: Runtime | None) -> frozenset[str]:
    """The kinds of specs that a runtime can run; without one, those that any runtime can run."""
    if runtime is None:
        return ON_BUNDLES | ON_IMAGES
    kinds: frozenset[str] = frozenset()
    if ArtifactKind.IMAGE in runtime.artifact_kinds:
        kinds |= ON_IMAGES
    if ArtifactKind.BUNDLE in runtime.artifact_kinds:
        kinds |= ON_BUNDLES
    return kinds


def usable(detection: Detection, kinds: Collection[str]) -> tuple[Candidate, ...]:
    """The candidates that can be run as they are in an environment that runs only `kinds`, the best first."""
    return tuple(candidate for candidate in detection.candidates if not candidate.problem and candidate.spec.kind in kinds)


def here(detection: Detection) -> Detection:
    """The detection for programs that are built on this machine: candidates whose toolchain is missing get a problem that
    says what to do."""
    found = tuple(
        replace(candidate, problem=candidate.problem or missing_toolchain(candidate.spec))
        if candidate.spec.kind == "program"
        else candidate
        for candidate in detection.candidates
    )
    return replace(detection, candidates=found)


def reason_for_none(detection: Detection, kinds: Collection[str]) -> str:
    """Why nothing of this can be run in an environment that runs only `kinds`, and what to do."""
    elsewhere = [
        candidate for candidate in detection.candidates if not candidate.problem and candidate.spec.kind not in kinds
    ]
    blocked = [candidate.problem for candidate in detection.candidates if candidate.problem]
    if not elsewhere:
        return " ".join(dict.fromkeys([*blocked[:1], detection.advice])).strip()
    first = elsewhere[0]
    what = (
        f"it has a {first.spec.install.get('dockerfile', 'Dockerfile')}"
        if first.spec.kind == "dockerfile"
        else "it is an image"
    )
    why = [NEEDS_DOCKER.format(what=what), *blocked[:1]]
    if detection.remarks and not blocked:
        why.append(f"{detection.remarks[0].what}.".replace("..", "."))
    return " ".join(why)


def chosen_spec(
    folder: Path, changes: Mapping[str, Any], kinds: Collection[str], *, root: str = "."
) -> tuple[Spec, tuple[Finding, ...]]:
    """The spec of a source with a person's changes, for an environment that runs only `kinds`, and the remarks about what it
    leaves unused.

    The best candidate is used that has the kind, framework, root folder and Dockerfile that the person chose. A chosen kind
    with a start command needs no candidate. Raises `Unrunnable` if nothing can be run, and `Invalid` for a root folder that
    does not exist.
    """
    root = str(changes.get("root") or root)
    detection = here(detect(folder, root=root)) if "image" not in kinds else detect(folder, root=root)
    wanted = {name: changes[name] for name in ("kind", "framework") if changes.get(name)}
    dockerfile = (changes.get("install") or {}).get("dockerfile")
    if dockerfile:
        wanted.setdefault("kind", "dockerfile")
    fitting = [candidate for candidate in detection.candidates if _fits(candidate.spec, wanted, dockerfile)]
    command = changes.get("command")
    is_meant = bool(command) or wanted.get("kind") in (
        "image",
        "static",
    )  # a person decided it, so a problem of the candidate no longer counts
    best = next(
        (candidate for candidate in fitting if candidate.spec.kind in kinds and (is_meant or not candidate.problem)), None
    )
    if best is not None:
        inside = {name: value for name, value in changes.items() if name != "root"}
        return _with_images_that_run(overlay(best.spec, inside), detection.remarks_on(best), kinds)
    kind = str(changes.get("kind") or _kind_for(fitting, command, kinds))
    if kind in kinds and (command or kind not in STARTED) and (changes.get("kind") or command):
        base = language_base(folder_at(folder, root), kind)
        return _with_images_that_run(overlay(base, {"root": root, **changes, "kind": kind}), detection.remarks, kinds)
    if wanted and not fitting and detection.candidates:
        chosen = ", ".join(str(value) for value in wanted.values())
        what = detection.candidates[0].spec
        raise Unrunnable(
            f"It is set to run as {chosen}, but it is {what.framework or what.kind} now: change that in its settings."
        )
    raise Unrunnable(reason_for_none(Detection(tuple(fitting), detection.advice, detection.remarks), kinds))


def _with_images_that_run(
    spec: Spec, remarks: tuple[Finding, ...], kinds: Collection[str]
) -> tuple[Spec, tuple[Finding, ...]]:
    """The spec and the remarks; where images cannot be run, without the services that have one, which a remark names.
    Raises `Invalid` if two services share a volume."""
    refuse_shared_volumes(spec)
    services = backing_services_of(spec)
    if "image" in kinds:
        lost = [one for one in services if is_database(one.image) and not one.spec.volumes]
        said = "“{}” has no named volume: what it stores goes when its service changes"
        return spec, (*remarks, *(Finding(said.format(service.name), service.image) for service in lost))
    left = ", ".join(f"{service.name} ({service.image})" for service in services)
    if not left:
        return spec, remarks
    return without_backing(spec), (*remarks, Finding(f"Not started: {left}; give their addresses as variables", NO_IMAGES))


def _fits(spec: Spec, wanted: Mapping[str, Any], dockerfile: str | None) -> bool:
    if dockerfile and spec.install.get("dockerfile") != dockerfile:
        return False
    if "framework" in wanted and wanted["framework"] != spec.framework:
        return False
    return wanted.get("kind") in (None, spec.kind)


def _kind_for(fitting: list[Candidate], command: Any, kinds: Collection[str]) -> str:
    """The kind of application that a start command belongs to."""
    first = next((candidate.spec.kind for candidate in fitting if candidate.spec.kind in kinds), "")
    words = command if isinstance(command, list | tuple) else str(command or "").split()
    if any(str(word).rpartition("/")[2] in ("node", "npm", "npx", "yarn", "pnpm", "bun") for word in words[:1]):
        return "node"
    return first if first in STARTED else "python"
