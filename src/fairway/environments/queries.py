"""Reading environments."""

from __future__ import annotations

from django.db.models import QuerySet

from fairway.accounts.rules import Act, Actor, NotVisible, may
from fairway.drivers.hosts.address import SshAddress, is_ssh
from fairway.environments.models import Environment, Host
from fairway.shared.names import Invalid

DOCKER = "docker"  # the runtime whose options may name a host over SSH


def visible_to(actor: Actor) -> QuerySet[Environment]:
    """The environments this actor may see, in promotion order."""
    chosen = Environment.objects.filter(deleted_at=None).order_by("position", "slug")
    grants = actor.active_grants
    if actor.is_system or any(not grant.environment for grant in grants):
        return chosen
    return chosen.filter(slug__in=[grant.environment for grant in grants])


def environment(actor: Actor, slug: str) -> Environment:
    """Raises `NotVisible`."""
    found = visible_to(actor).filter(slug=slug).first()
    if found is None:
        raise NotVisible("environment", slug)
    return found


def next_after(current: Environment, actor: Actor) -> Environment | None:
    """Where a promotion from `current` leads: the next position this actor may deploy to."""
    later = visible_to(actor).filter(position__gt=current.position)
    return next((one for one in later if may(actor, Act.PROMOTE, environment=one.slug, application="")), later.first())


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
