"""The deploy story, top to bottom.

prepare     resolve tag → digest, or commit → build once → artifact
distribute  artifact onto the environment's runtime, digest verified
start       new instances beside the old, own configuration version
check       port answers / health path is 2xx–3xx / container healthy, until the deadline
switch      atomic route switch, probe running
retire      drain, then stop the old instances

Until the run has ended well, everything can be taken back: the clean-up gives the traffic back to what served before
and removes what this deployment started. Every step may run twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings

from fairway.accounts.queries import actor_of_request
from fairway.accounts.rules import SYSTEM, Actor, Blocked
from fairway.applications.queries import credential_for
from fairway.applications.secrets import registry_credential
from fairway.deployments.commands import progress
from fairway.deployments.commands.requests import ACT_OF, STORY
from fairway.deployments.gate import Subject, ask
from fairway.deployments.models import Deployment
from fairway.deployments.rules import Kind
from fairway.drivers.health import wait_until_ready
from fairway.drivers.proxy.admin import drain
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.proxy.probe import Probe
from fairway.drivers.runtimes.contract import Instance, RegistryCredential
from fairway.engine.story import Context, Ending, Step, Story
from fairway.shared.failures import Refused, Retry
from fairway.stories.outside import forget_work_folder, probe_token
from fairway.stories.scene import Scene, instance_spec, instances_of, live_route, scene_of
from fairway.stories.sources import artifact_from_source, work_name
from fairway.stories.watching import DeploymentWatcher

DRAIN_LIMIT = 30.0  # seconds an old instance may take to finish its requests before it is stopped
SEEN_WITHIN = 10.0  # seconds until the probe must have seen the new version
PROBE_AFTER = 0.4  # seconds the probe goes on after that


def prepare(context: Context) -> Mapping[str, Any]:
    """Settle what will run. A deployment of an existing artifact has nothing to do here."""
    with scene_of(context) as scene:
        _ask_gate(scene)
        _announce(scene)
        if scene.deployment.artifact is not None:
            scene.log.say(f"{scene.artifact.version} is built already ({scene.artifact.digest[:19]}).")
            return {"artifact": scene.artifact.pk}
        artifact = artifact_from_source(scene)
        progress.artifact_settled(deployment=scene.deployment, artifact=artifact)
        _ask_gate(scene)
        forget_work_folder(work_name(scene.deployment))
        return {"artifact": artifact.pk}


def distribute(context: Context) -> None:
    """Bring the artifact to the runtime; the runtime verifies the digest."""
    with scene_of(context) as scene:
        if scene.runtime.is_distributed(scene.artifact.ref):
            scene.log.say(f"{scene.artifact.version} is here already, digest verified.")
            return
        scene.runtime.distribute(scene.artifact.ref, _credential(scene), scene.log)
        scene.log.say(f"Digest verified: {scene.artifact.digest}")


def start(context: Context) -> Mapping[str, Any]:
    """Start the new instances beside whatever serves now."""
    with scene_of(context) as scene:
        names = []
        for replica in range(scene.deployment.replicas):
            scene.log.check()
            instance = scene.runtime.ensure_started(instance_spec(scene.deployment, replica), scene.log)
            scene.log.say(f"Started {instance.name} at {instance.address}.")
            names.append(instance.name)
        return {"instances": names}


def check(context: Context) -> None:
    """Every new instance must be ready, and run the digest it was asked to run."""
    with scene_of(context) as scene:
        for replica in range(scene.deployment.replicas):
            spec = instance_spec(scene.deployment, replica)
            result = wait_until_ready(scene.runtime, spec.name, spec.health, scene.log, host=scene.placement.host)
            progress.gate_used(deployment=scene.deployment, gate=result.gate)
            scene.log.say(f"{spec.name} is ready ({result.gate}, {result.elapsed:.1f} s).")
        _read_back(scene)


def switch(context: Context) -> None:
    """Send the traffic to the new instances in one rename, with the probe watching from outside."""
    with scene_of(context) as scene:
        instances = _read_back(scene)
        addresses = {one.address for one in instances}
        if scene.placement.current_id != scene.deployment.pk:
            context.checkpoint(previous_good=scene.placement.previous_good_id)  # also proves we still own this run
        probe = Probe(
            ("127.0.0.1", settings.PROXY_PORT),
            scene.placement.host,
            scene.artifact.parsed_spec.health_path or "/",
            token=probe_token(),
            is_new=addresses.__contains__,
        )
        with probe:
            probe.switching()
            for host in scene.placement.hosts:
                scene.proxy.ensure_route(live_route(scene.placement, host, instances, scene.deployment.label))
            was_seen = probe.await_new(SEEN_WITHIN)
            context.sleep(PROBE_AFTER)
        progress.probed(deployment=scene.deployment, figure=probe.figure())
        if not was_seen:
            raise Retry("The proxy did not serve the new version in time.", detail=probe.figure().first_failure)
        _record_switch(scene, instances)


def retire(context: Context) -> None:
    """Let the old instances finish their requests, then stop and remove them."""
    with scene_of(context) as scene:
        old = scene.other_instances()
        addresses = [one.address for one in old if one.address]
        if addresses:
            result = drain(scene.proxy.in_flight, addresses, limit=DRAIN_LIMIT, cancelled=context.stop)
            scene.log.check()
            left = sum(result.remaining.values())
            scene.log.say(f"Old instances drained in {result.seconds:.1f} s" + (f", {left} requests cut." if left else "."))
        for one in old:
            scene.runtime.ensure_stopped(one.name)
            scene.log.check()  # up to here the old version can be started again as it was
        for one in old:
            scene.runtime.ensure_removed(one.name)
            scene.log.say(f"Removed {one.name}.")


def clean_up(context: Context, ending: Ending) -> None:
    """Put everything back: the old version serves, nothing of this deployment is left."""
    with scene_of(context) as scene:
        forget_work_folder(work_name(scene.deployment))
        if ending.sentence:
            scene.log.say(ending.sentence)
        serving = scene.placement.current
        if serving is not None and serving.pk == scene.deployment.pk:
            serving = scene.deployment.replaces
        _give_back(scene, serving)
        for one in scene.own_instances():
            scene.runtime.ensure_removed(one.name)
            scene.log.say(f"Removed {one.name}.")


def _ask_gate(scene: Scene) -> None:
    """The gate is asked again when the act starts: a lock or a missing setting since then still counts."""
    deployment = scene.deployment
    subject = Subject(
        deployment.application, deployment.environment, scene.placement, deployment.artifact, deployment.configuration
    )
    try:
        ask(ACT_OF[Kind(deployment.kind)], subject, _requester(deployment), breaks_glass=bool(deployment.broke_glass))
    except Blocked as blocked:
        raise Refused(" ".join(blocker.sentence for blocker in blocked.blockers)) from None
    newer = scene.placement.current_id
    if deployment.kind == Kind.DEPLOY and newer is not None and newer > deployment.pk:
        raise Refused(f"A newer deployment (#{newer}) is live already; this one would go back in time.")


def _requester(deployment: Deployment) -> Actor:
    if deployment.requested_by_id is None:
        return SYSTEM
    return actor_of_request(deployment.requested_by_id, deployment.requested_by, deployment.door, deployment.acting_role)


def _announce(scene: Scene) -> None:
    """A host that serves nothing yet shows that something is coming."""
    for host in scene.placement.hosts:
        if scene.proxy.route(host) is None:
            scene.proxy.ensure_route(Route(host, RouteKind.STARTING, (), scene.deployment.label))


def _credential(scene: Scene) -> RegistryCredential | None:
    credential = credential_for(scene.deployment.application)
    return registry_credential(credential) if credential and credential.kind == credential.REGISTRY else None


def _read_back(scene: Scene) -> list[Instance]:
    """What really runs must be what was asked for."""
    instances = scene.own_instances()
    if len(instances) != scene.deployment.replicas:
        raise Refused(f"{len(instances)} of {scene.deployment.replicas} instances run; one has died since it was checked.")
    for one in instances:
        if one.digest != scene.artifact.digest:
            raise Refused(f"{one.name} runs {one.digest or 'nothing known'} instead of {scene.artifact.digest}.")
    return instances


def _record_switch(scene: Scene, instances: list[Instance]) -> None:
    """Only said after reading back both the digest and the route."""
    for host in scene.placement.hosts:
        route = scene.proxy.route(host)
        if route is None or set(route.addresses) != {one.address for one in instances}:
            raise Retry(f"The route of {host} is not what was just written.")
    progress.switched(deployment=scene.deployment, placement=scene.placement, served_digest=instances[0].digest)
    scene.log.say(f"{scene.placement.url} serves {scene.artifact.version}.")


def _give_back(scene: Scene, serving: Deployment | None) -> None:
    """Route everything to `serving` again, starting its instances where they were stopped already."""
    if serving is None or serving.artifact is None:
        for host in scene.placement.hosts:
            scene.proxy.ensure_no_route(host)
    elif _traffic_is_ours(scene):
        instances = _running_again(scene, serving)
        for host in scene.placement.hosts:
            scene.proxy.ensure_route(live_route(scene.placement, host, instances, serving.label))
        scene.log.say(f"{serving.version} (#{serving.pk}) serves again.")
        addresses = [one.address for one in scene.own_instances() if one.address]
        drain(scene.proxy.in_flight, addresses, limit=DRAIN_LIMIT)
    previous_good = scene.context.state.get("previous_good")
    progress.switched_back(
        deployment=scene.deployment, placement=scene.placement, to=serving, previous_good_id=previous_good
    )


def _traffic_is_ours(scene: Scene) -> bool:
    routes = [scene.proxy.route(host) for host in scene.placement.hosts]
    is_current = scene.placement.current_id == scene.deployment.pk
    return is_current or any(route is not None and route.generation == scene.deployment.label for route in routes)


def _running_again(scene: Scene, serving: Deployment) -> list[Instance]:
    for replica in range(serving.replicas):
        spec = instance_spec(serving, replica)
        scene.runtime.ensure_started(spec, scene.log)
        wait_until_ready(scene.runtime, spec.name, spec.health, scene.log, host=scene.placement.host)
    return instances_of(scene.runtime, serving)


DEPLOY = Story(
    kind=STORY,
    steps=(
        Step("prepare", prepare, deadline=timedelta(minutes=30)),
        Step("distribute", distribute, deadline=timedelta(minutes=20), attempts=4),
        Step("start", start, deadline=timedelta(minutes=5)),
        Step("check", check, deadline=timedelta(minutes=10), attempts=1),
        Step("switch", switch, deadline=timedelta(minutes=2)),
        Step("retire", retire, deadline=timedelta(minutes=5)),
    ),
    clean_up=clean_up,
    watcher=DeploymentWatcher(),
    clean_up_deadline=timedelta(minutes=5),
)
