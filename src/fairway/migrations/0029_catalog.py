"""What was installed from the catalogue."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fairway", "0027_jobs")]

    operations = [
        migrations.CreateModel(
            name="Installed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entry", models.CharField(max_length=40)),
                ("version", models.CharField(max_length=40)),
                ("answers", models.JSONField(default=dict)),
                ("installed_by", models.CharField(max_length=200)),
                ("installed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "application",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="installed", to="fairway.application"
                    ),
                ),
            ],
        ),
    ]
