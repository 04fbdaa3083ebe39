"""A release is sealed, an environment is frozen; a seal keeps the settings that belong to it.

What a person enters as a package's source is its source input.
"""

from typing import Any

from django.db import migrations, models


def keep_settings(apps: Any, schema_editor: Any) -> None:
    """Until now a seal was of whatever was newest when it was made: those are its settings."""
    model, packages = apps.get_model("fairway", "Configuration"), apps.get_model("fairway", "Package")
    for release in apps.get_model("fairway", "Release").objects.exclude(sealed_at=None):
        inside = packages.objects.filter(release=release, deleted_at=None).values("application")
        known = model.objects.filter(
            application__in=inside, environment__in=release.targets.all(), created_at__lte=release.sealed_at
        )
        newest = {(one.application_id, one.environment_id): one for one in known.order_by("version")}
        release.sealed_configurations.set(newest.values())


def claim(apps: Any, schema_editor: Any) -> None:
    """What is under way claims its applications; where two already change one in turns, the first does."""
    claims, packages = apps.get_model("fairway", "RolloutClaim"), apps.get_model("fairway", "Package")
    under_way = apps.get_model("fairway", "Rollout").objects.filter(status__in=["running", "needs_decision", "falling_back"])
    for rollout in under_way.order_by("pk"):
        for package in packages.objects.filter(release=rollout.release_id, deleted_at=None):
            key = {"environment_id": rollout.environment_id, "application_id": package.application_id}
            claims.objects.get_or_create(**key, defaults={"rollout": rollout})


class Migration(migrations.Migration):
    dependencies = [("fairway", "0021_protection")]

    operations = [
        migrations.RenameField(model_name="release", old_name="frozen_at", new_name="sealed_at"),
        migrations.RenameField(model_name="release", old_name="frozen_by_id", new_name="sealed_by_id"),
        migrations.RenameField(model_name="release", old_name="frozen_by", new_name="sealed_by"),
        migrations.RenameField(model_name="package", old_name="entered", new_name="source_input"),
        migrations.AlterField(
            model_name="rolloutpackage",
            name="rollout",
            field=models.ForeignKey(on_delete=models.CASCADE, related_name="steps", to="fairway.rollout"),
        ),
        migrations.AddField(
            model_name="release",
            name="sealed_configurations",
            field=models.ManyToManyField(related_name="+", to="fairway.configuration"),
        ),
        migrations.AddField(model_name="package", name="made_application", field=models.BooleanField(default=False)),
        migrations.AddField(model_name="rollout", name="redeploys", field=models.BooleanField(default=False)),
        migrations.CreateModel(
            name="RolloutClaim",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "application",
                    models.ForeignKey(on_delete=models.CASCADE, related_name="+", to="fairway.application"),
                ),
                (
                    "environment",
                    models.ForeignKey(on_delete=models.CASCADE, related_name="+", to="fairway.environment"),
                ),
                ("rollout", models.ForeignKey(on_delete=models.CASCADE, related_name="claims", to="fairway.rollout")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("environment", "application"), name="one_rollout_per_application_and_target"
                    )
                ]
            },
        ),
        migrations.RunPython(keep_settings, migrations.RunPython.noop),
        migrations.RunPython(claim, migrations.RunPython.noop),
    ]
