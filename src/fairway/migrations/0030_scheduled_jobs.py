"""Commands that run on a schedule: what, where, when, and which due time each run is of."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fairway", "0029_catalog")]

    operations = [
        migrations.CreateModel(
            name="ScheduledJob",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("command", models.JSONField()),
                ("schedule", models.CharField(max_length=200)),
                ("zone", models.CharField(max_length=64)),
                ("is_paused", models.BooleanField(default=False)),
                ("next_at", models.DateTimeField(null=True)),
                ("skipped_at", models.DateTimeField(null=True)),
                ("skipped_because", models.TextField(blank=True)),
                ("saved_by_id", models.BigIntegerField(null=True)),
                ("saved_by", models.CharField(max_length=200)),
                ("saved_with_id", models.BigIntegerField(null=True)),
                ("acting_role", models.CharField(blank=True, max_length=40)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="scheduled_jobs", to="fairway.application"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="scheduled_jobs", to="fairway.environment"
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="scheduled_job_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("application", "environment", "name"),
                        name="scheduled_job_name_once",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="jobrun",
            name="scheduled_job",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="fairway.scheduledjob"
            ),
        ),
        migrations.AddField(model_name="jobrun", name="due_at", field=models.DateTimeField(null=True)),
        migrations.AddConstraint(
            model_name="jobrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("due_at__isnull", False)),
                fields=("scheduled_job", "due_at"),
                name="one_run_of_a_due_time",
            ),
        ),
    ]
