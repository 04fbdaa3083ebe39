"""How to run the instances of a deployment: those of its artifact, and the services that have an image of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from django.conf import settings

from fairway.applications.frameworks import files_for
from fairway.applications.models import Artifact
from fairway.applications.secrets import open_secrets
from fairway.catalog.openid import has_client
from fairway.deployments.limits import limits_for
from fairway.deployments.models import Deployment
from fairway.deployments.rules import SERVICE_MARK, has_own_image
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.compose_values import interpolated
from fairway.drivers.builders.services import Service, backing_services_of, in_order, services_of
from fairway.drivers.runtimes.contract import (
    MAIN,
    ArtifactKind,
    ArtifactRef,
    HealthCheck,
    Instance,
    InstanceSpec,
    Volume,
    instance_name,
)
from fairway.environments.runtimes import limits_of
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid

STAYS_UP = 2.0  # seconds that a service without a port must run before it counts as ready


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
        **filled(spec.environment, given),
        **given,
        "FAIRWAY_APPLICATION": deployment.application.slug,
        "FAIRWAY_ENVIRONMENT": deployment.environment.slug,
        "FAIRWAY_VERSION": deployment.artifact.version,
        "FAIRWAY_DEPLOYMENT": str(deployment.pk),
        "FAIRWAY_SERVICE": service,
    }
    name = placement_name(deployment)
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
        limits=limits_for(deployment, service, memory_bytes=spec.memory_bytes, cpus=spec.cpus),
        volumes=tuple(Volume(volume_name(name, volume), target) for volume, target in spec.volumes),
        stop_grace=spec.stop_grace,
        files={**files_for(spec.framework, given), **filled(spec.files, given)},
        service=service,
        asks_fairway=has_client(deployment.application, deployment.environment),
    )


def filled(environment: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The spec's environment, each ``${VAR}`` replaced by the configuration's value. Raises `Refused` if one is missing."""
    try:
        return interpolated(environment, given)
    except Invalid as missing:
        raise Refused(f"{missing.field} {missing.sentence}") from None


def placement_name(deployment: Deployment) -> str:
    return f"{deployment.application.slug}.{deployment.environment.slug}"


def volume_name(placement: str, volume: str) -> str:
    return f"{placement}.{volume}"


def is_backing(instance: Instance) -> bool:
    """Whether an instance is a service with an image of its own."""
    return has_own_image(instance.deployment)


def volumes_of(spec: Spec) -> list[tuple[str, str]]:
    """Every volume of a version, those of its services included."""
    return [*spec.volumes, *(pair for service in backing_services_of(spec) for pair in service.spec.volumes)]


def backing_refs(artifact: Artifact) -> list[ArtifactRef]:
    """The images that the services of a version run."""
    return [ref_of(service.image) for service in backing_services_of(artifact.parsed_spec)]


def ref_of(image: str) -> ArtifactRef:
    """An image that is pinned by its digest (``repository@sha256:…``)."""
    return ArtifactRef(ArtifactKind.IMAGE, image.partition("@")[2], image)


def backing_specs(deployment: Deployment) -> list[list[InstanceSpec]]:
    """How to run the services of a deployment that have an image of their own, in groups: each group starts once those
    before it are ready. Raises `Refused` if a variable is missing."""
    services = {service.name: service for service in _backing(deployment)}
    if not services:
        return []
    configuration = deployment.configuration
    given = {**(configuration.variables if configuration else {}), **open_secrets(configuration)}
    groups = in_order(tuple(services.values()))
    return [[_backing_spec(deployment, services[name], given) for name in group] for group in groups]


def backing_digests(deployment: Deployment) -> dict[str, str]:
    """The names of the instances of these services, each with the digest that it should run. No secret is opened for it."""
    return {
        instance_name(placement_name(deployment), _label(deployment, service), service.name): ref_of(service.image).digest
        for service in _backing(deployment)
    }


def _backing(deployment: Deployment) -> tuple[Service, ...]:
    return backing_services_of(deployment.artifact.parsed_spec) if deployment.artifact else ()


def _label(deployment: Deployment, service: Service) -> str:
    """What distinguishes an instance of this service from one that has to be replaced. Secrets take part by their marks,
    because anybody who sees the name could try passwords against it otherwise. What the environment allows takes no part:
    an administrator who changes it restarts no database."""
    spec, configuration = service.spec, deployment.configuration
    marked = {**configuration.variables, **configuration.marks} if configuration else {}
    facts = [
        *(service.image, spec.command, sorted(filled(spec.environment, marked).items()), spec.volumes),
        *([sorted(filled(spec.files, marked).items())] if spec.files else []),
        *(spec.memory_bytes, spec.cpus, spec.health_command, service.hostname),
    ]
    return SERVICE_MARK + hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:10]


def _backing_spec(deployment: Deployment, service: Service, given: Mapping[str, str]) -> InstanceSpec:
    spec, placement = service.spec, placement_name(deployment)
    return InstanceSpec(
        placement=placement,
        deployment=_label(deployment, service),
        replica=0,
        artifact=ref_of(service.image),
        port=None,
        command=spec.command,
        environment=filled(spec.environment, given),
        health=HealthCheck(
            deadline=spec.start_seconds or settings.HEALTH_SECONDS,
            stays_up=None if spec.health_command else STAYS_UP,
            command=spec.health_command,
        ),
        limits=limits_of(deployment.environment, memory_bytes=spec.memory_bytes, cpus=spec.cpus),
        volumes=tuple(Volume(volume_name(placement, name), target) for name, target in spec.volumes),
        stop_grace=spec.stop_grace,
        files=filled(spec.files, given),
        service=service.name,
        hostname=service.hostname,
    )
