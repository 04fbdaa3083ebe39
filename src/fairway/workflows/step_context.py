"""What a step of a workflow works with: the rows, the runtime, the proxy and the log."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from fairway.applications.frameworks import files_for
from fairway.applications.models import Application, Artifact
from fairway.applications.queries import credential_for, registry_credential_for
from fairway.applications.secrets import open_credential, open_secrets, registry_credential
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Access
from fairway.drivers.builders.detection.compose_values import interpolated
from fairway.drivers.builders.services import services_of
from fairway.drivers.proxy.contract import Proxy, Route, RouteKind
from fairway.drivers.runtimes.contract import (
    MAIN,
    HealthCheck,
    Instance,
    InstanceSpec,
    RegistryCredential,
    Runtime,
    Volume,
)
from fairway.engine.execution import retry_on_db_error
from fairway.engine.workflow import Context, DeadlinePassed, LeaseLost, Wait
from fairway.environments.models import Environment
from fairway.environments.runtimes import limits_of, runtime_of
from fairway.environments.secrets import secrets_of
from fairway.shared.disk import FULL, is_disk_full
from fairway.shared.failures import Cancelled, Failure, NeedsPerson, Refused
from fairway.shared.masking import Masker
from fairway.shared.names import Invalid
from fairway.shared.urls import is_secret, secrets_in
from fairway.workflows.log import DeploymentLog
from fairway.workflows.outside import proxy
from fairway.workflows.recreate import Recreate

STAYS_UP = 2.0  # seconds that a service without a port must run before it counts as ready
# The relations that every step reads. Only the clean-up and the judging read what a deployment replaced, so they load it
# themselves: each further row costs Django half a millisecond, several times in every step.
RELATED = ("application", "environment", "artifact", "configuration")


@dataclass(frozen=True)
class StepContext:
    """What the steps of a deployment need: its rows, its runtime, the proxy and its log."""

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

    def specs(self) -> list[InstanceSpec]:
        """How to run each instance of this deployment; the main service comes first."""
        return instance_specs(self.deployment, self.deployment.counts)

    @property
    def recreate(self) -> Recreate:
        return Recreate(self.context, self.placement, self.runtime, self.proxy, self.log)

    def serve(self, route: Route) -> None:
        """Set the route of a host. Raises `LeaseLost`, and changes nothing, if another worker has taken the run over."""
        self.proxy.ensure_route(route, fence=self.context.checkpoint)

    def serve_nothing(self, host: str) -> None:
        self.proxy.ensure_no_route(host, fence=self.context.checkpoint)

    def own_instances(self) -> list[Instance]:
        return instances_of(self.runtime, self.deployment)

    def other_instances(self) -> list[Instance]:
        everything = self.runtime.instances(self.placement.name)
        return [instance for instance in everything if instance.deployment != self.deployment.label]


class PlacementGone(Refused):
    """The application was removed from the environment while this deployment waited for its turn."""


@contextmanager
def step_context_of(context: Context) -> Iterator[StepContext]:
    """Load everything fresh from the database, because another worker may have changed it. On leaving the block the log is
    written, and secrets are masked in any error that the block raises. Raises `PlacementGone`.
    """
    deployment = Deployment.objects.select_related(*RELATED).get(pk=context.payload["deployment"])
    placement = (
        Placement.objects.select_related("application", "environment", "current__artifact", "current__configuration")
        .filter(application=deployment.application, environment=deployment.environment)
        .first()
    )
    if placement is None:
        raise PlacementGone("It was removed from here while this deployment waited; deploy it again.")
    if placement.current is not None:  # of the same application, in the same environment
        placement.current.application, placement.current.environment = placement.application, placement.environment
    masker = masker_of(deployment, placement.current)
    log = DeploymentLog(context, deployment, masker)
    step = StepContext(context, deployment, placement, runtime_of(deployment.environment), proxy(), log)
    try:
        with masked(masker):
            yield step
    finally:
        # If the database cannot be reached for a moment, no line is lost, and its error does not hide the step's own.
        retry_on_db_error(log.write)


def masker_of(*deployments: Deployment | None) -> Masker:
    """A masker of every secret that the instances or the sources of these deployments could show."""
    values: list[str] = []
    for deployment in filter(None, deployments):
        values += open_secrets(deployment.configuration).values()
        credential = credential_for(deployment.application, deployment.environment)
        values += [open_credential(credential)] if credential else []
        values += typed_secrets(deployment.environment, deployment.source)
    return Masker(values)


def typed_secrets(environment: Environment | None, *sources: Mapping[str, Any]) -> list[str]:
    """The secrets among the environment's build arguments, and those in addresses, from the time before such addresses were
    refused."""
    found = [secret for source in sources for value in source.values() for secret in secrets_in(str(value))]
    for name, value in (secrets_of(environment) if environment else {}).items():
        found += [*([value] if is_secret(name, value) else []), *secrets_in(value)]
    return found


@contextmanager
def masked(masker: Masker) -> Iterator[None]:
    """Mask secrets in whatever the block raises. A `Failure` keeps its type. Any other exception is raised as it is, unless
    its traceback contains a secret: then it becomes a `RuntimeError`. A full disk becomes `NeedsPerson`."""
    try:
        yield
    except (Cancelled, DeadlinePassed, LeaseLost, Wait):
        raise  # the engine's own signals
    except Failure as failure:
        failure.sentence, failure.detail = masker(failure.sentence), masker(failure.detail)
        failure.args = (failure.sentence,)
        raise
    except Exception as problem:
        if is_disk_full(problem):
            raise NeedsPerson(FULL, detail=masker(f"{type(problem).__name__}: {problem}")) from None
        printed = "".join(traceback.format_exception(problem))
        if masker(printed) == printed:
            raise
        raise RuntimeError(masker(f"{type(problem).__name__}: {problem}")) from None


def sign_in_for(application: Application, reference: str, environment: Environment) -> RegistryCredential | None:
    """How to sign in to the registry of an image; None if no credential is stored for it."""
    credential = registry_credential_for(application, reference, environment)
    return registry_credential(credential) if credential else None


def instances_of(runtime: Runtime, deployment: Deployment) -> list[Instance]:
    """The instances of one deployment, by service and replica; the main service comes first."""
    name = f"{deployment.application.slug}.{deployment.environment.slug}"
    own = [instance for instance in runtime.instances(name) if instance.deployment == deployment.label]
    return sorted(own, key=lambda instance: (not instance.is_main, instance.service, instance.replica))


def instance_specs(deployment: Deployment, counts: Mapping[str, int]) -> list[InstanceSpec]:
    """How to run `counts` instances of each service of a deployment."""
    return [instance_spec(deployment, replica, name) for name, count in counts.items() for replica in range(count)]


def instance_spec(deployment: Deployment, replica: int, service: str = MAIN) -> InstanceSpec:
    """How to run one replica of a service: the artifact's spec with the configuration version of the deployment."""
    assert deployment.artifact is not None
    of = next(service_spec for service_spec in services_of(deployment.artifact.parsed_spec) if service_spec.name == service)
    spec, configuration = of.spec, deployment.configuration
    given = {**(configuration.variables if configuration else {}), **open_secrets(configuration)}
    environment = {
        **_filled(spec.environment, given),
        **given,
        "FAIRWAY_APPLICATION": deployment.application.slug,
        "FAIRWAY_ENVIRONMENT": deployment.environment.slug,
        "FAIRWAY_VERSION": deployment.artifact.version,
        "FAIRWAY_DEPLOYMENT": str(deployment.pk),
        "FAIRWAY_SERVICE": service,
    }
    name = f"{deployment.application.slug}.{deployment.environment.slug}"
    return InstanceSpec(
        placement=name,
        deployment=deployment.label,
        replica=replica,
        artifact=deployment.artifact.ref,
        port=spec.port if of.has_port else None,
        command=spec.command,
        environment=environment,
        health=HealthCheck(
            path=spec.health_path,
            deadline=spec.start_seconds or settings.HEALTH_SECONDS,
            stays_up=None if of.has_port or spec.health_command else STAYS_UP,
            command=spec.health_command,
            tcp=spec.health_tcp,
        ),
        limits=limits_of(deployment.environment, memory_bytes=spec.memory_bytes, cpus=spec.cpus),
        volumes=tuple(Volume(volume_name(name, volume), target) for volume, target in spec.volumes),
        stop_grace=spec.stop_grace,
        files=files_for(spec.framework, given),
        service=service,
    )


def _filled(environment: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The spec's environment, each ``${VAR}`` replaced by the configuration's value. Raises `Refused` if one is missing."""
    try:
        return interpolated(environment, given)
    except Invalid as missing:
        raise Refused(f"{missing.field} {missing.sentence}") from None


def volume_name(placement: str, volume: str) -> str:
    return f"{placement}.{volume}"


def live_route(placement: Placement, host: str, instances: list[Instance], deployment: Deployment) -> Route:
    """The route by which `host` reaches these instances of a deployment."""
    kind = RouteKind.SIGNED_IN if placement.access == Access.SIGNED_IN else RouteKind.OPEN
    addresses = tuple(instance.address for instance in instances if instance.is_main)
    return Route(host, kind, addresses, deployment.label, sticky=deployment.sticks(len(addresses)))
