"""Samples of what applications use and how they answer."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0042_two_step"),
    ]

    operations = [
        migrations.CreateModel(
            name="TrafficSample",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("deployment", models.PositiveBigIntegerField(default=0)),
                ("resolution", models.PositiveSmallIntegerField()),
                ("at", models.PositiveBigIntegerField()),
                ("requests", models.PositiveIntegerField(default=0)),
                ("informational", models.PositiveIntegerField(default=0)),
                ("successes", models.PositiveIntegerField(default=0)),
                ("redirects", models.PositiveIntegerField(default=0)),
                ("client_errors", models.PositiveIntegerField(default=0)),
                ("server_errors", models.PositiveIntegerField(default=0)),
                ("bytes_sent", models.PositiveBigIntegerField(default=0)),
                ("durations", models.JSONField(default=dict)),
                (
                    "placement",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="traffic_samples",
                        to="fairway.placement",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["resolution", "at"], name="traffic_by_age")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("placement", "deployment", "resolution", "at"), name="one_traffic_sample_each"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageSample",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("service", models.CharField(max_length=40)),
                ("resolution", models.PositiveSmallIntegerField()),
                ("at", models.PositiveBigIntegerField()),
                ("seconds", models.PositiveSmallIntegerField()),
                ("instances", models.PositiveSmallIntegerField()),
                ("cpu_seconds", models.FloatField()),
                ("memory_bytes", models.PositiveBigIntegerField()),
                ("memory_peak_bytes", models.PositiveBigIntegerField()),
                ("limit_bytes", models.PositiveBigIntegerField(null=True)),
                ("restarts", models.PositiveIntegerField(default=0)),
                (
                    "placement",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="usage_samples",
                        to="fairway.placement",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["resolution", "at"], name="usage_by_age")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("placement", "service", "resolution", "at"), name="one_usage_sample_each"
                    )
                ],
            },
        ),
    ]
