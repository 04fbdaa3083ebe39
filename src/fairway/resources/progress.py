"""What runs record about resources, bindings and backups. Workflows call it under the engine's fence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.applications.commands import save_configuration
from fairway.applications.models import Application
from fairway.applications.queries import latest_configuration
from fairway.applications.secrets import seal
from fairway.drivers.resources.contract import Address, Content, Facts
from fairway.resources.models import Backup, Binding, Resource
from fairway.resources.rules import BackupState, BindingState, State, given_by, variable_names
from fairway.resources.subjects import on_backup, on_binding, on_resource

SENTENCE = 2000  # characters of a sentence that are stored


@transaction.atomic
def data_made(*, resource: Resource) -> None:
    """Record that the server has a data folder. From now on an empty folder means that data was lost."""
    Resource.objects.filter(pk=resource.pk, made_at=None).update(made_at=timezone.now())


@transaction.atomic
def observed(*, resource: Resource, state: State, sentence: str = "", facts: Facts | None = None) -> None:
    """Record how the server was seen. There is an event only if its state changed."""
    row = _locked_resource(resource)
    if row.deleted_at is not None:
        return
    before = row.state
    row.state, row.sentence, row.observed_at = state, sentence[:SENTENCE], timezone.now()
    if facts is not None:
        row.observed = {
            "version": facts.version,
            "size_bytes": facts.size_bytes,
            "connections": facts.connections,
            "most_connections": facts.most_connections,
        }
    row.save(update_fields=["state", "sentence", "observed_at", "observed"])
    if before != state:
        verb = {State.FAILED: "resource.failed", State.DOWN: "resource.went_down"}.get(state, "resource.observed")
        record(
            who=SYSTEM.who,
            verb=verb,
            on=on_resource(row),
            comment=row.sentence,
            before={"state": before},
            after={"state": state},
        )


@transaction.atomic
def removed(*, resource: Resource, place: str) -> None:
    """Record that the server was removed, and the folder where its data was put; "" if there was none."""
    row = _locked_resource(resource)
    if row.deleted_at is None:
        row.deleted_at = timezone.now()
        row.save(update_fields=["deleted_at"])
        record(who=SYSTEM.who, verb="resource.deleted", on=on_resource(row), after={"data": place})


@transaction.atomic
def bound(*, binding: Binding, address: Address) -> None:
    """Record that the login works, and save its variables in the application's configuration."""
    row = _locked(binding)
    given = given_by(
        row.alias,
        row.resource.engine,
        host=address.host,
        port=address.port,
        database=address.database,
        user=address.login.user,
        password=address.login.password,
    )
    latest = latest_configuration(row.application, row.resource.environment)
    saved = save_configuration(
        actor=SYSTEM,
        application=row.application,
        environment=row.resource.environment,
        variables={**(latest.variables if latest else {}), **given.variables},
        secrets=given.secrets,
        comment=f"Bound to {row.resource.name} as {row.alias}",
    )
    row.state, row.sentence, row.configuration_version = BindingState.BOUND, "", saved.version
    row.save(update_fields=["state", "sentence", "configuration_version"])
    after = {"login": row.login, "configuration": saved.version}
    record(who=SYSTEM.who, verb="binding.bound", on=on_binding(row), after=after)


@transaction.atomic
def previous_ended(*, binding: Binding) -> None:
    row = _locked(binding)
    if row.previous_login:
        before, row.previous_login = {"login": row.previous_login}, ""
        row.save(update_fields=["previous_login"])
        record(who=SYSTEM.who, verb="binding.previous_ended", on=on_binding(row), before=before)


