"""The release command: what has to happen once before a new version starts, say moving its database on.

It runs with the new version's bytes and configuration, while the old version serves on; where both store data in one
volume, the old one stops first, as it would for the start. It may run twice: a worker that dies takes its run with it, and
the next one runs it again from the beginning. Going back, restarting and scaling run nothing.
"""

from __future__ import annotations

import shlex
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from django.utils import timezone

from fairway.deployments.models import Deployment
from fairway.drivers.diagnosis.reasons import LINES, reason
from fairway.drivers.runtimes.contract import InstanceSpec, OutputLine, Progress, Runtime
from fairway.shared.failures import Refused
from fairway.workflows.away import make_way
from fairway.workflows.instances import LAST_LINES
from fairway.workflows.step_context import StepContext, instance_spec, masker_of

RELEASE = "release"
AFTERWARDS = "Nothing of the new version was started."
LONGEST_WORDS = 300  # characters of its last line in the sentence; the rest is in the log


def release_spec(deployment: Deployment) -> InstanceSpec | None:
    """What a deployment runs once before it starts; None where there is nothing to run."""
    if deployment.artifact is None or not deployment.runs_release_command:
        return None
    return replace(instance_spec(deployment, 0), command=deployment.artifact.parsed_spec.release, once=RELEASE)


def run_release_command(step: StepContext) -> None:
    """Run it to its end. Raises `Refused` with its exit code and last words where that is not 0."""
    spec = release_spec(step.deployment)
    if spec is None or spec.command is None:
        return
    make_way(step)
    if "away_since" not in step.context.state:
        step.recreate.refuse_if_emptied([spec])
    step.log.say(f"Running the release command: {shlex.join(spec.command)}")
    heard = _Heard(step.log)
    code = step.runtime.run_once(spec, heard)
    if code:
        mask = masker_of(step.deployment)
        raise _failed(code, [replace(line, text=mask(line.text)) for line in heard.lines])
    step.log.say("The release command succeeded.")


def end_release_command(runtime: Runtime, deployment: Deployment) -> None:
    """Nothing of it runs on once its deployment has ended."""
    if (spec := release_spec(deployment)) is not None:
        runtime.ensure_removed(spec.name, grace=spec.stop_grace)


class _Heard:
    """Passes lines on and keeps the last ones."""

    def __init__(self, log: Progress) -> None:
        self._log = log
        self.lines: deque[OutputLine] = deque(maxlen=LINES)
        self.check = log.check

    def line(self, text: str, *, stream: str = "stdout") -> None:
        if stream != "fairway":
            self.lines.append(OutputLine(timezone.now(), stream, text))
        self._log.line(text, stream=stream)


def _failed(code: int, lines: Sequence[OutputLine]) -> Refused:
    said = [line.text.strip() for line in lines if line.text.strip()]
    if not said:
        return Refused(f"The release command ended with code {code} and said nothing. {AFTERWARDS}")
    detail = "\n".join(line.text for line in lines[-LAST_LINES:])
    if why := reason(lines):
        return Refused(f"The release command ended with code {code}. {why} {AFTERWARDS}", detail=detail)
    last = said[-1][:LONGEST_WORDS].rstrip(".")
    return Refused(f"The release command ended with code {code}: {last}. {AFTERWARDS}", detail=detail)
