"""CI jobs that get a short-lived token without a stored secret."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0036_limited_tokens"),
    ]

    operations = [
        migrations.CreateModel(
            name="CiTokenUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("until", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="CiTrust",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ci", models.CharField(max_length=10)),
                ("issuer", models.CharField(max_length=300)),
                ("repository_id", models.CharField(max_length=30)),
                ("owner_id", models.CharField(blank=True, max_length=30)),
                ("ref_kind", models.CharField(max_length=10)),
                ("pattern", models.CharField(max_length=200)),
                ("ci_environment", models.CharField(blank=True, max_length=200)),
                ("repository", models.CharField(blank=True, max_length=300)),
                ("saved_by_id", models.BigIntegerField(null=True)),
                ("saved_by", models.CharField(max_length=200)),
                ("saved_with_id", models.BigIntegerField(null=True)),
                ("acting_role", models.CharField(blank=True, max_length=40)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="ci_trusts", to="fairway.application"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="ci_trusts", to="fairway.environment"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["issuer", "repository_id"], name="ci_trust_by_repository")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("ci__in", ["github", "gitlab"])), name="ci_known"),
                    models.CheckConstraint(condition=models.Q(("ref_kind__in", ["branch", "tag"])), name="ci_ref_known"),
                ],
            },
        ),
    ]
