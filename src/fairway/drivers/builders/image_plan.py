"""One image build as data, and the meaning of its failures. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fairway.drivers.builders.contract import BuildLimits, Checkout, Spec
from fairway.drivers.builders.running import KEPT_LINES, SHOWN_LINES
from fairway.drivers.diagnosis.builds import build_reason
from fairway.drivers.runtimes.docker import failures
from fairway.shared.failures import Failure, NeedsPerson, Refused, Retry

RECIPE = "fairway.recipe"
APPLICATION = "fairway.application"
_RUN_FAILED = re.compile(r"returned a non-zero code: (\d+)|exit code: (\d+)")
_KILLED = 137  # 128 + SIGKILL, the signal that the kernel sends when memory runs out
_BASE_MISSING = ("pull access denied", "manifest unknown", "repository does not exist", "manifest for")


@dataclass(frozen=True)
class ImageBuild:
    """The request to a builder backend. `arguments` may hold credentials of a package index: never print them."""

    tag: str
    dockerfile: str
    labels: Mapping[str, str]
    limits: BuildLimits
    network: str = "default"
    target: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict, repr=False)


def recipe_checksum(checkout: Checkout, spec: Spec, dockerfile: str, arguments: Mapping[str, str]) -> str:
    """One SHA-256 of everything that an image is made from: the source, how it is built, and the build arguments. Two
    builds with the same checksum would give the same image, so the second uses the first's. What only matters at run
    time (health path, limits, required variables) does not count."""
    facts = {
        "checksum": checkout.checksum,
        "kind": spec.kind,
        "root": spec.root,
        "install": spec.install,
        "dockerfile": dockerfile,
        "arguments": sorted(arguments.items()),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def keep(last: list[str], line: str) -> None:
    """Add a line to the last lines that a build printed, of which `KEPT_LINES` are kept."""
    last.append(line)
    del last[:-KEPT_LINES]


def build_failure(text: str, last: Sequence[str], limits: BuildLimits) -> Failure:
    """The failure of a build, with a sentence for people. `text` is the error, `last` are the last lines that the build
    printed."""
    detail = "\n".join([*last[-SHOWN_LINES:], text])
    full = failures.disk_full(detail)
    if full is not None:
        return full
    code = _RUN_FAILED.search(text)
    if code:
        return _step_failed(int(code[1] or code[2]), text, build_reason(last), detail, limits)
    if failures.says(text, _BASE_MISSING):
        return NeedsPerson(
            f"The base image cannot be pulled: {text} Correct the FROM line, or pull the image on the Docker host.",
            detail=detail,
        )
    if "--mount" in text or "requires BuildKit" in text:
        return NeedsPerson(
            "This Dockerfile needs BuildKit. Install the Docker client's buildx plugin on the machine Fairway runs on.",
            detail=detail,
        )
    if failures.is_away(text):
        return Retry(f"The build could not reach a registry: {text}", detail=detail)
    return Refused(f"The build failed: {_sentence(text)}", detail=detail)


def _sentence(text: str) -> str:
    """What a builder said, with a full stop at its end."""
    shown = text.strip()
    return shown if shown.endswith((".", "!", "?")) else f"{shown}."


def _step_failed(code: int, text: str, why: str, detail: str, limits: BuildLimits) -> Failure:
    if code == _KILLED:
        mib = limits.memory_bytes // (1024 * 1024)
        return Refused(
            f"A build step was killed, most likely because it needed more than {mib} MiB of memory.", detail=detail
        )
    return Refused(f"A build step failed with code {code}: {_sentence(text)} {why}".strip(), detail=detail)
