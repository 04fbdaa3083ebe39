"""Reading applications, artifacts, configurations and credentials; always through what the actor may see."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Max, Q, QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Act, Actor, NotVisible, Reach, reach_of
from fairway.applications.models import Application, Artifact, Configuration, Credential, CredentialScope, Inspection, Upload
from fairway.applications.places import EnvironmentLike
from fairway.applications.rules import Change, SourceKind, configuration_diff, https_host, ssh_host
from fairway.shared.hosts import registry_in
from fairway.shared.names import registry_of


def visible_to(actor: Actor) -> QuerySet[Application]:
    """The living applications this actor may see."""
    chosen = Application.objects.filter(deleted_at=None).order_by("name")
    return chosen.filter(reached(reach_of(actor), application="slug"))


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


def credentials(actor: Actor) -> list[Credential]:
    """Those that may be used anywhere this actor manages credentials."""
    reach = reach_of(actor, Act.MANAGE_CREDENTIALS)
    every = Credential.objects.prefetch_related("scopes__application", "scopes__environment").order_by("kind", "name")
    return [one for one in every if scope_of(one).meets(reach)]


def credential_named(actor: Actor, name: str) -> Credential:
    """Raises `NotVisible`."""
    found = next((one for one in credentials(actor) if one.name == name), None)
    if found is None:
        raise NotVisible("credential", name)
    return found


def scope_of(one: Credential) -> Reach:
    """Where it may be used, as pairs; nowhere once all it was for is deleted."""
    living = (
        each
        for each in one.scopes.all()
        if not (each.application and each.application.deleted_at) and not (each.environment and each.environment.deleted_at)
    )
    return Reach(
        frozenset(
            (each.application.slug if each.application else "", each.environment.slug if each.environment else "")
            for each in living
        )
    )


def usable_in(application: str, environment: str) -> QuerySet[Credential]:
    """The credentials that may be used for this application in this environment, oldest first; "" stands for none yet."""
    chosen = CredentialScope.objects.filter(
        Q(application=None) | Q(application__slug=application, application__deleted_at=None),
        Q(environment=None) | Q(environment__slug=environment, environment__deleted_at=None),
    )
    return Credential.objects.filter(pk__in=chosen.values("credential")).order_by("pk")


def credential_for(one: Application, environment: EnvironmentLike) -> Credential | None:
    """The credential an application's source uses for that environment."""
    return credential_for_source(one.source_kind, one.source, one.slug, environment.slug)


def credential_for_source(
    kind: str, source: Mapping[str, str], application: str = "", environment: str = ""
) -> Credential | None:
    """The one the source names, else the first stored for its registry's or repository's host; of those that may be used
    there."""
    usable = usable_in(application, environment)
    if name := source.get("credential"):
        return usable.filter(name=name).first()
    if kind == SourceKind.IMAGE:
        return next(iter(_stored_for(usable, Credential.REGISTRY, registry_of(source["image"]))), None)
    if kind == SourceKind.GIT and (host := ssh_host(source["url"])):
        return next(iter(_stored_for(usable, Credential.DEPLOY_KEY, host)), None)
    if kind == SourceKind.GIT and (host := https_host(source["url"])):
        return next(iter(_stored_for(usable, Credential.HTTPS, host)), None)
    return None


def registry_credential_for(one: Application, reference: str, environment: EnvironmentLike) -> Credential | None:
    """The stored sign-in for the registry of an image: the one the source names, else the first for that host.

    Only ever one that was stored for this very host: a password must not be sent to whoever is named in a reference.
    """
    fitting = _stored_for(usable_in(one.slug, environment.slug), Credential.REGISTRY, registry_of(reference))
    named = (credential for credential in fitting if credential.name == one.source.get("credential"))
    return next(named, None) or next(iter(fitting), None)


def _stored_for(usable: QuerySet[Credential], kind: str, host: str) -> list[Credential]:
    """Those whose host means this one, however it was typed; in their order."""
    return [one for one in usable.filter(kind=kind) if registry_in(one.host) == host]


def is_out_of_scope(one: Application, source: Mapping[str, str], environment: EnvironmentLike) -> bool:
    """Whether the credential that a source names exists, but may not be used there."""
    name = source.get("credential", "")
    exists = Credential.objects.filter(name=name).exists() if name else False
    return exists and not usable_in(one.slug, environment.slug).filter(name=name).exists()


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
