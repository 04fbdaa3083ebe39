"""Tables of this room."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from fairway.applications.models import Application

__all__ = ["Installed"]


class Installed(models.Model):
    """An application that was made from an entry of the catalogue, and from which version of it."""

    application = models.OneToOneField(Application, on_delete=models.PROTECT, related_name="installed")
    entry = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    answers = models.JSONField(default=dict)
    installed_by = models.CharField(max_length=200)
    installed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.entry} {self.version}"
