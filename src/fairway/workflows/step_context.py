"""What a step of a workflow works with: the rows, the runtime, the proxy and the log."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fairway.applications.models import Application, Artifact
from fairway.applications.queries import credential_for, registry_credential_for
from fairway.applications.secrets import open_credential, open_secrets, registry_credential
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Access
from fairway.drivers.proxy.contract import Proxy, Route, RouteKind
from fairway.drivers.runtimes.contract import (
    Instance,
    InstanceSpec,
    RegistryCredential,
    Runtime,
)
from fairway.engine.execution import retry_on_db_error
from fairway.engine.prepared import NUMBER, OTHER_NUMBER, Prepared
from fairway.engine.workflow import Context, DeadlinePassed, LeaseLost, Wait
from fairway.environments.models import Environment
from fairway.environments.runtimes import runtime_of
from fairway.environments.secrets import secrets_of
from fairway.shared.disk import FULL, is_disk_full
from fairway.shared.failures import Cancelled, Failure, NeedsPerson, Refused
from fairway.shared.masking import Masker
from fairway.shared.urls import is_secret, secrets_in
from fairway.workflows.log import DeploymentLog
from fairway.workflows.outside import proxy
from fairway.workflows.recreate import Recreate
from fairway.workflows.specs import backing_digests, instance_specs, is_backing, placement_name

# The relations that every step reads. Only the clean-up and the judging read what a deployment replaced, so they load it
# themselves: each further row costs Django half a millisecond, several times in every step.
RELATED = ("application", "environment", "artifact", "configuration")
_DEPLOYMENT = Prepared(lambda number: Deployment.objects.select_related(*RELATED).filter(pk=number), NUMBER)
_PLACED = ("application", "environment", "current__artifact", "current__configuration")
_PLACEMENT = Prepared(
    lambda application, environment: Placement.objects.select_related(*_PLACED).filter(
        application=application, environment=environment
    ),
    NUMBER,
    OTHER_NUMBER,
)


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

    def backing_instances(self) -> list[Instance]:
        """Those of this deployment's services with an image of their own."""
        return backing_instances_of(self.runtime, self.deployment)

    def other_instances(self) -> list[Instance]:
        """Those of other deployments, without services that have an image of their own: they belong to the placement."""
        everything = self.runtime.instances(self.placement.name)
        return [one for one in everything if one.deployment != self.deployment.label and not is_backing(one)]


class PlacementGone(Refused):
    """The application was removed from the environment while this deployment waited for its turn."""


@contextmanager
def step_context_of(context: Context) -> Iterator[StepContext]:
    """Load everything fresh from the database, because another worker may have changed it. On leaving the block the log is
    written, and secrets are masked in any error that the block raises. Raises `PlacementGone`.
    """
    deployment: Deployment = _DEPLOYMENT.get(context.payload["deployment"])
    placement: Placement | None = _PLACEMENT.first(deployment.application_id, deployment.environment_id)
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
    name = placement_name(deployment)
    own = [instance for instance in runtime.instances(name) if instance.deployment == deployment.label]
    return sorted(own, key=lambda instance: (not instance.is_main, instance.service, instance.replica))


def backing_instances_of(runtime: Runtime, deployment: Deployment) -> list[Instance]:
    """The instances of a deployment's services that have an image of their own."""
    names = backing_digests(deployment)
    return [one for one in runtime.instances(placement_name(deployment)) if one.name in names] if names else []


def live_route(placement: Placement, host: str, instances: list[Instance], deployment: Deployment) -> Route:
    """The route by which `host` reaches these instances of a deployment."""
    kind = RouteKind.SIGNED_IN if placement.access == Access.SIGNED_IN else RouteKind.OPEN
    addresses = tuple(instance.address for instance in instances if instance.is_main)
    return Route(host, kind, addresses, deployment.label, sticky=deployment.sticks(len(addresses)))
