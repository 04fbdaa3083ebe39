"""When backups of resources are taken by themselves and which are kept; why each was taken; deleting after a last one."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fairway", "0032_github_sign_in"),
    ]

    operations = [
        migrations.CreateModel(
            name="BackupSchedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_on", models.BooleanField(default=True)),
                ("schedule", models.CharField(max_length=200)),
                ("zone", models.CharField(max_length=64)),
                ("keep_daily", models.PositiveSmallIntegerField()),
                ("keep_weekly", models.PositiveSmallIntegerField()),
                ("keep_monthly", models.PositiveSmallIntegerField()),
                ("next_at", models.DateTimeField(null=True)),
                ("since", models.DateTimeField()),
                ("saved_by", models.CharField(max_length=200)),
            ],
        ),
        migrations.AddField(
            model_name="backup",
            name="due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="backup",
            name="purpose",
            field=models.CharField(default="asked", max_length=20),
        ),
        migrations.AddField(
            model_name="backup",
            name="removed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="resource",
            name="deletion_asked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="resource",
            name="kept_because",
            field=models.TextField(blank=True),
        ),
        migrations.AddConstraint(
            model_name="backup",
            constraint=models.UniqueConstraint(
                condition=models.Q(("due_at__isnull", False)),
                fields=("resource", "database", "due_at"),
                name="one_backup_per_due_time",
            ),
        ),
        migrations.AddField(
            model_name="backupschedule",
            name="resource",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="backup_schedule", to="fairway.resource"
            ),
        ),
        migrations.AddIndex(
            model_name="backupschedule",
            index=models.Index(
                condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="backup_schedule_due"
            ),
        ),
    ]
