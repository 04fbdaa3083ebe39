"""Reads environments and their Docker hosts."""

from __future__ import annotations

from typing import Protocol

from django.db.models import QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Act, Actor, NotVisible, may, reach_of
from fairway.drivers.hosts.address import SshAddress, is_ssh
from fairway.engine.prepared import Prepared
from fairway.environments.models import Environment, Host
from fairway.shared.names import Invalid


class ApplicationLike(Protocol):
    """The part of an application that grants need."""

    slug: str


DOCKER = "docker"  # the runtime whose options may name a host over SSH


def visible_to(actor: Actor) -> QuerySet[Environment]:
    """The environments that this actor may see, in promotion order, without deleted ones."""
    chosen = Environment.objects.filter(deleted_at=None).order_by("position", "slug")
    return chosen.filter(reached(reach_of(actor), environment="slug"))


def get_environment(actor: Actor, slug: str) -> Environment:
    """The environment with this slug. Raises `NotVisible`."""
    found = visible_to(actor).filter(slug=slug).first()
    if found is None:
        raise NotVisible("environment", slug)
    return found


def environment_names() -> dict[str, str]:
    """The names of all environments by slug; rules of one environment may name another."""
    return dict(Environment.objects.filter(deleted_at=None).values_list("slug", "name"))


def proof_name(environment: Environment) -> dict[str, str]:
    """The name, by slug, of the environment in which versions must run before they may come to this one."""
    named = (
        Environment.objects.filter(deleted_at=None, slug=environment.proven_in)
        if environment.proven_in
        else Environment.objects.none()
    )
    return dict(named.values_list("slug", "name"))


def environments_for(actor: Actor, application: ApplicationLike) -> QuerySet[Environment]:
    """The environments for which one grant lets this actor see this application, in promotion order."""
    reach = reach_of(actor).of_application(application.slug)
    chosen = Environment.objects.filter(deleted_at=None).order_by("position", "slug")
    return chosen.filter(reached(reach, environment="slug"))


def get_environment_for(actor: Actor, application: ApplicationLike, slug: str) -> Environment:
    """The environment with this slug, if one grant covers it together with this application. Raises `NotVisible`.

    If both were looked up separately, they could come from two grants, neither of which covers the pair.
    """
    found = environments_for(actor, application).filter(slug=slug).first()
    if found is None:
        raise NotVisible("environment", slug)
    return found


def next_after(current: Environment, actor: Actor, application: ApplicationLike) -> Environment | None:
    """The target of a promotion from `current`: the next environment to which this actor may deploy the application."""
    later = list(environments_for(actor, application).filter(position__gt=current.position))
    may_promote = (one for one in later if may(actor, Act.PROMOTE, environment=one.slug, application=application.slug))
    return next(may_promote, later[0] if later else None)


def ssh_address(environment: Environment) -> str:
    """The address of the Docker host in its options, as stored in `Host`; "" if it runs on this machine."""
    named = environment.options.get("host") if environment.runtime == DOCKER else None
    try:
        return str(SshAddress.parse(str(named))) if is_ssh(named) else ""
    except Invalid:
        return ""


def host_of(environment: Environment) -> Host | None:
    """The remote Docker host of an environment; None if it runs on this machine."""
    address = ssh_address(environment)
    return Host.objects.filter(address=address).first() if address else None


def environments_on(host: Host) -> list[Environment]:
    """The environments on this host, in promotion order."""
    found = Environment.objects.filter(deleted_at=None, runtime=DOCKER).order_by("position", "slug")
    return [one for one in found if ssh_address(one) == host.address]


_ON_DOCKER = Prepared(lambda _: Environment.objects.filter(deleted_at=None, runtime=DOCKER))


def hosts_in_use() -> list[Host]:
    """The hosts that environments use."""
    addresses = {address for one in _ON_DOCKER.instances() if (address := ssh_address(one))}
    return list(Host.objects.filter(address__in=addresses).order_by("pk")) if addresses else []
