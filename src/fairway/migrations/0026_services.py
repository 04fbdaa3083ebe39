"""How many instances each service beside the main one has; until now an application had one service."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fairway", "0025_resources")]

    operations = [
        migrations.AddField("deployment", "scales", models.JSONField(default=dict)),
        migrations.AddField("placement", "scales", models.JSONField(default=dict)),
    ]
