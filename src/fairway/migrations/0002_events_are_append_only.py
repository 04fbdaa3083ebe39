"""The database itself refuses to change or delete an event."""

from django.db import migrations

from fairway.activity import triggers


class Migration(migrations.Migration):
    dependencies = [("fairway", "0001_initial")]
    operations = [migrations.RunPython(triggers.create, migrations.RunPython.noop)]
