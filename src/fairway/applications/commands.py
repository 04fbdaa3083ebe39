"""Commands on applications, configurations, uploads and artifacts. One transaction and one event each."""

from __future__ import annotations

import hashlib
import os
import secrets as random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, Blocked, Blocker, NotVisible, may_somewhere, role_blocker
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.applications.files import upload_file
from fairway.applications.models import (
    Application,
    Artifact,
    Configuration,
    Contents,
    Credential,
    Inspection,
    Upload,
)
from fairway.applications.queries import (
    get_credential,
    get_upload,
    latest_configuration,
    next_configuration_version,
    scope_of,
)
from fairway.applications.rules import EnvironmentLike, SourceKind, https_host, parse_source, parse_variables
from fairway.applications.secrets import seal
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.spec_rules import parse_changes
from fairway.drivers.runtimes.contract import ArtifactRef
from fairway.engine.commands import enqueue
from fairway.shared.hostnames import registry_in
from fairway.shared.names import Invalid, parse_slug, parse_text, registry_of, slug_from

# Rooms above register functions here that return what keeps an application from being deleted.
IN_USE: list[Callable[[Application], Iterable[Blocker]]] = []


def on_application(application: Application) -> On:
    return On("application", application.pk, application.name, application=application.slug)


@transaction.atomic
def create_application(
    *,
    actor: Actor,
    name: str,
    source_kind: str,
    source: Mapping[str, Any],
    slug: str = "",
    description: str = "",
    spec: Mapping[str, Any] | None = None,
) -> Application:
    """Create an application. Raises `Blocked` (role) or `Invalid` (a bad or taken name, source or spec)."""
    require(actor, Act.CREATE_APPLICATION)
    application = Application(
        slug=parse_slug(slug or slug_from(name)),
        name=parse_text(name, field="name", longest=80, required=True),
        description=parse_text(description, field="description", longest=2000),
        source_kind=source_kind,
        spec=parse_overrides(spec),
        created_by=actor.name,
    )
    application.source = checked_source(actor, source_kind, source, application.slug)
    if Application.objects.filter(slug=application.slug, deleted_at=None).exists():
        raise Invalid("slug", "“{slug}” exists already; choose another name.", slug=application.slug)
    application.save()
    record(who=actor.who, verb="application.created", on=on_application(application), after=_facts(application))
    return application


@transaction.atomic
def edit_application(
    *,
    actor: Actor,
    application: Application,
    name: str | None = None,
    description: str | None = None,
    source_kind: str | None = None,
    source: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
    as_of: int | None = None,
) -> Application:
    """Change the given fields; the change takes effect with the next deployment.

    Raises `Blocked`, `Invalid`, or `Changed` if any of them was changed after event `as_of`.
    """
    require(actor, Act.EDIT_APPLICATION, application=application.slug)
    row = Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    given = {"name": name, "description": description, "source_kind": source_kind, "source": source, "spec": spec}
    touched = [key for key, value in given.items() if value is not None]
    refuse_stale(as_of, "application.edited", fields=touched, subject_kind="application", subject_id=str(row.pk))
    before = _facts(row)
    if name is not None:
        row.name = parse_text(name, field="name", longest=80, required=True)
    if description is not None:
        row.description = parse_text(description, field="description", longest=2000)
    if source is not None:
        row.source_kind = source_kind or row.source_kind
        row.source = checked_source(actor, row.source_kind, source, row.slug)
    if spec is not None:
        row.spec = parse_overrides(spec)
    row.save()
    record(who=actor.who, verb="application.edited", on=on_application(row), before=before, after=_facts(row))
    return row


