"""Reading applications, artifacts, configurations and credentials; always through what the actor may see."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Max, QuerySet

from fairway.accounts.rules import Actor, NotVisible
from fairway.applications.models import Application, Artifact, Configuration, Credential, Inspection, Upload
from fairway.applications.places import EnvironmentLike
from fairway.applications.rules import Change, SourceKind, configuration_diff, ssh_host
from fairway.shared.hosts import registry_in
from fairway.shared.names import registry_of


def visible_to(actor: Actor) -> QuerySet[Application]:
    """The living applications this actor may see."""
    chosen = Application.objects.filter(deleted_at=None).order_by("name")
    grants = actor.active_grants
    if actor.is_system or any(not grant.application for grant in grants):
        return chosen
    return chosen.filter(slug__in=[grant.application for grant in grants])


def application(actor: Actor, slug: str) -> Application:
    """Raises `NotVisible`."""
    found = visible_to(actor).filter(slug=slug).first()
    if found is None:
        raise NotVisible("application", slug)
    return found


def artifacts_of(one: Application) -> QuerySet[Artifact]:
    """Newest first."""
    return Artifact.objects.filter(application=one).order_by("-number")


def artifact(one: Application, number: int) -> Artifact:
    """Raises `NotVisible`."""
    found = artifacts_of(one).filter(number=number).first()
    if found is None:
        raise NotVisible("artifact", number)
    return found


def configurations_of(one: Application, environment: EnvironmentLike) -> QuerySet[Configuration]:
    """Newest first."""
    return Configuration.objects.filter(application=one, environment_id=environment.pk).order_by("-version")


def latest_configuration(one: Application, environment: EnvironmentLike) -> Configuration | None:
    return configurations_of(one, environment).first()


def configuration(one: Application, environment: EnvironmentLike, version: int) -> Configuration:
    """Raises `NotVisible`."""
    found = configurations_of(one, environment).filter(version=version).first()
    if found is None:
        raise NotVisible("configuration", version)
    return found


def changes_between(before: Configuration | None, after: Configuration | None) -> list[Change]:
    """The diff of two versions (None: nothing set)."""
    return configuration_diff(
        before.variables if before else {},
        before.marks if before else {},
        after.variables if after else {},
        after.marks if after else {},
    )


def next_configuration_version(one: Application, environment: EnvironmentLike) -> int:
    newest = configurations_of(one, environment).aggregate(newest=Max("version"))["newest"]
    return (newest or 0) + 1


def credentials() -> QuerySet[Credential]:
    return Credential.objects.order_by("kind", "name")


def credential_named(name: str) -> Credential:
    """Raises `NotVisible`."""
    found = Credential.objects.filter(name=name).first()
    if found is None:
        raise NotVisible("credential", name)
    return found


def credential_for(one: Application) -> Credential | None:
    """The credential an application's source uses."""
    return credential_for_source(one.source_kind, one.source)


def credential_for_source(kind: str, source: Mapping[str, str]) -> Credential | None:
    """The one the source names, else the first stored for its registry's or (ssh) repository's host."""
    if name := source.get("credential"):
        return Credential.objects.filter(name=name).first()
    if kind == SourceKind.IMAGE:
        return next(iter(_stored_for(Credential.REGISTRY, registry_of(source["image"]))), None)
    if kind == SourceKind.GIT and (host := ssh_host(source["url"])):
        return next(iter(_stored_for(Credential.DEPLOY_KEY, host)), None)
    return None


def registry_credential_for(one: Application, reference: str) -> Credential | None:
    """The stored sign-in for the registry of an image: the one the source names, else the first for that host.

    Only ever one that was stored for this very host: a password must not be sent to whoever is named in a reference.
    """
    fitting = _stored_for(Credential.REGISTRY, registry_of(reference))
    named = (credential for credential in fitting if credential.name == one.source.get("credential"))
    return next(named, None) or next(iter(fitting), None)


def _stored_for(kind: str, host: str) -> list[Credential]:
    """Those whose host means this one, however it was typed; the oldest first."""
    stored = Credential.objects.filter(kind=kind).order_by("pk")
    return [one for one in stored if registry_in(one.host) == host]


def upload(checksum: str) -> Upload:
    """Raises `NotVisible`."""
    found = Upload.objects.filter(checksum=checksum).first()
    if found is None:
        raise NotVisible("upload", checksum[:12])
    return found


def inspection(actor: Actor, number: int) -> Inspection:
    """One of the actor's own. Raises `NotVisible`."""
    chosen = Inspection.objects.all() if actor.is_system else Inspection.objects.filter(created_by_id=actor.id)
    found = chosen.filter(pk=number).first()
    if found is None:
        raise NotVisible("inspection", number)
    return found
