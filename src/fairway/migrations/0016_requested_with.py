"""Deployments and rollouts know the API token that asked for them: revoking it ends what has not begun."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fairway", "0015_one_writer")]

    operations = [
        migrations.AddField(model_name="deployment", name="requested_with_id", field=models.BigIntegerField(null=True)),
        migrations.AddField(model_name="rollout", name="requested_with_id", field=models.BigIntegerField(null=True)),
    ]
