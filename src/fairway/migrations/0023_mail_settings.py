"""By which server mail is sent."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fairway", "0022_sealed")]

    operations = [
        migrations.CreateModel(
            name="MailSettings",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("host", models.CharField(blank=True, max_length=253)),
                ("port", models.PositiveIntegerField(default=587)),
                ("security", models.CharField(default="starttls", max_length=10)),
                ("username", models.CharField(blank=True, max_length=200)),
                ("sealed_password", models.TextField(blank=True)),
                ("sender", models.EmailField(blank=True, max_length=254)),
                ("sender_name", models.CharField(blank=True, max_length=100)),
            ],
        ),
    ]
