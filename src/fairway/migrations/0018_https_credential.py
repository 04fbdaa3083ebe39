"""A stored credential may be a user name and a token for Git over HTTPS."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fairway", "0017_candidates")]

    operations = [
        migrations.RemoveConstraint(model_name="credential", name="credential_kind_known"),
        migrations.AddConstraint(
            model_name="credential",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["registry", "deploy_key", "https"])), name="credential_kind_known"
            ),
        ),
    ]
