"""The packages that were found in an artifact when it was built, for its software bill of materials."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0043_samples"),
    ]

    operations = [
        migrations.CreateModel(
            name="Contents",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("components", models.JSONField(default=list)),
                ("seen_in", models.CharField(max_length=10)),
                ("fairway", models.CharField(max_length=40)),
                (
                    "artifact",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="contents", to="fairway.artifact"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("seen_in__in", ["bundle", "source"])), name="contents_seen_in_known"
                    )
                ],
            },
        ),
    ]