def parse_overrides(spec: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The keys of the spec that a person set, each checked; None if there are none. Raises `Invalid`."""
    given = {name: value for name, value in (spec or {}).items() if value is not None}
    if not given:
        return None
    return parse_changes(given)


@transaction.atomic
def request_inspection(*, actor: Actor, source_kind: str, source: Mapping[str, Any]) -> Inspection:
    """Let a worker inspect a source and detect how to run it. Raises `Blocked` or `Invalid`."""
    _require_shipping(actor)
    clean = checked_source(actor, source_kind, source, "")
    inspection = Inspection.objects.create(source_kind=source_kind, source=clean, created_by_id=actor.id)
    enqueue(kind="inspect", key=f"inspection:{inspection.pk}", payload={"inspection": inspection.pk}, priority=20)
    return inspection


@transaction.atomic
def save_configuration(
    *,
    actor: Actor,
    application: Application,
    environment: EnvironmentLike,
    variables: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
    removed_secrets: Iterable[str] = (),
    comment: str = "",
    based_on: int | None = None,
    as_of: int | None = None,
) -> Configuration:
    """Save a new version: `variables` replace all variables (None keeps them); `secrets` are added to the stored ones or
    replace them by name.

    `based_on` is the version that the person edited; a newer one raises `Invalid`, so that nobody's change is lost; one
    saved after event `as_of` raises `Changed`. If nothing changes, the latest version is returned. Raises `Blocked` or
    `Invalid`.
    """
    require(actor, Act.CONFIGURE, application=application.slug, environment=environment.slug)
    # so that two versions never get the same number
    Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    latest = latest_configuration(application, environment)
    newest = latest.version if latest else 0
    if based_on is not None and based_on != newest:
        raise Invalid("based_on", "version {newest} was saved in the meantime; review it and save again.", newest=newest)
    where = {"application": application.slug, "environment": environment.slug}
    refuse_stale(as_of, "configuration.saved", fields=["variables", "secrets"], **where)
    plain = parse_variables(variables) if variables is not None else dict(latest.variables if latest else {})
    kept = seal().open_all(latest.sealed_secrets) if latest else {}
    hidden = {name: value for name, value in kept.items() if name not in set(removed_secrets)}
    hidden |= parse_variables(secrets or {}, field="secrets")
    if hidden and not application.gets_secrets:
        raise Invalid("secrets", "cannot be given to a preview of a fork, whose code nobody here wrote.")
    if both := plain.keys() & hidden.keys():
        raise Invalid("variables", "{names} is a variable and a secret; keep one of them.", names=", ".join(sorted(both)))
    marks = {name: seal().mark(value) for name, value in hidden.items()}
    if latest and (latest.variables, latest.marks) == (plain, marks):
        return latest
    saved = Configuration.objects.create(
        application=application,
        environment_id=environment.pk,
        version=next_configuration_version(application, environment),
        variables=plain,
        sealed_secrets=seal().seal_all(hidden),
        marks=marks,
        comment=parse_text(comment, field="comment", longest=500),
        created_by=actor.name,
    )
    subject = On(
        "configuration",
        saved.pk,
        f"{application.name} · {environment.name} · {saved.version}",
        application.slug,
        environment.slug,
    )
    before = {"version": newest, "variables": latest.variables, "secrets": latest.marks} if latest else {}
    after = {"version": saved.version, "variables": plain, "secrets": marks}
    record(who=actor.who, verb="configuration.saved", on=subject, comment=saved.comment, before=before, after=after)
    return saved


@transaction.atomic
def restore_configuration(
    *, actor: Actor, application: Application, environment: EnvironmentLike, old: Configuration
) -> Configuration:
    """Save an earlier version's content as a new version; history is never rewritten. Raises `Blocked`."""
    require(actor, Act.CONFIGURE, application=application.slug, environment=environment.slug)
    latest = latest_configuration(application, environment)
    return save_configuration(
        actor=actor,
        application=application,
        environment=environment,
        variables=old.variables,
        secrets=seal().open_all(old.sealed_secrets),
        removed_secrets=[name for name in (latest.marks if latest else {}) if name not in old.marks],
        comment=f"Version {old.version} again",
    )


def _require_shipping(actor: Actor) -> None:
    """Raise `Blocked` unless the actor may deploy anything at all: uploads and inspections belong to no application yet."""
    if not may_somewhere(actor, Act.DEPLOY):
        raise Blocked([role_blocker(Act.DEPLOY)])


def store_upload(*, actor: Actor, name: str, chunks: Iterable[bytes]) -> Upload:
    """Stream an archive to the disk, name it by its SHA-256, and record it. Raises `Blocked`, or `Invalid` if it is empty
    or too large."""
    _require_shipping(actor)
    draft = upload_file(f".{random.token_hex(16)}")
    digest, size = hashlib.sha256(), 0
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > settings.MAX_UPLOAD_BYTES:
                    raise Invalid(
                        "file",
                        "is larger than {value} MB; leave out data and dependencies.",
                        value=settings.MAX_UPLOAD_BYTES // 2**20,
                    )
                digest.update(chunk)
                file.write(chunk)
        if size == 0:
            raise Invalid("file", "is empty.")
        os.replace(draft, upload_file(digest.hexdigest()))
    finally:
        draft.unlink(missing_ok=True)
    return _record_upload(actor, name, digest.hexdigest(), size)


@transaction.atomic
def _record_upload(actor: Actor, name: str, checksum: str, size: int) -> Upload:
    title = os.path.basename(name.replace("\\", "/"))[:200] or "upload"
    stored, is_new = Upload.objects.get_or_create(
        checksum=checksum,
        defaults={"name": title, "size_bytes": size, "created_by_id": actor.id, "created_by": actor.name},
    )
    if not is_new:  # sent again, so it is about to be used: keep it longer
        Upload.objects.filter(pk=stored.pk).update(created_at=timezone.now())
    else:
        record(
            who=actor.who, verb="upload.stored", on=On("upload", stored.pk, title), after={"sha256": checksum, "bytes": size}
        )
    return stored


def record_artifact(
    *,
    application: Application,
    ref: ArtifactRef,
    spec: Spec,
    version: str,
    source_kind: str,
    source: Mapping[str, Any],
    created_by: str,
    contents: Contents | None = None,
    **provenance: Any,
) -> Artifact:
    """The artifact with these bytes and this spec, created if there is none. Joins the deployment's transaction.

    `contents` is what is in it, not saved yet; None if that is not known.
    """
    with transaction.atomic():
        Application.objects.select_for_update(no_key=True).get(pk=application.pk)
        same = (
            Artifact.objects.filter(application=application, digest=ref.digest, spec=spec.to_json())
            .order_by("-number")
            .first()
        )
        if same is not None:
            _keep_contents(same, contents)
            return _found_again(same, ref, provenance)
        newest = Artifact.objects.filter(application=application).aggregate(newest=Max("number"))["newest"] or 0
        made = Artifact.objects.create(
            application=application,
            number=newest + 1,
            version=version[:120],
            kind=ref.kind,
            digest=ref.digest,
            reference=ref.reference,
            location=str(ref.location or ""),
            spec=spec.to_json(),
            source_kind=source_kind,
            source=dict(source),
            created_by=created_by,
            **provenance,
        )
        _keep_contents(made, contents)
        return made


def _keep_contents(artifact: Artifact, contents: Contents | None) -> None:
    if contents is not None and not Contents.objects.filter(artifact=artifact).exists():
        contents.artifact = artifact
        contents.save()


def _found_again(same: Artifact, ref: ArtifactRef, provenance: Mapping[str, Any]) -> Artifact:
    same.location, same.reference, same.collected_at = str(ref.location or ""), ref.reference or same.reference, None
    same.source_key = provenance.get("source_key", same.source_key)
    same.save(update_fields=["location", "reference", "collected_at", "source_key"])
    return same


@transaction.atomic
def mark_bad(*, actor: Actor, artifact: Artifact, reason: str, is_bad: bool = True) -> Artifact:
    """Mark a version as bad, so that it is refused everywhere, or remove the mark. Raises `Blocked` or `Invalid`."""
    require(actor, Act.MARK_BAD, application=artifact.application.slug)
    why = parse_text(reason, field="reason", longest=500, required=is_bad)
    artifact.bad_at = timezone.now() if is_bad else None
    artifact.bad_by, artifact.bad_reason = (actor.name, why) if is_bad else ("", "")
    artifact.save(update_fields=["bad_at", "bad_by", "bad_reason"])
    subject = On("artifact", artifact.pk, str(artifact), application=artifact.application.slug)
    record(who=actor.who, verb="artifact.marked_bad" if is_bad else "artifact.unmarked_bad", on=subject, comment=why)
    return artifact


def checked_source(actor: Actor, kind: str, source: Mapping[str, Any], application: str) -> dict[str, str]:
    clean = parse_source(kind, source)
    try:
        if "credential" in clean:
            _check_credential(kind, clean, get_credential(actor, clean["credential"]), application)
        if kind == SourceKind.ARCHIVE and "upload" in clean:
            get_upload(clean["upload"])
    except NotVisible as error:
        raise Invalid("credential" if error.kind == "credential" else "upload", str(error)) from None
    return clean


def _check_credential(kind: str, source: Mapping[str, str], chosen: Credential, application: str) -> None:
    """Raise `Invalid` for a credential of the wrong kind, for another registry (which would receive the password), or one
    that this application may not use anywhere."""
    if not scope_of(chosen).meets_application(application):
        raise Invalid(
            "credential", "“{name}” may not be used for this application; choose or store another.", name=chosen.name
        )
    https = https_host(source["url"]) if kind == SourceKind.GIT else ""
    wanted, what = Credential.DEPLOY_KEY, "a deploy key"
    if kind == SourceKind.IMAGE:
        wanted, what = Credential.REGISTRY, "a registry password"
    elif https:
        wanted, what = Credential.HTTPS, "a token for Git over HTTPS"
    if chosen.kind != wanted:
        raise Invalid("credential", "“{name}” is not {what}; choose one that is.", name=chosen.name, what=what)
    host = registry_of(source["image"]) if kind == SourceKind.IMAGE else https
    if host and registry_in(chosen.host) != host:
        raise Invalid(
            "credential",
            "“{name}” is for {host}, not for {host_2}; choose or store one for {host_2}.",
            name=chosen.name,
            host=chosen.host,
            host_2=host,
        )


def _facts(application: Application) -> dict[str, Any]:
    names = ("slug", "name", "description", "source_kind", "source", "spec")
    return {name: getattr(application, name) for name in names}


@transaction.atomic
def rotate_keys() -> int:
    """Seal every stored secret with the newest key; returns how many. For use after a key was added."""
    count = 0
    for configuration in Configuration.objects.exclude(sealed_secrets="").select_for_update(no_key=True):
        configuration.sealed_secrets = seal().reseal(configuration.sealed_secrets)
        configuration.save(update_fields=["sealed_secrets"])
        count += 1
    for credential in Credential.objects.select_for_update(no_key=True):
        credential.sealed_secret = seal().reseal(credential.sealed_secret)
        credential.save(update_fields=["sealed_secret"])
        count += 1
    return count
