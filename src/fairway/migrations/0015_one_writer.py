"""What stores data is there once: how long visitors are away for that, and no placement of several on one volume."""

from typing import Any

from django.db import migrations, models


def one_instance_each(apps: Any, schema_editor: Any) -> None:
    """Several instances on one volume were possible; the reconciler ends those that are one too many."""
    placement = apps.get_model("fairway", "Placement")
    for row in placement.objects.filter(replicas__gt=1, current__artifact__isnull=False).select_related("current__artifact"):
        if (row.current.artifact.spec or {}).get("volumes"):
            row.replicas = 1
            row.save(update_fields=["replicas"])


class Migration(migrations.Migration):
    dependencies = [("fairway", "0014_signed_heads")]

    operations = [
        migrations.AddField(model_name="deployment", name="away_seconds", field=models.FloatField(null=True)),
        migrations.AddField(model_name="placement", name="stored", field=models.JSONField(default=list)),
        migrations.RunPython(one_instance_each, migrations.RunPython.noop),
    ]
