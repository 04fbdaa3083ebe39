"""Deploy on push: triggers with their webhooks, and what came to them."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0033_backup_schedules"),
    ]

    operations = [
        migrations.CreateModel(
            name="Trigger",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ref_kind", models.CharField(max_length=10)),
                ("pattern", models.CharField(max_length=200)),
                ("paths", models.JSONField(default=list)),
                ("is_paused", models.BooleanField(default=False)),
                ("public_id", models.CharField(max_length=40, unique=True)),
                ("sealed_secret", models.TextField()),
                ("secret_made_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("saved_by_id", models.BigIntegerField(null=True)),
                ("saved_by", models.CharField(max_length=200)),
                ("saved_with_id", models.BigIntegerField(null=True)),
                ("acting_role", models.CharField(blank=True, max_length=40)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="triggers", to="fairway.application"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="triggers", to="fairway.environment"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("times", models.PositiveIntegerField(default=1)),
                ("forge", models.CharField(max_length=10)),
                ("event", models.CharField(blank=True, max_length=60)),
                ("delivery", models.CharField(blank=True, max_length=200)),
                ("body_digest", models.CharField(blank=True, max_length=64)),
                ("address", models.CharField(blank=True, max_length=60)),
                ("ref_kind", models.CharField(blank=True, max_length=10)),
                ("ref", models.CharField(blank=True, max_length=250)),
                ("commit", models.CharField(blank=True, max_length=64)),
                ("pusher", models.CharField(blank=True, max_length=100)),
                ("message", models.TextField(blank=True)),
                ("outcome", models.CharField(max_length=12)),
                ("code", models.CharField(blank=True, max_length=40)),
                ("sentence", models.TextField(blank=True)),
                (
                    "deployment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pushes",
                        to="fairway.deployment",
                    ),
                ),
                (
                    "trigger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="fairway.trigger"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="trigger",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at", None)), fields=("application", "environment"), name="one_trigger_each"
            ),
        ),
        migrations.AddConstraint(
            model_name="trigger",
            constraint=models.CheckConstraint(
                condition=models.Q(("ref_kind__in", ["branch", "tag"])), name="trigger_ref_known"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["trigger", "-id"], name="push_newest"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["trigger", "delivery"], name="push_by_delivery"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(condition=models.Q(("outcome", "accepted")), fields=["trigger"], name="push_waiting"),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("outcome__in", ["accepted", "requested", "superseded", "blocked", "ignored", "refused"])
                ),
                name="push_outcome_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    models.Q(("outcome", "refused"), _negated=True), models.Q(("body_digest", ""), _negated=True)
                ),
                fields=("trigger", "body_digest"),
                name="one_push_of_a_body",
            ),
        ),
    ]
