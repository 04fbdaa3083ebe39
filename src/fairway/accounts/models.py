"""Tables of people, their grants, and what lets them sign in."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from fairway.accounts.rules import Role

__all__ = [
    "ApiToken",
    "CalendarFeed",
    "LinkedIdentity",
    "MailSettings",
    "OneTimeLink",
    "RoleGrant",
    "SignInProvider",
    "SignedIn",
    "User",
]


class User(AbstractUser):
    """A person, or a service account (`is_service`), which works with tokens and can never sign in. What they may do comes
    from their grants alone; Django's staff and superuser flags stay unused.

    `username` identifies them: it is unique regardless of case and never changes. Their name and address are their own
    claims; the address counts from `email_confirmed_at` on, when somebody confirmed it.
    """

    email_confirmed_at = models.DateTimeField(null=True)
    generation = models.PositiveIntegerField(default=0)  # raised when access is revoked; see access.py
    language = models.CharField(max_length=8, blank=True)
    theme = models.CharField(max_length=8, blank=True)  # "", "light", "dark"
    is_emergency = models.BooleanField(default=False)  # may always sign in with a password; see password_policy.py
    is_service = models.BooleanField(default=False)  # set when it is created, and never changed; see service_accounts.py

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("username"), name="username_once_in_any_case"),
            models.UniqueConstraint(
                Lower("email"), condition=Q(email_confirmed_at__isnull=False), name="confirmed_email_of_one_person"
            ),
            models.CheckConstraint(  # a password that begins with “!” is one that nobody can enter
                condition=Q(is_service=False) | Q(password__startswith="!", email="", is_emergency=False),  # noqa: S106
                name="service_account_cannot_sign_in",
            ),
        ]

    @property
    def shown_name(self) -> str:
        """What they call themselves. It is shown beside the user name and must never identify anybody."""
        return self.get_full_name() or self.username

    @property
    def confirmed_email(self) -> str:
        """The confirmed address, which applications may be told; "" for none."""
        return self.email if self.email_confirmed_at else ""

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """The value that Django compares with the session at each request: it changes with the generation as well as with
        the password."""
        of_password: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        return f"{of_password}.{self.generation}" if self.generation else of_password


class SignInPolicy(models.Model):
    """Who may sign in with a password, and whether a second step must follow: one row; while there is none, everybody may,
    and nobody must."""

    EVERYBODY, EMERGENCY = "everybody", "emergency"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    passwords = models.CharField(max_length=10, default=EVERYBODY)
    two_step_required = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(passwords__in=["everybody", "emergency"]), name="passwords_of_whom_known"),
        ]

    def __str__(self) -> str:
        return f"passwords: {self.passwords}"


class SignInProvider(models.Model):
    """Somebody else who says who a person is: an OpenID Connect provider, or GitHub.

    `domains` are those of the confirmed mail addresses that are let in; none means any. People must be in one of the
    `required_groups`; none means that it does not matter. `roles` are pairs of a group and a role, which members hold
    from their next sign-in on, everywhere or narrowed (see group_roles.py). Groups are in the claim `groups_claim`; at
    GitHub, organisations and teams.
    """

    OPENID, GITHUB = "openid", "github"
    LINKED, ANYBODY = "linked", "anybody"  # who is let in: people with an account here, or everybody it vouches for

    slug = models.SlugField(max_length=40, unique=True)
    kind = models.CharField(max_length=10, default=OPENID)
    name = models.CharField(max_length=80)
    issuer = models.CharField(max_length=300)
    client_id = models.CharField(max_length=300)
    sealed_secret = models.TextField(blank=True)
    scopes = models.CharField(max_length=300)
    domains = models.JSONField(default=list)
    required_groups = models.JSONField(default=list)
    groups_claim = models.CharField(max_length=200, blank=True)
    roles = models.JSONField(default=list)
    admits = models.CharField(max_length=10, default=LINKED)
    default_role = models.CharField(max_length=20, blank=True)  # of people who are created at their first sign-in
    is_enabled = models.BooleanField(default=True)
    is_from_environment = models.BooleanField(default=False)  # see environment_providers.py
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(admits__in=["linked", "anybody"]), name="provider_admits_known"),
            models.CheckConstraint(condition=Q(kind__in=["openid", "github"]), name="provider_kind_known"),
            models.CheckConstraint(
                condition=Q(default_role__in=["", *(role.value for role in Role)]), name="provider_role_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LinkedIdentity(models.Model):
    """Whom providers know a person as. Issuer and subject together identify them; `email` is only shown. `groups` are those
    of their groups at the last sign-in that give roles here; None if they have not signed in since this is remembered."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)
    email = models.CharField(max_length=254, blank=True)
    groups = models.JSONField(null=True)
    linked_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="identity_of_one_person"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.subject} ({self.issuer})"


