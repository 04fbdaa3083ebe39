"""Whether what visitors get is as good as before: asked while the probe watches the switch; see `deployments.verdict`."""

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

PROBE_AFTER = 0.4  # seconds the probe goes on after that
PROBE_LONGEST = 5.0  # seconds, where what was answered until then is too little to judge by
PROBE_LOOK = 0.05  # seconds between two looks at that
OLD_ANSWERS = 5  # how often the old version is asked each path, to compare
OLD_SECONDS = 2.0  # and for how long, for each


def watch_answers(step: StepContext, probe: Probe) -> None:
    """Go on as long as always, and until enough was answered to judge by; what answers very slowly is not waited for."""
    began = time.monotonic()
    while (watched := time.monotonic() - began) < PROBE_AFTER or not verdict.is_known(probe.new_answers()):
        if watched > PROBE_LONGEST or (watched < PROBE_AFTER and verdict.is_hopeless(probe.new_answers())):
            return
        step.context.sleep(PROBE_LOOK)


def refuse_if_it_answers_worse(step: StepContext, probe: Probe) -> None:
    """Success is what visitors get: a version that fails them more than the one before gives the traffic back."""
    new = probe.new_answers()
    if not verdict.is_suspect(new):
        return
    worse = verdict.complaint(new, old_answers_of(step))
    if worse:
        progress.probed(deployment=step.deployment, figure=probe.figure())
        raise refusal(step.runtime, [one.name for one in step.own_instances() if one.is_main], worse)


def refuse_if_its_page_fails(step: StepContext) -> None:
    """Success is what visitors get: a server may answer every health check for a script that raises."""
    if step.artifact.parsed_spec.framework == streamlit.FRAMEWORK:
        one = step.own_instances()[0]
        streamlit.refuse_if_its_page_fails(step.runtime, one.name, one.address, step.log, host=step.placement.host)


def paths_of(step: StepContext) -> list[str]:
    """What the probe asks: the page that visitors open, and the path by which it says how it is."""
    return list(dict.fromkeys(["/", step.artifact.parsed_spec.health_path or "/"]))


def old_answers_of(step: StepContext) -> dict[str, Answers]:
    """How the version before answers: asked now where it still runs, else what was asked before it was stopped."""
    if kept := step.context.state.get("old_answers"):
        return {path: Answers(*found) for path, found in kept.items()}
    serving = step.placement.current
    if serving is not None and serving.pk == step.deployment.pk:
        serving = step.deployment.replaces
    if serving is None or step.placement.wanted != Wanted.RUNNING:
        return {}
    return _ask(step, [one for one in instances_of(step.runtime, serving) if one.is_main and one.address])


def _ask(step: StepContext, instances: Sequence[Instance]) -> dict[str, Answers]:
    """How these instances answer right now, without the proxy."""
    if not instances:
        return {}
    ask = partial(answers_of, instances[0].address, host=step.placement.host, times=OLD_ANSWERS, seconds=OLD_SECONDS)
    return {path: ask(path) for path in paths_of(step)}
