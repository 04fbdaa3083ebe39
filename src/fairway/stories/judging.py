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
from fairway.stories.scene import Scene, instances_of

PROBE_AFTER = 0.4  # seconds the probe goes on after that
PROBE_LONGEST = 5.0  # seconds, where what was answered until then is too little to judge by
PROBE_LOOK = 0.05  # seconds between two looks at that
OLD_ANSWERS = 5  # how often the old version is asked each path, to compare
OLD_SECONDS = 2.0  # and for how long, for each


def watch_answers(scene: Scene, probe: Probe) -> None:
    """Go on as long as always, and until enough was answered to judge by; what answers very slowly is not waited for."""
    began = time.monotonic()
    while (watched := time.monotonic() - began) < PROBE_AFTER or not verdict.is_known(probe.new_answers()):
        if watched > PROBE_LONGEST or (watched < PROBE_AFTER and verdict.is_hopeless(probe.new_answers())):
            return
        scene.context.sleep(PROBE_LOOK)


def refuse_if_it_answers_worse(scene: Scene, probe: Probe) -> None:
    """Success is what visitors get: a version that fails them more than the one before gives the traffic back."""
    new = probe.new_answers()
    if not verdict.is_suspect(new):
        return
    worse = verdict.complaint(new, old_answers_of(scene))
    if worse:
        progress.probed(deployment=scene.deployment, figure=probe.figure())
        raise refusal(scene.runtime, [one.name for one in scene.own_instances()], worse)


def refuse_if_its_page_fails(scene: Scene) -> None:
    """Success is what visitors get: a server may answer every health check for a script that raises."""
    if scene.artifact.parsed_spec.framework == streamlit.FRAMEWORK:
        one = scene.own_instances()[0]
        streamlit.refuse_if_its_page_fails(scene.runtime, one.name, one.address, scene.log, host=scene.placement.host)


def paths_of(scene: Scene) -> list[str]:
    """What the probe asks: the page that visitors open, and the path by which it says how it is."""
    return list(dict.fromkeys(["/", scene.artifact.parsed_spec.health_path or "/"]))


def old_answers_of(scene: Scene) -> dict[str, Answers]:
    """How the version before answers: asked now where it still runs, else what was asked before it was stopped."""
    if kept := scene.context.state.get("old_answers"):
        return {path: Answers(*found) for path, found in kept.items()}
    serving = scene.placement.current
    if serving is not None and serving.pk == scene.deployment.pk:
        serving = scene.deployment.replaces
    if serving is None or scene.placement.wanted != Wanted.RUNNING:
        return {}
    return _ask(scene, [one for one in instances_of(scene.runtime, serving) if one.address])


def _ask(scene: Scene, instances: Sequence[Instance]) -> dict[str, Answers]:
    """How these instances answer right now, without the proxy."""
    if not instances:
        return {}
    ask = partial(answers_of, instances[0].address, host=scene.placement.host, times=OLD_ANSWERS, seconds=OLD_SECONDS)
    return {path: ask(path) for path in paths_of(scene)}
