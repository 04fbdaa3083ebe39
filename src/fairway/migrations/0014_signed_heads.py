"""Events can no longer be replaced either; what was found wrong with the chain says of which kind it is."""

from django.db import migrations, models

from fairway.activity import triggers


class Migration(migrations.Migration):
    dependencies = [("fairway", "0012_standing")]
    operations = [
        migrations.AddField(
            "chaincheck", "code", models.CharField(blank=True, default="", max_length=20), preserve_default=False
        ),
        migrations.AddField("chaincheck", "details", models.JSONField(default=dict)),
        migrations.AlterField("chaincheck", "sentence", models.CharField(blank=True, max_length=300)),
        migrations.RunPython(triggers.create, migrations.RunPython.noop),
    ]
