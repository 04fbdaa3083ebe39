"""What a first start makes: the tables as all migrations up to 0030 leave them, in one go.

A database that has run some of those goes on with them one by one, as before. Made from the models; what the others did to
rows that were there has nothing to do in an empty database.
"""

from typing import Any

import django.contrib.auth.models
import django.contrib.auth.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.core.management import call_command
from django.db import migrations, models

from fairway.activity import triggers


def make_cache(apps: Any, schema_editor: Any) -> None:
    """Django's own table of a database cache; it is no model, and no backup holds it."""
    call_command("createcachetable", "fairway_cache", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    replaces = [
        ("fairway", "0001_initial"),
        ("fairway", "0002_events_are_append_only"),
        ("fairway", "0003_releases"),
        ("fairway", "0004_home"),
        ("fairway", "0005_logs_are_collected"),
        ("fairway", "0006_freeze_windows"),
        ("fairway", "0007_host"),
        ("fairway", "0008_calendar_feeds"),
        ("fairway", "0009_chaincheck"),
        ("fairway", "0011_identity_and_scopes"),
        ("fairway", "0012_standing"),
        ("fairway", "0014_signed_heads"),
        ("fairway", "0015_one_writer"),
        ("fairway", "0016_requested_with"),
        ("fairway", "0017_candidates"),
        ("fairway", "0018_https_credential"),
        ("fairway", "0019_lost_writes"),
        ("fairway", "0020_installation"),
        ("fairway", "0021_protection"),
        ("fairway", "0022_sealed"),
        ("fairway", "0023_mail_settings"),
        ("fairway", "0025_resources"),
        ("fairway", "0026_services"),
        ("fairway", "0027_jobs"),
        ("fairway", "0029_catalog"),
        ("fairway", "0030_scheduled_jobs"),
    ]

    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChainCheck",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("front_id", models.BigIntegerField(default=0)),
                (
                    "front_hash",
                    models.CharField(
                        default="0000000000000000000000000000000000000000000000000000000000000000", max_length=64
                    ),
                ),
                ("back_id", models.BigIntegerField(default=0)),
                (
                    "back_hash",
                    models.CharField(
                        default="0000000000000000000000000000000000000000000000000000000000000000", max_length=64
                    ),
                ),
                ("count", models.BigIntegerField(default=0)),
                ("checked_at", models.DateTimeField(null=True)),
                ("whole_at", models.DateTimeField(null=True)),
                ("whole_count", models.BigIntegerField(default=0)),
                ("broken_at", models.BigIntegerField(null=True)),
                ("sentence", models.CharField(blank=True, max_length=300)),
                ("code", models.CharField(blank=True, max_length=20)),
                ("details", models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name="ChainHead",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("event_id", models.BigIntegerField(default=0)),
                (
                    "hash",
                    models.CharField(
                        default="0000000000000000000000000000000000000000000000000000000000000000", max_length=64
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Host",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", models.CharField(max_length=300, unique=True)),
                ("public_key", models.TextField()),
                ("sealed_key", models.TextField()),
                ("host_key", models.TextField(blank=True)),
                ("confirmed_by", models.CharField(blank=True, max_length=200)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("offered_key", models.TextField(blank=True)),
                ("is_connected", models.BooleanField(default=False)),
                ("reason", models.CharField(blank=True, max_length=20)),
                ("detail", models.TextField(blank=True)),
                ("version", models.CharField(blank=True, max_length=80)),
                ("seen_at", models.DateTimeField(null=True)),
                ("look_wanted_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="Inspection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source_kind", models.CharField(max_length=20)),
                ("source", models.JSONField(default=dict)),
                ("status", models.CharField(default="queued", max_length=12)),
                ("spec", models.JSONField(null=True)),
                ("findings", models.JSONField(default=list)),
                ("candidates", models.JSONField(default=list)),
                ("remarks", models.JSONField(default=list)),
                ("advice", models.TextField(blank=True)),
                ("sentence", models.TextField(blank=True)),
                ("provenance", models.JSONField(default=dict)),
                ("created_by_id", models.BigIntegerField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Installation",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("identity", models.CharField(max_length=8)),
                ("keys", models.CharField(max_length=16)),
                ("machine", models.CharField(blank=True, max_length=300)),
                ("host", models.CharField(max_length=255)),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
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
        migrations.CreateModel(
            name="ScheduledTick",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60, unique=True)),
                ("next_at", models.DateTimeField()),
                ("last_at", models.DateTimeField(blank=True, null=True)),
                ("last_by", models.CharField(blank=True, max_length=120)),
                ("last_error", models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("checksum", models.CharField(max_length=64, unique=True)),
                ("name", models.CharField(max_length=200)),
                ("size_bytes", models.BigIntegerField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("created_by_id", models.BigIntegerField(null=True)),
                ("created_by", models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="Worker",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, unique=True)),
                ("host", models.CharField(max_length=255)),
                ("pid", models.PositiveIntegerField()),
                ("slots", models.PositiveSmallIntegerField(default=1)),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                ("email_confirmed_at", models.DateTimeField(null=True)),
                ("generation", models.PositiveIntegerField(default=0)),
                ("language", models.CharField(blank=True, max_length=8)),
                ("theme", models.CharField(blank=True, max_length=8)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("username"), name="username_once_in_any_case"
                    ),
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("email"),
                        condition=models.Q(("email_confirmed_at__isnull", False)),
                        name="confirmed_email_of_one_person",
                    ),
                ],
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="Application",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=80)),
                ("description", models.TextField(blank=True)),
                (
                    "source_kind",
                    models.CharField(choices=[("image", "image"), ("git", "git"), ("archive", "archive")], max_length=20),
                ),
                ("source", models.JSONField(default=dict)),
                ("spec", models.JSONField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("created_by", models.CharField(blank=True, max_length=200)),
                ("deleted_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)), fields=("slug",), name="one_live_application_per_slug"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source_kind__in", ["image", "git", "archive"])), name="source_kind_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Environment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=80)),
                ("host", models.CharField(max_length=253)),
                ("url", models.CharField(blank=True, max_length=300)),
                ("description", models.TextField(blank=True)),
                ("position", models.PositiveIntegerField(default=100)),
                ("runtime", models.CharField(default="process", max_length=40)),
                ("options", models.JSONField(blank=True, default=dict)),
                ("lane", models.CharField(default="default", max_length=40)),
                ("approvals_needed", models.PositiveSmallIntegerField(default=0)),
                ("needs_ready", models.BooleanField(default=False)),
                ("approval_roles", models.JSONField(blank=True, default=list)),
                ("approval_people", models.JSONField(blank=True, default=list)),
                ("approval_days", models.PositiveSmallIntegerField(default=7)),
                ("deploy_roles", models.JSONField(blank=True, default=list)),
                ("deploy_people", models.JSONField(blank=True, default=list)),
                ("only_releases", models.BooleanField(default=False)),
                ("proven_in", models.CharField(blank=True, max_length=40)),
                ("proven_hours", models.PositiveSmallIntegerField(default=0)),
                ("locked_at", models.DateTimeField(null=True)),
                ("locked_until", models.DateTimeField(null=True)),
                ("locked_by_id", models.BigIntegerField(null=True)),
                ("locked_by", models.CharField(blank=True, max_length=200)),
                ("lock_reason", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["position", "slug"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)), fields=("slug",), name="one_live_environment_per_slug"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)), fields=("host",), name="one_live_environment_per_host"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Credential",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("name", models.CharField(max_length=80, unique=True)),
                ("host", models.CharField(max_length=253)),
                ("username", models.CharField(blank=True, max_length=200)),
                ("sealed_secret", models.TextField()),
                ("known_hosts", models.TextField(blank=True)),
                ("public_key", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("created_by", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["registry", "deploy_key", "https"])), name="credential_kind_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=60)),
                ("key", models.CharField(max_length=200)),
                ("lane", models.CharField(default="default", max_length=60)),
                ("priority", models.IntegerField(default=0)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("running", "running"),
                            ("waiting", "waiting"),
                            ("cancelling", "cancelling"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                            ("errored", "errored"),
                            ("cancelled", "cancelled"),
                        ],
                        default="queued",
                        max_length=12,
                    ),
                ),
                ("payload", models.JSONField(default=dict)),
                ("state", models.JSONField(default=dict)),
                ("step", models.CharField(blank=True, max_length=60)),
                ("step_index", models.PositiveSmallIntegerField(default=0)),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("retries", models.PositiveIntegerField(default=0)),
                ("step_started_at", models.DateTimeField(blank=True, null=True)),
                ("step_deadline_at", models.DateTimeField(blank=True, null=True)),
                ("holds_key", models.BooleanField(default=False)),
                ("owner", models.CharField(blank=True, max_length=120)),
                ("fence", models.PositiveBigIntegerField(default=0)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("run_at", models.DateTimeField(blank=True, null=True)),
                ("wait_reason", models.TextField(blank=True)),
                ("awaits_signal", models.BooleanField(default=False)),
                ("is_signalled", models.BooleanField(default=False)),
                ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
                ("cancel_reason", models.TextField(blank=True)),
                ("outcome", models.CharField(blank=True, max_length=12)),
                ("outcome_step", models.CharField(blank=True, max_length=60)),
                ("sentence", models.TextField(blank=True)),
                ("detail", models.TextField(blank=True)),
                (
                    "clean_up_status",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", ""),
                            ("pending", "pending"),
                            ("running", "running"),
                            ("done", "done"),
                            ("failed", "failed"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                ("clean_up_attempt", models.PositiveIntegerField(default=0)),
                ("clean_up_error", models.TextField(blank=True)),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="children",
                        to="fairway.run",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["cancelling", "queued", "running", "waiting"])),
                        fields=["-holds_key", "-priority", "run_at", "id"],
                        name="run_queue",
                    ),
                    models.Index(fields=["key", "-id"], name="run_by_key"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("holds_key", True)), fields=("key",), name="run_one_holder_per_key"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "cancelled",
                                    "cancelling",
                                    "errored",
                                    "failed",
                                    "queued",
                                    "running",
                                    "succeeded",
                                    "waiting",
                                ],
                            )
                        ),
                        name="run_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("clean_up_status__in", ["", "done", "failed", "pending", "running"])),
                        name="run_clean_up_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "running"), _negated=True),
                            models.Q(
                                ("holds_key", True), models.Q(("owner", ""), _negated=True), ("lease_until__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="run_running_is_held",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status__in", ["cancelled", "errored", "failed", "succeeded"]), _negated=True),
                            models.Q(("finished_at__isnull", False), ("holds_key", False), ("owner", "")),
                            _connector="OR",
                        ),
                        name="run_finished_is_free",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("owner", ""), ("status__in", ["cancelling", "running"]), _connector="OR"),
                        name="run_owner_only_while_held",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("actor_id", models.BigIntegerField(null=True)),
                ("actor_name", models.CharField(max_length=200)),
                ("acting_role", models.CharField(blank=True, max_length=40)),
                ("door", models.CharField(max_length=20)),
                ("identified_by", models.CharField(blank=True, max_length=200)),
                ("address", models.CharField(blank=True, max_length=64)),
                ("client", models.CharField(blank=True, max_length=200)),
                ("verb", models.CharField(max_length=80)),
                ("subject_kind", models.CharField(max_length=40)),
                ("subject_id", models.CharField(max_length=80)),
                ("subject_label", models.CharField(max_length=300)),
                ("application", models.CharField(blank=True, max_length=80)),
                ("environment", models.CharField(blank=True, max_length=80)),
                ("comment", models.TextField(blank=True)),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                ("previous_hash", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64, unique=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["application", "-id"], name="fairway_eve_applica_3f636a_idx"),
                    models.Index(fields=["environment", "-id"], name="fairway_eve_environ_32a364_idx"),
                    models.Index(fields=["actor_id", "-id"], name="fairway_eve_actor_i_0cb55d_idx"),
                    models.Index(fields=["verb", "-id"], name="fairway_eve_verb_7b6e16_idx"),
                    models.Index(fields=["subject_kind", "subject_id", "-id"], name="fairway_eve_subject_6dcbfe_idx"),
                    models.Index(fields=["at"], name="fairway_eve_at_8fffdb_idx"),
                ],
            },
        ),
        migrations.CreateModel(
            name="FreezeWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=5)),
                ("name", models.CharField(max_length=80)),
                ("reason", models.CharField(max_length=500)),
                ("starts", models.CharField(max_length=16)),
                ("minutes", models.PositiveIntegerField()),
                ("zone", models.CharField(max_length=64)),
                ("rrule", models.CharField(blank=True, max_length=500)),
                ("environments", models.JSONField(blank=True, default=list)),
                ("applications", models.JSONField(blank=True, default=list)),
                ("created_by_id", models.BigIntegerField(null=True)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["name", "id"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("kind__in", ["deny", "allow"])), name="freeze_kind_known"),
                    models.CheckConstraint(condition=models.Q(("minutes__gte", 1)), name="freeze_lasts"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("prefix", models.CharField(max_length=12)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("role", models.CharField(blank=True, max_length=20)),
                ("generation", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "made_with",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.apitoken"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tokens", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CalendarFeed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("generation", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calendar_feed",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Artifact",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("version", models.CharField(max_length=120)),
                ("kind", models.CharField(max_length=10)),
                ("digest", models.CharField(max_length=80)),
                ("reference", models.CharField(blank=True, max_length=500)),
                ("location", models.CharField(blank=True, max_length=1000)),
                ("spec", models.JSONField()),
                ("source_kind", models.CharField(max_length=20)),
                ("source", models.JSONField(default=dict)),
                ("source_key", models.CharField(blank=True, max_length=64)),
                ("commit", models.CharField(blank=True, max_length=64)),
                ("author", models.CharField(blank=True, max_length=200)),
                ("message", models.TextField(blank=True)),
                ("committed_at", models.DateTimeField(null=True)),
                ("builder", models.CharField(blank=True, max_length=80)),
                ("remarks", models.JSONField(default=list)),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("created_by", models.CharField(blank=True, max_length=200)),
                ("collected_at", models.DateTimeField(null=True)),
                ("bad_at", models.DateTimeField(null=True)),
                ("bad_by", models.CharField(blank=True, max_length=200)),
                ("bad_reason", models.TextField(blank=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="artifacts", to="fairway.application"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["application", "digest"], name="fairway_art_applica_dbc62e_idx"),
                    models.Index(fields=["application", "source_key"], name="fairway_art_applica_06eeaf_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("application", "number"), name="artifact_number_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["image", "bundle"])), name="artifact_kind_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Installed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entry", models.CharField(max_length=40)),
                ("version", models.CharField(max_length=40)),
                ("answers", models.JSONField(default=dict)),
                ("installed_by", models.CharField(max_length=200)),
                ("installed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "application",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="installed", to="fairway.application"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Configuration",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField()),
                ("variables", models.JSONField(default=dict)),
                ("sealed_secrets", models.TextField(blank=True)),
                ("marks", models.JSONField(default=dict)),
                ("comment", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("created_by", models.CharField(blank=True, max_length=200)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="configurations", to="fairway.application"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="configurations", to="fairway.environment"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("application", "environment", "version"), name="configuration_version_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HealthyStretch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=80)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.application"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.environment"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["application", "environment", "digest"], name="stretch_of_digest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until", None)),
                        fields=("application", "environment"),
                        name="one_open_stretch_each",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Resource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                ("kind", models.CharField(max_length=20)),
                ("version", models.CharField(max_length=40)),
                ("wanted", models.CharField(default="running", max_length=20)),
                ("state", models.CharField(default="preparing", max_length=20)),
                ("sentence", models.TextField(blank=True)),
                ("port", models.PositiveIntegerField()),
                ("sealed_password", models.TextField()),
                ("made_at", models.DateTimeField(null=True)),
                ("observed", models.JSONField(default=dict)),
                ("observed_at", models.DateTimeField(null=True)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="resources", to="fairway.environment"
                    ),
                ),
            ],
            options={
                "ordering": ["environment__position", "name", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("environment", "name"),
                        name="one_live_resource_per_name",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)), fields=("port",), name="one_live_resource_per_port"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RoleGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("admin", "admin"),
                            ("release_manager", "release_manager"),
                            ("deployer", "deployer"),
                            ("viewer", "viewer"),
                        ],
                        max_length=20,
                    ),
                ),
                ("granted_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "application",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.application"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.environment"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="role_grants", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["admin", "release_manager", "deployer", "viewer"])),
                        name="grant_role_known",
                    ),
                    models.UniqueConstraint(
                        fields=("user", "role", "environment", "application"), name="one_grant_each", nulls_distinct=False
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScheduledJob",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("command", models.JSONField()),
                ("schedule", models.CharField(max_length=200)),
                ("zone", models.CharField(max_length=64)),
                ("is_paused", models.BooleanField(default=False)),
                ("next_at", models.DateTimeField(null=True)),
                ("skipped_at", models.DateTimeField(null=True)),
                ("skipped_because", models.TextField(blank=True)),
                ("saved_by_id", models.BigIntegerField(null=True)),
                ("saved_by", models.CharField(max_length=200)),
                ("saved_with_id", models.BigIntegerField(null=True)),
                ("acting_role", models.CharField(blank=True, max_length=40)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="scheduled_jobs", to="fairway.application"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="scheduled_jobs", to="fairway.environment"
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_at__isnull", False)), fields=["next_at"], name="scheduled_job_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("application", "environment", "name"),
                        name="scheduled_job_name_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CredentialScope",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "application",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.application"
                    ),
                ),
                (
                    "credential",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="scopes", to="fairway.credential"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.environment"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("credential", "application", "environment"),
                        name="credential_scope_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RunStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step", models.CharField(max_length=60)),
                ("attempt", models.PositiveIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("running", "running"),
                            ("waiting", "waiting"),
                            ("succeeded", "succeeded"),
                            ("retrying", "retrying"),
                            ("failed", "failed"),
                            ("errored", "errored"),
                            ("cancelled", "cancelled"),
                            ("lost", "lost"),
                            ("interrupted", "interrupted"),
                        ],
                        default="running",
                        max_length=12,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("sentence", models.TextField(blank=True)),
                ("owner", models.CharField(max_length=120)),
                ("fence", models.PositiveBigIntegerField()),
                (
                    "run",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="fairway.run"),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "step", "attempt"), name="run_step_attempt_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "cancelled",
                                    "errored",
                                    "failed",
                                    "interrupted",
                                    "lost",
                                    "retrying",
                                    "running",
                                    "succeeded",
                                    "waiting",
                                ],
                            )
                        ),
                        name="run_step_status_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OneTimeLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("purpose", models.CharField(max_length=24)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("generation", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField(null=True)),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "made_with",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.apitoken"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Deployment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("status", models.CharField(default="queued", max_length=12)),
                ("kind", models.CharField(max_length=24)),
                ("source_kind", models.CharField(blank=True, max_length=20)),
                ("source", models.JSONField(default=dict)),
                ("spec", models.JSONField(null=True)),
                ("replicas", models.PositiveSmallIntegerField(default=1)),
                ("scales", models.JSONField(default=dict)),
                ("requested_by_id", models.BigIntegerField(null=True)),
                ("requested_by", models.CharField(max_length=200)),
                ("acting_role", models.CharField(blank=True, max_length=40)),
                ("requested_with_id", models.BigIntegerField(null=True)),
                ("door", models.CharField(max_length=20)),
                ("asked_as", models.CharField(blank=True, max_length=40)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("broke_glass", models.CharField(blank=True, max_length=500)),
                ("step", models.CharField(blank=True, max_length=20)),
                ("sentence", models.TextField(blank=True)),
                ("detail", models.TextField(blank=True)),
                ("gate_used", models.CharField(blank=True, max_length=200)),
                ("probe", models.JSONField(null=True)),
                ("away_seconds", models.FloatField(null=True)),
                ("served_digest", models.CharField(blank=True, max_length=80)),
                ("log_lines", models.PositiveIntegerField(default=0)),
                ("log_bytes", models.PositiveBigIntegerField(default=0)),
                ("log_collected_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("start_by", models.DateTimeField(null=True)),
                ("approve_by", models.DateTimeField(null=True)),
                ("approved_at", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("switched_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deployments", to="fairway.application"
                    ),
                ),
                (
                    "artifact",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="fairway.artifact",
                    ),
                ),
                (
                    "configuration",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="fairway.configuration",
                    ),
                ),
                (
                    "replaces",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replaced_by",
                        to="fairway.deployment",
                    ),
                ),
                (
                    "returns_to",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="returned_to_by",
                        to="fairway.deployment",
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deployments", to="fairway.environment"
                    ),
                ),
                (
                    "run",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="deployment", to="fairway.run"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["application", "environment", "-id"], name="fairway_dep_applica_e46483_idx"),
                    models.Index(fields=["environment", "-id"], name="fairway_dep_environ_fe81bb_idx"),
                    models.Index(fields=["status", "-id"], name="fairway_dep_status_6b0b93_idx"),
                    models.Index(fields=["requested_by", "-id"], name="fairway_dep_request_61a192_idx"),
                    models.Index(
                        condition=models.Q(("log_collected_at", None)), fields=["finished_at"], name="deployment_with_log"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "queued",
                                    "running",
                                    "waiting",
                                    "cancelling",
                                    "succeeded",
                                    "failed",
                                    "errored",
                                    "cancelled",
                                ],
                            )
                        ),
                        name="deployment_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["deploy", "promote", "rollback", "restart", "automatic_rollback"])),
                        name="deployment_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Release",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("version", models.CharField(max_length=60)),
                ("description", models.TextField(blank=True)),
                ("created_by_id", models.BigIntegerField(null=True)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("sealed_at", models.DateTimeField(null=True)),
                ("sealed_by_id", models.BigIntegerField(null=True)),
                ("sealed_by", models.CharField(blank=True, max_length=200)),
                ("fingerprint", models.CharField(blank=True, max_length=64)),
                ("cancelled_at", models.DateTimeField(null=True)),
                ("cancelled_by", models.CharField(blank=True, max_length=200)),
                ("cancel_reason", models.CharField(blank=True, max_length=500)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "cloned_from",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="clones", to="fairway.release"
                    ),
                ),
                (
                    "deputy",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "manager",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("sealed_configurations", models.ManyToManyField(related_name="+", to="fairway.configuration")),
                ("targets", models.ManyToManyField(related_name="releases", to="fairway.environment")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("name", "version"),
                        name="one_live_release_per_version",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Binding",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("alias", models.CharField(max_length=30)),
                ("database", models.CharField(max_length=63)),
                ("login", models.CharField(max_length=63)),
                ("login_number", models.PositiveIntegerField(default=1)),
                ("previous_login", models.CharField(blank=True, max_length=63)),
                ("sealed_password", models.TextField()),
                ("configuration_version", models.PositiveIntegerField(null=True)),
                ("state", models.CharField(default="binding", max_length=20)),
                ("sentence", models.TextField(blank=True)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="bindings", to="fairway.application"
                    ),
                ),
                (
                    "resource",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="bindings", to="fairway.resource"
                    ),
                ),
            ],
            options={
                "ordering": ["application__name", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("resource", "application"),
                        name="one_live_binding_per_application",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Backup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("database", models.CharField(max_length=63)),
                ("version", models.CharField(max_length=40)),
                ("state", models.CharField(default="taking", max_length=20)),
                ("sentence", models.TextField(blank=True)),
                ("file", models.CharField(blank=True, max_length=200)),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("content", models.JSONField(default=dict)),
                ("requested_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("taken_at", models.DateTimeField(null=True)),
                ("verified_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="backups", to="fairway.application"
                    ),
                ),
                (
                    "resource",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="backups", to="fairway.resource"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="DeploymentApproval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(max_length=64)),
                ("person_id", models.BigIntegerField()),
                ("person", models.CharField(max_length=200)),
                ("is_approved", models.BooleanField()),
                ("comment", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="answers", to="fairway.deployment"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("deployment", "person_id", "fingerprint"), name="one_deployment_answer_each"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="JobRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("status", models.CharField(default="queued", max_length=12)),
                ("command", models.JSONField()),
                ("due_at", models.DateTimeField(null=True)),
                ("exit_code", models.IntegerField(null=True)),
                ("requested_by_id", models.BigIntegerField(null=True)),
                ("requested_by", models.CharField(max_length=200)),
                ("acting_role", models.CharField(blank=True, max_length=40)),
                ("door", models.CharField(max_length=20)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("sentence", models.TextField(blank=True)),
                ("log_lines", models.PositiveIntegerField(default=0)),
                ("log_bytes", models.PositiveBigIntegerField(default=0)),
                ("log_collected_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="job_runs", to="fairway.application"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="job_runs", to="fairway.deployment"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="job_runs", to="fairway.environment"
                    ),
                ),
                (
                    "run",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="job_run", to="fairway.run"
                    ),
                ),
                (
                    "scheduled_job",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="fairway.scheduledjob",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["application", "environment", "-id"], name="job_run_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "queued",
                                    "running",
                                    "waiting",
                                    "cancelling",
                                    "succeeded",
                                    "failed",
                                    "errored",
                                    "cancelled",
                                ],
                            )
                        ),
                        name="job_run_status_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("due_at__isnull", False)),
                        fields=("scheduled_job", "due_at"),
                        name="one_run_of_a_due_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LogChunk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first", models.PositiveIntegerField()),
                ("last", models.PositiveIntegerField()),
                ("lines", models.JSONField()),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="log_chunks", to="fairway.deployment"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["deployment", "last"], name="fairway_log_deploym_3b9b4b_idx")],
                "constraints": [models.UniqueConstraint(fields=("deployment", "first"), name="log_line_once")],
            },
        ),
        migrations.CreateModel(
            name="Placement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("wanted", models.CharField(default="running", max_length=10)),
                ("replicas", models.PositiveSmallIntegerField(default=1)),
                ("scales", models.JSONField(default=dict)),
                ("domains", models.JSONField(default=list)),
                ("access", models.CharField(default="public", max_length=12)),
                ("hold_reason", models.CharField(blank=True, max_length=500)),
                ("held_at", models.DateTimeField(null=True)),
                ("health", models.CharField(default="unknown", max_length=10)),
                ("stored", models.JSONField(default=list)),
                ("writes", models.JSONField(default=list)),
                ("writes_dismissed", models.JSONField(default=list)),
                ("drift", models.JSONField(default=list)),
                ("observed", models.JSONField(default=list)),
                ("observed_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="placements", to="fairway.application"
                    ),
                ),
                (
                    "current",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.deployment"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="placements", to="fairway.environment"
                    ),
                ),
                (
                    "previous_good",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.deployment"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("application", "environment"), name="one_placement_each"),
                    models.CheckConstraint(
                        condition=models.Q(("wanted__in", ["running", "stopped", "removed"])), name="placement_wanted_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("health__in", ["unknown", "starting", "healthy", "degraded", "down", "stopped"])
                        ),
                        name="placement_health_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("access__in", ["public", "signed_in"])), name="placement_access_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Package",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("made_application", models.BooleanField(default=False)),
                ("stage", models.CharField(default="registered", max_length=12)),
                ("source_kind", models.CharField(blank=True, max_length=20)),
                ("source", models.JSONField(default=dict)),
                ("source_input", models.CharField(blank=True, max_length=1000)),
                ("resolution", models.CharField(default="resolving", max_length=14)),
                ("sentence", models.TextField(blank=True)),
                ("created_by_id", models.BigIntegerField(null=True)),
                ("created_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="packages", to="fairway.application"
                    ),
                ),
                (
                    "artifact",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="packages",
                        to="fairway.artifact",
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="packages", to="fairway.release"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="fairway.run"
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("release", "name"),
                        name="package_name_once_in_release",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("release", "application"),
                        name="application_once_in_release",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("stage__in", ["registered", "testing", "ready"])), name="package_stage_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("resolution__in", ["resolving", "resolved", "unresolvable"])),
                        name="package_resolution_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("resolution", "resolved"), _negated=True), ("artifact__isnull", False), _connector="OR"
                        ),
                        name="package_resolved_has_artifact",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(max_length=64)),
                ("person_id", models.BigIntegerField()),
                ("person", models.CharField(max_length=200)),
                ("is_approved", models.BooleanField()),
                ("comment", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("voided_at", models.DateTimeField(null=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.environment"
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="approvals", to="fairway.release"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("voided_at", None)),
                        fields=("release", "environment", "person_id"),
                        name="one_answer_per_person",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Rollout",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("direction", models.CharField(default="forward", max_length=8)),
                ("redeploys", models.BooleanField(default=False)),
                ("status", models.CharField(max_length=16)),
                ("parallel", models.PositiveSmallIntegerField(default=4)),
                ("wall_time", models.CharField(blank=True, max_length=20)),
                ("zone", models.CharField(blank=True, max_length=60)),
                ("planned_at", models.DateTimeField(null=True)),
                ("start_by", models.DateTimeField(null=True)),
                ("sequence", models.PositiveIntegerField(default=0)),
                ("before", models.JSONField(default=dict)),
                ("asked_as", models.CharField(max_length=40)),
                ("requested_by_id", models.BigIntegerField(null=True)),
                ("requested_by", models.CharField(max_length=200)),
                ("acting_role", models.CharField(blank=True, max_length=40)),
                ("requested_with_id", models.BigIntegerField(null=True)),
                ("door", models.CharField(max_length=20)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("sentence", models.TextField(blank=True)),
                ("decided_by", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rollouts", to="fairway.environment"
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rollouts", to="fairway.release"
                    ),
                ),
                (
                    "run",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="rollout", to="fairway.run"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["planned_at"], name="fairway_rol_planned_f91869_idx"),
                    models.Index(fields=["environment", "-id"], name="fairway_rol_environ_9154f9_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("status__in", ["falling_back", "held", "needs_decision", "running", "scheduled"])
                        ),
                        fields=("release", "environment"),
                        name="one_active_rollout_per_target",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "scheduled",
                                    "held",
                                    "running",
                                    "needs_decision",
                                    "falling_back",
                                    "succeeded",
                                    "failed",
                                    "fallen_back",
                                    "cancelled",
                                ],
                            )
                        ),
                        name="rollout_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("direction__in", ["forward", "back"])), name="rollout_direction_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="JobLogChunk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first", models.PositiveIntegerField()),
                ("last", models.PositiveIntegerField()),
                ("lines", models.JSONField()),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="log_chunks", to="fairway.jobrun"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("job", "first"), name="job_log_line_once")],
            },
        ),
        migrations.CreateModel(
            name="Dependency",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "needs",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="dependents", to="fairway.package"
                    ),
                ),
                (
                    "package",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="dependencies", to="fairway.package"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("package", "needs"), name="dependency_once"),
                    models.CheckConstraint(
                        condition=models.Q(("package", models.F("needs")), _negated=True), name="nothing_needs_itself"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PackageOnTarget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("status", models.CharField(default="absent", max_length=14)),
                ("digest", models.CharField(blank=True, max_length=80)),
                ("distributed_at", models.DateTimeField(null=True)),
                ("deployed_at", models.DateTimeField(null=True)),
                ("before_stopped", models.BooleanField(default=False)),
                ("before_replicas", models.PositiveSmallIntegerField(default=1)),
                ("sentence", models.TextField(blank=True)),
                (
                    "artifact",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.artifact"
                    ),
                ),
                (
                    "before",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.deployment"
                    ),
                ),
                (
                    "deployment",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.deployment"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="packages", to="fairway.environment"
                    ),
                ),
                (
                    "fallback",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.deployment"
                    ),
                ),
                (
                    "package",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="on_targets", to="fairway.package"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="fairway.run"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["environment", "status"], name="fairway_pac_environ_879dc5_idx")],
                "constraints": [
                    models.UniqueConstraint(fields=("package", "environment"), name="package_once_on_target"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["absent", "distributing", "distributed", "deploying", "deployed", "falling_back"],
                            )
                        ),
                        name="package_on_target_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["absent", "distributing"]), ("distributed_at__isnull", False), _connector="OR"
                        ),
                        name="package_on_target_distributed_first",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PackageLog",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lines", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "environment",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.environment"
                    ),
                ),
                (
                    "package",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="logs", to="fairway.package"
                    ),
                ),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="package_log", to="fairway.run"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RolloutClaim",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.application"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="fairway.environment"
                    ),
                ),
                (
                    "rollout",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="claims", to="fairway.rollout"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("environment", "application"), name="one_rollout_per_application_and_target"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RolloutPackage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("level", models.PositiveSmallIntegerField()),
                ("status", models.CharField(default="pending", max_length=14)),
                ("is_ours", models.BooleanField(default=False)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("sentence", models.TextField(blank=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "deployment",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.deployment"
                    ),
                ),
                (
                    "fallback",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.deployment"
                    ),
                ),
                (
                    "package",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="fairway.package"),
                ),
                (
                    "rollout",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="fairway.rollout"
                    ),
                ),
            ],
            options={
                "ordering": ["level", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("rollout", "package"), name="package_once_in_rollout"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "pending",
                                    "distributing",
                                    "distributed",
                                    "deploying",
                                    "deployed",
                                    "failed",
                                    "blocked",
                                    "skipped",
                                    "falling_back",
                                    "fallen_back",
                                    "stuck",
                                ],
                            )
                        ),
                        name="rollout_package_status_known",
                    ),
                ],
            },
        ),
        migrations.RunPython(make_cache, migrations.RunPython.noop),
        migrations.RunPython(triggers.create, migrations.RunPython.noop),
    ]
