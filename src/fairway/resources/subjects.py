"""How events name resources, bindings and backups."""

from __future__ import annotations

from fairway.activity.rules import On
from fairway.resources.models import Backup, Binding, Resource


def on_resource(resource: Resource) -> On:
    label = f"{resource.name} · {resource.environment.name}"
    return On("resource", resource.pk, label, environment=resource.environment.slug)


def on_binding(binding: Binding) -> On:
    where = binding.resource.environment
    label = f"{binding.resource.name} · {binding.application.name} · {where.name}"
    return On("binding", binding.pk, label, application=binding.application.slug, environment=where.slug)


def on_backup(backup: Backup) -> On:
    where = backup.resource.environment
    label = f"{backup.resource.name} · {backup.application.name} · {backup.pk}"
    return On("backup", backup.pk, label, application=backup.application.slug, environment=where.slug)