class RoleGrant(models.Model):
    """A role of one person, everywhere or narrowed to an environment and/or an application.

    What a group of a sign-in provider gave (`given_by`) is taken when the person signs in without being in that group.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="role_grants")
    role = models.CharField(max_length=20, choices=[(role.value, role.value) for role in Role])
    environment = models.ForeignKey("fairway.Environment", null=True, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey("fairway.Application", null=True, on_delete=models.CASCADE, related_name="+")
    granted_at = models.DateTimeField(default=timezone.now)
    given_by = models.ForeignKey(SignInProvider, null=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(role__in=[role.value for role in Role]), name="grant_role_known"),
            models.UniqueConstraint(
                fields=["user", "role", "environment", "application"], nulls_distinct=False, name="one_grant_each"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"


class ApiToken(models.Model):
    """A person's API token. Only its SHA-256 is stored; `role`, `application` and `environment` may narrow what it can do.

    A token that was made with another (`made_with`) ends with that one at the latest.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=20, blank=True)
    application = models.ForeignKey("fairway.Application", null=True, on_delete=models.CASCADE, related_name="+")
    environment = models.ForeignKey("fairway.Environment", null=True, on_delete=models.CASCADE, related_name="+")
    generation = models.PositiveIntegerField(default=0)
    made_with = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class OneTimeLink(models.Model):
    """A link that works once, for the person it was made for. `user` is None only for the first administrator.

    It is valid while the person's generation is unchanged, its maker may still make links, and the token it was made with
    works.
    """

    FIRST_ADMINISTRATOR = "first_administrator"
    INVITATION = "invitation"

    purpose = models.CharField(max_length=24)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="links")
    digest = models.CharField(max_length=64, unique=True)
    generation = models.PositiveIntegerField(default=0)
    made_by = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    made_with = models.ForeignKey(ApiToken, null=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.purpose} link {self.pk}"


class CalendarFeed(models.Model):
    """A person's URL for calendar programs. Only the SHA-256 of its secret is stored; a new feed replaces the old one."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="calendar_feed")
    digest = models.CharField(max_length=64, unique=True)
    generation = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"calendar feed of {self.user}"


class MailSettings(models.Model):
    """The server that sends mail: one row; without a `host` no mail is sent. `security` is a `mailing.Security`."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    host = models.CharField(max_length=253, blank=True)
    port = models.PositiveIntegerField(default=587)
    security = models.CharField(max_length=10, default="starttls")
    username = models.CharField(max_length=200, blank=True)
    sealed_password = models.TextField(blank=True)
    sender = models.EmailField(blank=True)
    sender_name = models.CharField(max_length=100, blank=True)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.host else "no mail"


class SignedIn(models.Model):
    """A browser in which somebody is signed in. `method` is how they were identified: "password" or a provider's name.
    `address` and `client` (the User-Agent header) are what the browser came with; the address is that of its last use."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="signed_in")
    session_key = models.CharField(max_length=40, unique=True)
    method = models.CharField(max_length=200)
    address = models.CharField(max_length=60, blank=True)
    client = models.CharField(max_length=200, blank=True)
    began_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.user.username} since {self.began_at:%Y-%m-%d %H:%M}"
