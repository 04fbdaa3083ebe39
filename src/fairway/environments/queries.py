"""Reading environments."""

from __future__ import annotations

from typing import Protocol

from django.db.models import QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Act, Actor, NotVisible, may, reach_of
from fairway.drivers.hosts.address import SshAddress, is_ssh
from fairway.environments.models import Environment, Host
from fairway.shared.names import Invalid


class ApplicationLike(Protocol):
    """An application, as far as grants are concerned."""

    slug: str


DOCKER = "docker"  # the runtime whose options may name a host over SSH


def visible_to(actor: Actor) -> QuerySet[Environment]:
    """The environments this actor may see, in promotion order."""
    chosen = Environment.objects.filter(deleted_at=None).order_by("position", "slug")
    return chosen.filter(reached(reach_of(actor), environment="slug"))


def get_environment(actor: Actor, slug: str) -> Environment:
    """Raises `NotVisible`."""
    found = visible_to(actor).filter(slug=slug).first()
    if found is None:
        raise NotVisible("environment", slug)
    return found


def environment_names() -> dict[str, str]:
    """The names of all that there are, by slug: rules of one may name another."""
    return dict(Environment.objects.filter(deleted_at=None).values_list("slug", "name"))


def proof_name(environment: Environment) -> dict[str, str]:
    """The name of the environment in which versions must prove themselves for this one, by slug."""
    named = (
        Environment.objects.filter(deleted_at=None, slug=environment.proven_in)
        if environment.proven_in
        else Environment.objects.none()
    )
    return dict(named.values_list("slug", "name"))


def environments_for(actor: Actor, application: ApplicationLike) -> QuerySet[Environment]:
    """The environments in which this actor may see this application, in promotion order."""
    reach = reach_of(actor).of_application(application.slug)
    chosen = Environment.objects.filter(deleted_at=None).order_by("position", "slug")
    return chosen.filter(reached(reach, environment="slug"))


def get_environment_for(actor: Actor, application: ApplicationLike, slug: str) -> Environment:
    """The environment, to be used together with this application: both in one grant. Raises `NotVisible`.

    Looked up each for itself, the two halves could come from two grants that say nothing of the pair.
    """
    found = environments_for(actor, application).filter(slug=slug).first()
    if found is None:
        raise NotVisible("environment", slug)
    return found


def next_after(current: Environment, actor: Actor, application: ApplicationLike) -> Environment | None:
    """Where a promotion from `current` leads: the next position this actor may deploy the application to."""
    later = list(environments_for(actor, application).filter(position__gt=current.position))
    may_promote = (one for one in later if may(actor, Act.PROMOTE, environment=one.slug, application=application.slug))
    return next(may_promote, later[0] if later else None)


def ssh_address(environment: Environment) -> str:
    """The address of the host over SSH that its options name, as `Host` rows write it; "" where it runs on this machine."""
    named = environment.options.get("host") if environment.runtime == DOCKER else None
    try:
        return str(SshAddress.parse(str(named))) if is_ssh(named) else ""
    except Invalid:
        return ""


def host_of(environment: Environment) -> Host | None:
    """The host over SSH it runs on, if it does."""
    address = ssh_address(environment)
    return Host.objects.filter(address=address).first() if address else None


def environments_on(host: Host) -> list[Environment]:
    """Those that run there, in promotion order."""
    found = Environment.objects.filter(deleted_at=None, runtime=DOCKER).order_by("position", "slug")
    return [one for one in found if ssh_address(one) == host.address]


def hosts_in_use() -> list[Host]:
    """Every host that an environment runs on."""
    found = Environment.objects.filter(deleted_at=None, runtime=DOCKER)
    addresses = {address for one in found if (address := ssh_address(one))}
    return list(Host.objects.filter(address__in=addresses).order_by("pk")) if addresses else []
