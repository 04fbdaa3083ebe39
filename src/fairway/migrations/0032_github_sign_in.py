"""Sign-in with GitHub, and only for members of some groups."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0031_sign_in_providers"),
    ]

    operations = [
        migrations.AddField(
            model_name="signinprovider",
            name="kind",
            field=models.CharField(default="openid", max_length=10),
        ),
        migrations.AddField(
            model_name="signinprovider",
            name="required_groups",
            field=models.JSONField(default=list),
        ),
        migrations.AddConstraint(
            model_name="signinprovider",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["openid", "github"])), name="provider_kind_known"
            ),
        ),
    ]
