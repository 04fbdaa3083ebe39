"""Judging whether visitors get answers as good as before, while the probe watches the switch; see `deployments.verdict`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from fairway.deployments import verdict
from fairway.deployments.commands import progress
from fairway.deployments.rules import Wanted
from fairway.drivers import streamlit
from fairway.drivers.health import answers_of, refusal
from fairway.drivers.proxy.contract import Answers
from fairway.drivers.proxy.probe import Probe
from fairway.drivers.runtimes.contract import Instance
from fairway.workflows.step_context import StepContext, instances_of

PROBE_AFTER = 0.4  # seconds for which the probe goes on after it has seen the new version
PROBE_LONGEST = 5.0  # seconds for which it goes on if there are too few answers to judge by
PROBE_LOOK = 0.05  # seconds between two checks whether there are enough
OLD_ANSWERS = 5  # how often the old version is asked each path, for comparison
OLD_SECONDS = 2.0  # for how long at most, for each path


def watch_answers(step: StepContext, probe: Probe) -> None:
    """Let the probe go on for `PROBE_AFTER` seconds and until there are enough answers to judge by, but for no longer than
    `PROBE_LONGEST` seconds. It ends earlier if every request fails."""
    began = time.monotonic()
    while (watched := time.monotonic() - began) < PROBE_AFTER or not verdict.is_known(probe.new_answers()):
        if watched > PROBE_LONGEST or (watched < PROBE_AFTER and verdict.is_hopeless(probe.new_answers())):
            return
        step.context.sleep(PROBE_LOOK)


def refuse_if_it_answers_worse(step: StepContext, probe: Probe) -> None:
    """Raises `Refused` if more requests fail than with the version before; the clean-up then gives the traffic back."""
    new = probe.new_answers()
    if not verdict.is_suspect(new):
        return
    worse = verdict.complaint(new, old_answers_of(step))
    if worse:
        progress.probed(deployment=step.deployment, figure=probe.figure())
        raise refusal(step.runtime, [instance.name for instance in step.own_instances() if instance.is_main], worse)


def refuse_if_its_page_fails(step: StepContext) -> None:
    """Raises `Refused` if the page of a Streamlit application fails: its server answers every health check, even if the
    script raises an exception."""
    if step.artifact.parsed_spec.framework == streamlit.FRAMEWORK:
        instance = step.own_instances()[0]
        streamlit.refuse_if_its_page_fails(step.runtime, instance.name, instance.address, step.log, host=step.placement.host)


def paths_of(step: StepContext) -> list[str]:
    """The paths that the probe requests: the page that visitors open, and the health path if there is one."""
    return list(dict.fromkeys(["/", step.artifact.parsed_spec.health_path or "/"]))


def old_answers_of(step: StepContext) -> dict[str, Answers]:
    """How the version before answers, by path: the answers from before it was stopped, if they were kept, else those it
    gives now. Empty if there is no such version or it does not run."""
    if kept := step.context.state.get("old_answers"):
        return {path: Answers(*answers) for path, answers in kept.items()}
    serving = step.placement.current
    if serving is not None and serving.pk == step.deployment.pk:
        serving = step.deployment.replaces
    if serving is None or step.placement.wanted != Wanted.RUNNING:
        return {}
    return _ask(
        step, [instance for instance in instances_of(step.runtime, serving) if instance.is_main and instance.address]
    )


def _ask(step: StepContext, instances: Sequence[Instance]) -> dict[str, Answers]:
    """How the first of these instances answers now, asked without the proxy."""
    if not instances:
        return {}
    ask = partial(answers_of, instances[0].address, host=step.placement.host, times=OLD_ANSWERS, seconds=OLD_SECONDS)
    return {path: ask(path) for path in paths_of(step)}
