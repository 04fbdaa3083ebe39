"""What a step of a story has at hand: the rows, the runtime, the proxy, the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from fairway.applications.models import Artifact
from fairway.applications.queries import credential_for
from fairway.applications.secrets import masker_for, open_secrets
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Access
from fairway.drivers.builders.compose_values import interpolated
from fairway.drivers.proxy.contract import Proxy, Route, RouteKind
from fairway.drivers.runtimes.contract import HealthCheck, Instance, InstanceSpec, Runtime, Volume
from fairway.engine.story import Context
from fairway.environments.runtimes import limits_of, runtime_of
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.stories.log import DeploymentLog
from fairway.stories.outside import proxy

RELATED = ("application", "environment", "artifact", "configuration", "replaces__artifact", "replaces__configuration")


@dataclass(frozen=True)
class Scene:
    """One deployment being worked on."""

    context: Context
    deployment: Deployment
    placement: Placement
    runtime: Runtime
    proxy: Proxy
    log: DeploymentLog

    @property
    def artifact(self) -> Artifact:
        assert self.deployment.artifact is not None, "prepare settles the artifact"
        return self.deployment.artifact

    def own_instances(self) -> list[Instance]:
        return instances_of(self.runtime, self.deployment)

    def other_instances(self) -> list[Instance]:
        everything = self.runtime.instances(self.placement.name)
        return [one for one in everything if one.deployment != self.deployment.label]


@contextmanager
def scene_of(context: Context) -> Iterator[Scene]:
    """Load everything fresh (another worker may have been here), and write the log whatever happens."""
    deployment = Deployment.objects.select_related(*RELATED).get(pk=context.payload["deployment"])
    placement = Placement.objects.select_related("application", "environment", "current").get(
        application=deployment.application, environment=deployment.environment
    )
    masker = masker_for(deployment.configuration, credential_for(deployment.application))
    log = DeploymentLog(context, deployment, masker)
    scene = Scene(context, deployment, placement, runtime_of(deployment.environment), proxy(), log)
    try:
        yield scene
    finally:
        log.write()


def instances_of(runtime: Runtime, deployment: Deployment) -> list[Instance]:
    """The instances of one deployment, by replica."""
    name = f"{deployment.application.slug}.{deployment.environment.slug}"
    own = [one for one in runtime.instances(name) if one.deployment == deployment.label]
    return sorted(own, key=lambda one: one.replica)


def instance_spec(deployment: Deployment, replica: int) -> InstanceSpec:
    """How to run one replica: the artifact's spec under the deployment's own configuration version."""
    assert deployment.artifact is not None
    spec, configuration = deployment.artifact.parsed_spec, deployment.configuration
    given = {**(configuration.variables if configuration else {}), **open_secrets(configuration)}
    environment = {
        **_filled(spec.environment, given),
        **given,
        "FAIRWAY_APPLICATION": deployment.application.slug,
        "FAIRWAY_ENVIRONMENT": deployment.environment.slug,
        "FAIRWAY_VERSION": deployment.artifact.version,
        "FAIRWAY_DEPLOYMENT": str(deployment.pk),
    }
    name = f"{deployment.application.slug}.{deployment.environment.slug}"
    return InstanceSpec(
        placement=name,
        deployment=deployment.label,
        replica=replica,
        artifact=deployment.artifact.ref,
        port=spec.port,
        command=spec.command,
        environment=environment,
        health=HealthCheck(path=spec.health_path),
        limits=limits_of(deployment.environment, memory_bytes=spec.memory_bytes, cpus=spec.cpus),
        volumes=tuple(Volume(volume_name(name, volume), target) for volume, target in spec.volumes),
        stop_grace=spec.stop_grace,
    )


def _filled(environment: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The spec's own environment with its ``${VAR}`` filled from the configuration."""
    try:
        return interpolated(environment, given)
    except Invalid as missing:
        raise Refused(f"{missing.field} {missing.sentence}") from None


def volume_name(placement: str, volume: str) -> str:
    return f"{placement}.{volume}"


def live_route(placement: Placement, host: str, instances: list[Instance], label: str) -> Route:
    """The route by which `host` reaches these instances."""
    kind = RouteKind.SIGNED_IN if placement.access == Access.SIGNED_IN else RouteKind.OPEN
    return Route(host, kind, tuple(one.address for one in instances), label)
