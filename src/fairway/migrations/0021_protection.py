"""Environments are protected by rules of their own, deployments wait for approvals, and it is known how long what was healthy.

What is healthy when this runs has been so since it was switched to, as far as is known: nobody wrote down more.
"""

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def begin_stretches(apps: Any, schema_editor: Any) -> None:
    placement = apps.get_model("fairway", "Placement")
    stretch = apps.get_model("fairway", "HealthyStretch")
    event = apps.get_model("fairway", "Event")
    healthy = placement.objects.filter(wanted="running", health="healthy", current__artifact__isnull=False)
    for one in healthy.select_related("current__artifact"):
        since, is_broken = one.current.switched_at, False
        if since is None:
            continue
        seen = event.objects.filter(
            verb="placement.observed", subject_kind="placement", subject_id=str(one.pk), at__gt=since
        )
        for at, after in seen.order_by("pk").values_list("at", "after"):
            since = at if is_broken else since
            is_broken = after.get("health") != "healthy"
        stretch.objects.create(
            application_id=one.application_id,
            environment_id=one.environment_id,
            digest=one.current.artifact.digest,
            since=since,
        )


class Migration(migrations.Migration):
    dependencies = [("fairway", "0020_installation")]

    operations = [
        migrations.AddField("environment", "approval_roles", models.JSONField(blank=True, default=list)),
        migrations.AddField("environment", "approval_people", models.JSONField(blank=True, default=list)),
        migrations.AddField("environment", "approval_days", models.PositiveSmallIntegerField(default=7)),
        migrations.AddField("environment", "deploy_roles", models.JSONField(blank=True, default=list)),
        migrations.AddField("environment", "deploy_people", models.JSONField(blank=True, default=list)),
        migrations.AddField("environment", "only_releases", models.BooleanField(default=False)),
        migrations.AddField("environment", "proven_in", models.CharField(blank=True, max_length=40)),
        migrations.AddField("environment", "proven_hours", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("deployment", "approve_by", models.DateTimeField(null=True)),
        migrations.AddField("deployment", "approved_at", models.DateTimeField(null=True)),
        migrations.CreateModel(
            name="DeploymentApproval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(max_length=64)),
                ("person_id", models.BigIntegerField()),
                ("person", models.CharField(max_length=200)),
                ("is_approved", models.BooleanField()),
                ("comment", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="answers", to="fairway.deployment"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("deployment", "person_id", "fingerprint"), name="one_deployment_answer_each"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HealthyStretch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=80)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.application"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.environment"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["application", "environment", "digest"], name="stretch_of_digest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until", None)),
                        fields=("application", "environment"),
                        name="one_open_stretch_each",
                    )
                ],
            },
        ),
        migrations.RunPython(begin_stretches, migrations.RunPython.noop, elidable=True),
    ]
