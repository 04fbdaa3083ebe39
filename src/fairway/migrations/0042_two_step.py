"""Whether everybody must use two-step sign-in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0041_personal_notices"),
    ]

    operations = [
        migrations.AddField(
            model_name="signinpolicy",
            name="two_step_required",
            field=models.BooleanField(default=False),
        ),
    ]
