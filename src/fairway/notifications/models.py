"""Tables of this room."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from fairway.activity.models import Event
from fairway.drivers.messengers.contract import Kind
from fairway.notifications.rules import Route, State, routes_of

__all__ = ["Channel", "Notice", "NoticePosition"]


class Channel(models.Model):
    """Where people or programs hear of events: a place in a chat, mail addresses, or a webhook.

    The URL is sealed; `shown_url` is what of it may be shown. It hears of events after number `after_event` only. Once its
    receiver said that it is gone, `disabled_because` is what it answered. Nothing is sent before `rests_until`.

    One is made by Fairway and seen by nobody: `is_personal`, the mail to people about their own accounts (`personal.py`).
    """

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10)
    sealed_url = models.TextField(blank=True)
    shown_url = models.CharField(max_length=2000, blank=True)
    sealed_secret = models.TextField(blank=True)
    secret_made_at = models.DateTimeField(null=True)
    addresses = models.JSONField(default=list)
    routes = models.JSONField(default=list)
    language = models.CharField(max_length=10, blank=True)  # "": the installation's
    is_paused = models.BooleanField(default=False)
    disabled_at = models.DateTimeField(null=True)
    disabled_because = models.TextField(blank=True)
    after_event = models.BigIntegerField(default=0)
    rests_until = models.DateTimeField(null=True)
    saved_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True)  # the row stays, because events refer to it
    is_personal = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["is_personal"], condition=Q(is_personal=True), name="one_personal_channel"),
            models.UniqueConstraint(fields=["name"], condition=Q(deleted_at=None), name="one_channel_of_a_name"),
            models.CheckConstraint(condition=Q(kind__in=[one.value for one in Kind]), name="channel_kind_known"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_on(self) -> bool:
        """Whether it hears of what happens now."""
        return not self.is_paused and self.disabled_at is None and self.deleted_at is None

    @property
    def heard(self) -> list[Route]:
        return routes_of(self.routes)

    @property
    def places(self) -> list[str]:
        """The addresses that each notice is sent to one by one; a single "" for a URL."""
        return list(self.addresses) if self.kind == Kind.MAIL else [""]


class Notice(models.Model):
    """One message to one channel (of mail: to one address) about one event; in the outbox until it is delivered or given up.

    `event` is None for a test. `about` names the event's subject: notices about the same subject are sent in order. What a
    failed try was about is in `trouble` and `said`, see `troubles.py`; `answer` is what the receiver answered.
    """

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="notices")
    event = models.ForeignKey(Event, null=True, on_delete=models.PROTECT, related_name="notices")
    public_id = models.CharField(max_length=40, unique=True)
    address = models.CharField(max_length=254, blank=True)
    about = models.CharField(max_length=130, blank=True)
    state = models.CharField(max_length=10, default=State.WAITING.value)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    tried_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=40, blank=True)
    said = models.JSONField(default=dict)
    answer = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "event", "address"], condition=Q(event__isnull=False), name="one_notice_of_an_event"
            ),
            models.CheckConstraint(condition=Q(state__in=[one.value for one in State]), name="notice_state_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["channel", "-id"], name="notice_newest"),
            models.Index(fields=["channel", "id"], condition=Q(state=State.WAITING.value), name="notice_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} to {self.channel_id}"


class NoticePosition(models.Model):
    """The newest event that notices were made of: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    event_id = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"event {self.event_id}"
