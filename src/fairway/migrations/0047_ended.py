"""Indexes by which the deployments of a period are found among all of the history (docs/decisions/0065-insights.md)."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fairway", "0046_statuses_back")]

    operations = [
        migrations.AddIndex(
            model_name="deployment",
            index=models.Index(fields=["-finished_at"], name="deployment_ended"),
        ),
        migrations.AddIndex(
            model_name="deployment",
            index=models.Index(fields=["application", "-finished_at"], name="deployment_ended_of"),
        ),
    ]
