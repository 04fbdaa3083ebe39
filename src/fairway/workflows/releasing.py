"""The release command: what has to happen once before a new version starts, for example a migration of its database.

It runs with the new version's bytes and configuration while the old version serves. If both store data in one volume, the
old version stops first, as it would before the start. It may run twice: if its worker dies, the command ends with it, and
another worker runs it again from the beginning. Rollbacks, restarts and scaling run no release command.
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
from fairway.workflows.instances import LAST_LINES
from fairway.workflows.interruption import stop_volume_holders
from fairway.workflows.specs import instance_spec
from fairway.workflows.step_context import StepContext, masker_of

RELEASE = "release"
AFTERWARDS = "Nothing of the new version was started."
LONGEST_WORDS = 300  # characters of the command's last line that the sentence quotes; the log has all of it


def release_spec(deployment: Deployment) -> InstanceSpec | None:
    """How to run the release command of a deployment; None if it has none to run."""
    if deployment.artifact is None or not deployment.runs_release_command:
        return None
    return replace(instance_spec(deployment, 0), command=deployment.artifact.parsed_spec.release, once=RELEASE)


def run_release_command(step: StepContext) -> None:
    """Run the release command, if there is one, to its end. Raises `Refused` if its exit code is not 0, with the code and
    the reason or the last line that the command printed."""
    spec = release_spec(step.deployment)
    if spec is None or spec.command is None:
        return
    stop_volume_holders(step)
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
    """End the release command if it still runs, because its deployment has ended."""
    if (spec := release_spec(deployment)) is not None:
        runtime.ensure_removed(spec.name, grace=spec.stop_grace)


class _Heard:
    """A `Progress` that passes lines on and keeps the last ones that the command printed."""

    def __init__(self, log: Progress) -> None:
        self._log = log
        self.lines: deque[OutputLine] = deque(maxlen=LINES)
        self.check = log.check

    def line(self, text: str, *, stream: str = "stdout") -> None:
        if stream != "fairway":
            self.lines.append(OutputLine(timezone.now(), stream, text))
        self._log.line(text, stream=stream)


def _failed(code: int, lines: Sequence[OutputLine]) -> Refused:
    printed = [line.text.strip() for line in lines if line.text.strip()]
    if not printed:
        return Refused(f"The release command ended with code {code} and said nothing. {AFTERWARDS}")
    detail = "\n".join(line.text for line in lines[-LAST_LINES:])
    if why := reason(lines):
        return Refused(f"The release command ended with code {code}. {why} {AFTERWARDS}", detail=detail)
    last = printed[-1][:LONGEST_WORDS].rstrip(".")
    return Refused(f"The release command ended with code {code}: {last}. {AFTERWARDS}", detail=detail)
