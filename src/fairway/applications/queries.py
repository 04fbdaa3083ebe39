"""Reads applications, artifacts, configurations and credentials, always limited to what the actor may see."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Max, Q, QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Act, Actor, NotVisible, Reach, reach_of
from fairway.applications.models import Application, Artifact, Configuration, Credential, CredentialScope, Inspection, Upload
from fairway.applications.rules import Change, EnvironmentLike, SourceKind, configuration_diff, https_host, ssh_host
from fairway.shared.hostnames import registry_in
from fairway.shared.names import application_of, registry_of


def visible_to(actor: Actor) -> QuerySet[Application]:
    """The applications that this actor may see, without deleted ones and without previews, which lists would be full of."""
    return _all_visible_to(actor).filter(preview_of=None)


def _all_visible_to(actor: Actor) -> QuerySet[Application]:
    chosen = Application.objects.filter(deleted_at=None).order_by("name")
    return chosen.filter(reached(reach_of(actor), application="slug"))


def get_application(actor: Actor, slug: str) -> Application:
    """The application with this slug, a preview also, if the actor may see it. Raises `NotVisible`."""
    found = _all_visible_to(actor).filter(slug=slug).first()
    if found is None:
        raise NotVisible("application", slug)
    return found


def artifacts_of(application: Application) -> QuerySet[Artifact]:
    """The application's artifacts, newest first."""
    return Artifact.objects.filter(application=application).order_by("-number")


def get_artifact(application: Application, number: int) -> Artifact:
    """The application's artifact of this number. Raises `NotVisible`."""
    found = artifacts_of(application).filter(number=number).first()
    if found is None:
        raise NotVisible("artifact", number)
    return found


def configurations_of(application: Application, environment: EnvironmentLike) -> QuerySet[Configuration]:
    """The application's configurations in an environment, newest first."""
    return Configuration.objects.filter(application=application, environment_id=environment.pk).order_by("-version")


def latest_configuration(application: Application, environment: EnvironmentLike) -> Configuration | None:
    return configurations_of(application, environment).first()


def get_configuration(application: Application, environment: EnvironmentLike, version: int) -> Configuration:
    """The configuration of this version. Raises `NotVisible`."""
    found = configurations_of(application, environment).filter(version=version).first()
    if found is None:
        raise NotVisible("configuration", version)
    return found


def changes_between(before: Configuration | None, after: Configuration | None) -> list[Change]:
    """The differences between two versions (None: nothing was set)."""
    return configuration_diff(
        before.variables if before else {},
        before.marks if before else {},
        after.variables if after else {},
        after.marks if after else {},
    )


def next_configuration_version(application: Application, environment: EnvironmentLike) -> int:
    newest = configurations_of(application, environment).aggregate(newest=Max("version"))["newest"]
    return (newest or 0) + 1


def credentials(actor: Actor) -> list[Credential]:
    """The credentials that may be used somewhere where this actor manages credentials."""
    reach = reach_of(actor, Act.MANAGE_CREDENTIALS)
    every = Credential.objects.prefetch_related("scopes__application", "scopes__environment").order_by("kind", "name")
    return [one for one in every if scope_of(one).meets(reach)]


def get_credential(actor: Actor, name: str) -> Credential:
    """The credential of this name. Raises `NotVisible`."""
    found = next((credential for credential in credentials(actor) if credential.name == name), None)
    if found is None:
        raise NotVisible("credential", name)
    return found


def scope_of(credential: Credential) -> Reach:
    """Where a credential may be used, as pairs; empty once everything it was for is deleted."""
    living = (
        each
        for each in credential.scopes.all()
        if not (each.application and each.application.deleted_at) and not (each.environment and each.environment.deleted_at)
    )
    return Reach(
        frozenset(
            (each.application.slug if each.application else "", each.environment.slug if each.environment else "")
            for each in living
        )
    )


def usable_in(application: str, environment: str) -> QuerySet[Credential]:
    """The credentials that may be used for this application in this environment (slugs), oldest first; "" means none yet."""
    chosen = CredentialScope.objects.filter(
        Q(application=None) | Q(application__slug=application_of(application), application__deleted_at=None),
        Q(environment=None) | Q(environment__slug=environment, environment__deleted_at=None),
    )
    return Credential.objects.filter(pk__in=chosen.values("credential")).order_by("pk")


def credential_for(application: Application, environment: EnvironmentLike) -> Credential | None:
    """The credential that the application's source uses in this environment."""
    return credential_for_source(application.source_kind, application.source, application.slug, environment.slug)


def credential_for_source(
    kind: str, source: Mapping[str, str], application: str = "", environment: str = ""
) -> Credential | None:
    """Among the credentials that may be used there: the one that the source names, else the first one for the host of its
    registry or repository."""
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


def registry_credential_for(application: Application, reference: str, environment: EnvironmentLike) -> Credential | None:
    """The credential for the registry of an image: the one that the source names, else the first one for its host.

    It is always one that was stored for this host, because a password must not be sent to a host that a reference names.
    What must not get secrets gets none: its own Dockerfile names the image, and could copy everything out of it.
    """
    if not application.gets_secrets:
        return None
    fitting = _stored_for(usable_in(application.slug, environment.slug), Credential.REGISTRY, registry_of(reference))
    named = (credential for credential in fitting if credential.name == application.source.get("credential"))
    return next(named, None) or next(iter(fitting), None)


def _stored_for(usable: QuerySet[Credential], kind: str, host: str) -> list[Credential]:
    """The credentials of this kind for this host, however it is spelled; in their order."""
    return [one for one in usable.filter(kind=kind) if registry_in(one.host) == host]


def is_out_of_scope(application: Application, source: Mapping[str, str], environment: EnvironmentLike) -> bool:
    """Whether the credential that a source names exists, but may not be used in this environment."""
    name = source.get("credential", "")
    exists = Credential.objects.filter(name=name).exists() if name else False
    return exists and not usable_in(application.slug, environment.slug).filter(name=name).exists()


def get_upload(checksum: str) -> Upload:
    """The upload with this checksum. Raises `NotVisible`."""
    found = Upload.objects.filter(checksum=checksum).first()
    if found is None:
        raise NotVisible("upload", checksum[:12])
    return found


def get_inspection(actor: Actor, number: int) -> Inspection:
    """One of the actor's own inspections. Raises `NotVisible`."""
    chosen = Inspection.objects.all() if actor.is_system else Inspection.objects.filter(created_by_id=actor.id)
    found = chosen.filter(pk=number).first()
    if found is None:
        raise NotVisible("inspection", number)
    return found
