"""Sign-in providers, whom they know people as, and the roles that their groups give."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0030_scheduled_jobs"),
    ]

    operations = [
        migrations.CreateModel(
            name="SignInProvider",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=80)),
                ("issuer", models.CharField(max_length=300)),
                ("client_id", models.CharField(max_length=300)),
                ("sealed_secret", models.TextField(blank=True)),
                ("scopes", models.CharField(max_length=300)),
                ("domains", models.JSONField(default=list)),
                ("groups_claim", models.CharField(blank=True, max_length=200)),
                ("roles", models.JSONField(default=list)),
                ("admits", models.CharField(default="linked", max_length=10)),
                ("default_role", models.CharField(blank=True, max_length=20)),
                ("is_enabled", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("admits__in", ["linked", "anybody"])), name="provider_admits_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("default_role__in", ["", "admin", "release_manager", "deployer", "viewer"])),
                        name="provider_role_known",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="rolegrant",
            name="given_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.signinprovider"
            ),
        ),
        migrations.CreateModel(
            name="LinkedIdentity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("issuer", models.CharField(max_length=300)),
                ("subject", models.CharField(max_length=255)),
                ("email", models.CharField(blank=True, max_length=254)),
                ("linked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="identities", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("issuer", "subject"), name="identity_of_one_person")],
            },
        ),
    ]
