"""From every way to run a source to the one that is taken: what the environment can run, and what a person chose."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairway.drivers.builders.contract import Candidate, Detection, Finding, Spec
from fairway.drivers.builders.detection.detect import detect, folder_at
from fairway.drivers.builders.detection.languages import language_base
from fairway.drivers.builders.spec_rules import KINDS, STARTED, overlay
from fairway.drivers.builders.toolchains import missing_toolchain
from fairway.drivers.runtimes.contract import ArtifactKind, Runtime

ON_IMAGES = frozenset(KINDS)
ON_BUNDLES = frozenset({"python", "node", "static", "program"})
NEEDS_DOCKER = "This needs Docker ({what}); choose an environment with the docker runtime."


class Unrunnable(Exception):
    """Nothing of a source can be run; the sentence says why and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def kinds_of(runtime: Runtime | None) -> frozenset[str]:
    """The kinds of specs that a runtime runs; without one, those that any does."""
    if runtime is None:
        return ON_BUNDLES | ON_IMAGES
    kinds: frozenset[str] = frozenset()
    if ArtifactKind.IMAGE in runtime.artifact_kinds:
        kinds |= ON_IMAGES
    if ArtifactKind.BUNDLE in runtime.artifact_kinds:
        kinds |= ON_BUNDLES
    return kinds


def usable(detection: Detection, kinds: Collection[str]) -> tuple[Candidate, ...]:
    """The candidates that can be run as they are where only `kinds` are run, the best first."""
    return tuple(one for one in detection.candidates if not one.problem and one.spec.kind in kinds)


def here(detection: Detection) -> Detection:
    """The detection where programs are built on this machine: one whose toolchain is missing says so, and what to do."""
    found = tuple(
        replace(one, problem=one.problem or missing_toolchain(one.spec)) if one.spec.kind == "program" else one
        for one in detection.candidates
    )
    return replace(detection, candidates=found)


def reason_for_none(detection: Detection, kinds: Collection[str]) -> str:
    """Why nothing of this can be run where only `kinds` are run, and what to do."""
    elsewhere = [one for one in detection.candidates if not one.problem and one.spec.kind not in kinds]
    blocked = [one.problem for one in detection.candidates if one.problem]
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
    """The spec of a source with a person's changes on top, where only `kinds` are run; and what it does not use.

    The candidate is the best that has the kind, the framework, the root folder and the Dockerfile that were chosen; a kind
    and a start command that were chosen need no candidate. Raises `Unrunnable` when nothing can be run, and `Invalid` for a
    root folder that is none.
    """
    root = str(changes.get("root") or root)
    detection = here(detect(folder, root=root)) if "image" not in kinds else detect(folder, root=root)
    wanted = {name: changes[name] for name in ("kind", "framework") if changes.get(name)}
    dockerfile = (changes.get("install") or {}).get("dockerfile")
    if dockerfile:
        wanted.setdefault("kind", "dockerfile")
    fitting = [one for one in detection.candidates if _fits(one.spec, wanted, dockerfile)]
    command = changes.get("command")
    is_meant = bool(command) or wanted.get("kind") in (
        "image",
        "static",
    )  # a person says it: what stood against it is answered
    best = next((one for one in fitting if one.spec.kind in kinds and (is_meant or not one.problem)), None)
    if best is not None:
        inside = {name: value for name, value in changes.items() if name != "root"}
        return overlay(best.spec, inside), detection.remarks_on(best)
    kind = str(changes.get("kind") or _kind_for(fitting, command, kinds))
    if kind in kinds and (command or kind not in STARTED) and (changes.get("kind") or command):
        base = language_base(folder_at(folder, root), kind)
        return overlay(base, {"root": root, **changes, "kind": kind}), detection.remarks
    if wanted and not fitting and detection.candidates:
        chosen = ", ".join(str(value) for value in wanted.values())
        what = detection.candidates[0].spec
        raise Unrunnable(
            f"It is set to run as {chosen}, but it is {what.framework or what.kind} now: change that in its settings."
        )
    raise Unrunnable(reason_for_none(Detection(tuple(fitting), detection.advice, detection.remarks), kinds))


def _fits(spec: Spec, wanted: Mapping[str, Any], dockerfile: str | None) -> bool:
    if dockerfile and spec.install.get("dockerfile") != dockerfile:
        return False
    if "framework" in wanted and wanted["framework"] != spec.framework:
        return False
    return wanted.get("kind") in (None, spec.kind)


def _kind_for(fitting: list[Candidate], command: Any, kinds: Collection[str]) -> str:
    """The kind that a start command alone speaks of."""
    first = next((one.spec.kind for one in fitting if one.spec.kind in kinds), "")
    words = command if isinstance(command, list | tuple) else str(command or "").split()
    if any(str(word).rpartition("/")[2] in ("node", "npm", "npx", "yarn", "pnpm", "bun") for word in words[:1]):
        return "node"
    return first if first in STARTED else "python"
