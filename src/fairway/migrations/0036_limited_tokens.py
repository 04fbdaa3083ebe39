"""API tokens that are limited to an application or an environment."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0035_password_policy"),
    ]

    operations = [
        migrations.AddField(
            model_name="apitoken",
            name="application",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.application"
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="environment",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.environment"
            ),
        ),
    ]
