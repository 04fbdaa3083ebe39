"""Stages of pipelines, and what they promoted."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0038_notifications"),
    ]

    operations = [
        migrations.CreateModel(
            name="Stage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("after_minutes", models.PositiveIntegerField()),
                ("is_paused", models.BooleanField(default=False)),
                ("saved_by_id", models.BigIntegerField(null=True)),
                ("saved_by", models.CharField(max_length=200)),
                ("saved_with_id", models.BigIntegerField(null=True)),
                ("acting_role", models.CharField(blank=True, max_length=40)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="stages", to="fairway.application"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="stages", to="fairway.environment"
                    ),
                ),
                (
                    "origin",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.environment"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StagePromotion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("outcome", models.CharField(max_length=12)),
                ("sentence", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("tried_at", models.DateTimeField()),
                (
                    "deployment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stage_promotions",
                        to="fairway.deployment",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.deployment"
                    ),
                ),
                (
                    "stage",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="promotions", to="fairway.stage"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at", None)), fields=("application", "environment"), name="one_stage_into_each"
            ),
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.CheckConstraint(
                condition=models.Q(("origin", models.F("environment")), _negated=True), name="stage_goes_elsewhere"
            ),
        ),
        migrations.AddIndex(
            model_name="stagepromotion",
            index=models.Index(fields=["stage", "-id"], name="promotion_newest"),
        ),
        migrations.AddConstraint(
            model_name="stagepromotion",
            constraint=models.UniqueConstraint(fields=("stage", "source"), name="one_promotion_of_a_version"),
        ),
        migrations.AddConstraint(
            model_name="stagepromotion",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["requested", "blocked"])), name="promotion_outcome_known"
            ),
        ),
    ]