@transaction.atomic
def unbound(*, binding: Binding) -> None:
    """Record that the application cannot sign in any more, and remove the variables from its configuration. The database is
    kept."""
    row = _locked(binding)
    if row.ended_at is not None:
        return
    latest = latest_configuration(row.application, row.resource.environment)
    names = set(variable_names(row.alias, row.resource.engine))
    if latest is not None:
        save_configuration(
            actor=SYSTEM,
            application=row.application,
            environment=row.resource.environment,
            variables={name: value for name, value in latest.variables.items() if name not in names},
            removed_secrets=names,
            comment=f"No longer bound to {row.resource.name}",
        )
    row.state, row.ended_at, row.previous_login = BindingState.ENDED, timezone.now(), ""
    row.save(update_fields=["state", "ended_at", "previous_login"])
    record(who=SYSTEM.who, verb="binding.ended", on=on_binding(row), before={"database": row.database})


@transaction.atomic
def binding_failed(*, binding: Binding, sentence: str) -> None:
    row = _locked(binding)
    if row.ended_at is None:
        row.state, row.sentence = BindingState.FAILED, sentence[:SENTENCE]
        row.save(update_fields=["state", "sentence"])
        record(who=SYSTEM.who, verb="binding.failed", on=on_binding(row), comment=row.sentence)


@transaction.atomic
def backup_taken(*, backup: Backup, content: Content, file: str, size_bytes: int, sha256: str) -> None:
    """Record the file of a backup. The backup does not count before `backup_verified`."""
    changes: Mapping[str, Any] = {"content": dict(content.rows), "file": file, "size_bytes": size_bytes, "sha256": sha256}
    Backup.objects.filter(pk=backup.pk).update(**changes, taken_at=timezone.now())


@transaction.atomic
def backup_verified(*, backup: Backup, content: Content) -> None:
    row = _locked_backup(backup)
    row.state, row.verified_at = BackupState.VERIFIED, timezone.now()
    row.save(update_fields=["state", "verified_at"])
    after = {"tables": content.tables, "rows": content.total, "bytes": row.size_bytes, "sha256": row.sha256}
    record(who=SYSTEM.who, verb="backup.verified", on=on_backup(row), after=after)


@transaction.atomic
def backup_failed(*, backup: Backup, sentence: str) -> None:
    row = _locked_backup(backup)
    row.state, row.sentence, row.verified_at = BackupState.FAILED, sentence[:SENTENCE], None
    row.save(update_fields=["state", "sentence", "verified_at"])
    record(who=SYSTEM.who, verb="backup.failed", on=on_backup(row), comment=row.sentence)


@transaction.atomic
def restored(*, backup: Backup, into: Resource, content: Content) -> None:
    after = {"into": into.name, "tables": content.tables, "rows": content.total}
    record(who=SYSTEM.who, verb="backup.restored", on=on_backup(backup), after=after)


@transaction.atomic
def restore_failed(*, backup: Backup, into: Resource, sentence: str) -> None:
    record(
        who=SYSTEM.who,
        verb="backup.restore_failed",
        on=on_backup(backup),
        comment=sentence[:SENTENCE],
        after={"into": into.name},
    )


def _locked(binding: Binding) -> Binding:
    """The binding, locked after its application, in the same order as when a configuration is saved."""
    Application.objects.select_for_update(no_key=True).get(pk=binding.application_id)
    chosen = Binding.objects.select_for_update(no_key=True, of=("self",))
    return chosen.select_related("resource__environment", "application").get(pk=binding.pk)


def _locked_resource(resource: Resource) -> Resource:
    chosen = Resource.objects.select_for_update(no_key=True, of=("self",))
    return chosen.select_related("environment").get(pk=resource.pk)


def _locked_backup(backup: Backup) -> Backup:
    chosen = Backup.objects.select_for_update(no_key=True, of=("self",))
    return chosen.select_related("resource__environment", "application").get(pk=backup.pk)


@transaction.atomic
def reseal() -> int:
    """Seal the passwords of resources and bindings with the newest key; returns how many there are."""
    count = 0
    for model in (Resource, Binding):
        for row in model.objects.select_for_update(no_key=True):
            row.sealed_password = seal().reseal(row.sealed_password)
            row.save(update_fields=["sealed_password"])
            count += 1
    return count
