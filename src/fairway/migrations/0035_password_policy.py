"""Who may sign in with a password, and sign-in providers that are set where Fairway is started."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0034_push_triggers"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="is_emergency",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="signinprovider",
            name="is_from_environment",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="SignInPolicy",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("passwords", models.CharField(default="everybody", max_length=10)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("passwords__in", ["everybody", "emergency"])), name="passwords_of_whom_known"
                    )
                ],
            },
        ),
    ]
