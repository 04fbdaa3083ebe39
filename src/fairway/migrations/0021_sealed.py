"""A release is sealed, an environment is frozen; what a person enters as a package's source is its source input."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fairway", "0019_lost_writes")]

    operations = [
        migrations.RenameField(model_name="release", old_name="frozen_at", new_name="sealed_at"),
        migrations.RenameField(model_name="release", old_name="frozen_by_id", new_name="sealed_by_id"),
        migrations.RenameField(model_name="release", old_name="frozen_by", new_name="sealed_by"),
        migrations.RenameField(model_name="package", old_name="entered", new_name="source_input"),
        migrations.AlterField(
            model_name="rolloutpackage",
            name="rollout",
            field=models.ForeignKey(on_delete=models.CASCADE, related_name="steps", to="fairway.rollout"),
        ),
    ]
