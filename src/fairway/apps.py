"""The one Django application."""

from django.apps import AppConfig


class FairwayConfig(AppConfig):
    name = "fairway"
    label = "fairway"
    verbose_name = "Fairway"
    default_auto_field = "django.db.models.BigAutoField"
