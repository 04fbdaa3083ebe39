"""Rows are signed with user names, addresses can be confirmed, and credentials say where they may be used."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

from fairway.accounts.naming import name_accounts


def open_credentials(apps: Any, schema_editor: Any) -> None:
    """What was stored before could be used everywhere, and goes on so until somebody narrows it."""
    scope = apps.get_model("fairway", "CredentialScope")
    for credential in apps.get_model("fairway", "Credential").objects.all():
        scope.objects.create(credential=credential)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("fairway", "0009_chaincheck"),
    ]

    operations = [
        migrations.CreateModel(
            name="CredentialScope",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "application",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.application"
                    ),
                ),
                (
                    "credential",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="scopes", to="fairway.credential"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.environment"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="credentialscope",
            constraint=models.UniqueConstraint(
                fields=("credential", "application", "environment"), name="credential_scope_once", nulls_distinct=False
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="email_confirmed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("username"), name="username_once_in_any_case"
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("email"),
                condition=models.Q(("email_confirmed_at__isnull", False)),
                name="confirmed_email_of_one_person",
            ),
        ),
        migrations.RunPython(open_credentials, migrations.RunPython.noop),
        migrations.RunPython(name_accounts, migrations.RunPython.noop),
    ]
