"""Tables of events and of the verification of their chain."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from fairway.activity.rules import GENESIS

__all__ = ["ChainCheck", "ChainHead", "Event"]

HASHED_FIELDS = (
    "actor_id",
    "actor_name",
    "acting_role",
    "door",
    "identified_by",
    "address",
    "client",
    "verb",
    "subject_kind",
    "subject_id",
    "subject_label",
    "application",
    "environment",
    "comment",
    "before",
    "after",
)


class Event(models.Model):
    """One thing that happened. Append-only: a database trigger refuses every change and deletion.

    `application` and `environment` are the slugs at that time; `at` is when the act happened.
    """

    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200)
    acting_role = models.CharField(max_length=40, blank=True)
    door = models.CharField(max_length=20)
    identified_by = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=64, blank=True)
    client = models.CharField(max_length=200, blank=True)
    verb = models.CharField(max_length=80)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=80)
    subject_label = models.CharField(max_length=300)
    application = models.CharField(max_length=80, blank=True)
    environment = models.CharField(max_length=80, blank=True)
    comment = models.TextField(blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["application", "-id"]),
            models.Index(fields=["environment", "-id"]),
            models.Index(fields=["actor_id", "-id"]),
            models.Index(fields=["verb", "-id"]),
            models.Index(fields=["subject_kind", "subject_id", "-id"]),
            models.Index(fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_label}"

    def content(self) -> dict[str, Any]:
        """The fields that the hash covers."""
        return {"at": self.at.isoformat(), **{name: getattr(self, name) for name in HASHED_FIELDS}}


class ChainHead(models.Model):
    """The newest event of the chain. Its row lock orders events: they become visible in the order of their numbers."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    event_id = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS)

    def __str__(self) -> str:
        return f"event {self.event_id}"


class ChainCheck(models.Model):
    """How far the chain has been verified: one row. See `activity.checking`.

    `front` is the newest event that was verified when it was new; `back` is how far the present verification of the whole
    chain has come, and `whole_at` when the last one ended. `broken_at` is the first event that did not fit, `code` says how.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    front_id = models.BigIntegerField(default=0)
    front_hash = models.CharField(max_length=64, default=GENESIS)
    back_id = models.BigIntegerField(default=0)
    back_hash = models.CharField(max_length=64, default=GENESIS)
    count = models.BigIntegerField(default=0)  # events below `back`
    checked_at = models.DateTimeField(null=True)
    whole_at = models.DateTimeField(null=True)
    whole_count = models.BigIntegerField(default=0)
    broken_at = models.BigIntegerField(null=True)
    sentence = models.CharField(max_length=300, blank=True)
    code = models.CharField(max_length=20, blank=True)  # of `activity.rules.Break`
    details = models.JSONField(default=dict)  # the values in the sentence, for other languages

    def __str__(self) -> str:
        return f"verified up to event {self.front_id}"
