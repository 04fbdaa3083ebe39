"""A placement knows which files its instances write that the next deployment loses, and which of them a person put aside."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fairway", "0018_https_credential")]

    operations = [
        migrations.AddField(model_name="placement", name="writes", field=models.JSONField(default=list)),
        migrations.AddField(model_name="placement", name="writes_dismissed", field=models.JSONField(default=list)),
    ]
