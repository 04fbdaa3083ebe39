"""Whatever lets somebody in remembers the generation of their account; a cache that all web processes share."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.core.management import call_command
from django.db import migrations, models

GENERATION = models.PositiveIntegerField(default=0)


def _to(table: str) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=table)


def make_cache(apps: Any, schema_editor: Any) -> None:
    """Django's own table of a database cache; it is no model, and no backup holds it."""
    call_command("createcachetable", "fairway_cache", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0011_identity_and_scopes"),
    ]

    operations = [
        migrations.AddField("user", "generation", GENERATION.clone()),
        migrations.AddField("apitoken", "generation", GENERATION.clone()),
        migrations.AddField("calendarfeed", "generation", GENERATION.clone()),
        migrations.AddField("onetimelink", "generation", GENERATION.clone()),
        migrations.AddField("apitoken", "made_with", _to("fairway.apitoken")),
        migrations.AddField("onetimelink", "made_by", _to(settings.AUTH_USER_MODEL)),
        migrations.AddField("onetimelink", "made_with", _to("fairway.apitoken")),
        migrations.RunPython(make_cache, migrations.RunPython.noop),
    ]
