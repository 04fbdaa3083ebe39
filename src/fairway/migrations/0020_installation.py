"""The table of where the installation lives is called after what it holds."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("fairway", "0019_lost_writes")]

    operations = [migrations.RenameModel(old_name="Home", new_name="Installation")]
