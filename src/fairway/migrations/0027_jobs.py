"""Programs that people run once with the version that is live: who asked for what, how it ended, and what it printed."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fairway", "0026_services")]

    operations = [
        migrations.CreateModel(
            name="JobRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("command", models.JSONField()),
                ("status", models.CharField(default="queued", max_length=12)),
                ("exit_code", models.IntegerField(null=True)),
                ("requested_by_id", models.BigIntegerField(null=True)),
                ("requested_by", models.CharField(max_length=200)),
                ("acting_role", models.CharField(blank=True, max_length=40)),
                ("door", models.CharField(max_length=20)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("sentence", models.TextField(blank=True)),
                ("log_lines", models.PositiveIntegerField(default=0)),
                ("log_bytes", models.PositiveBigIntegerField(default=0)),
                ("log_collected_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="job_runs", to="fairway.application"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="job_runs", to="fairway.environment"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="job_runs", to="fairway.deployment"
                    ),
                ),
                (
                    "run",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="job_run", to="fairway.run"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["application", "environment", "-id"], name="job_run_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "queued",
                                    "running",
                                    "waiting",
                                    "cancelling",
                                    "succeeded",
                                    "failed",
                                    "errored",
                                    "cancelled",
                                ],
                            )
                        ),
                        name="job_run_status_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="JobLogChunk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first", models.PositiveIntegerField()),
                ("last", models.PositiveIntegerField()),
                ("lines", models.JSONField()),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="log_chunks", to="fairway.jobrun"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("job", "first"), name="job_log_line_once")],
            },
        ),
    ]
