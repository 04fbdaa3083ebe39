"""The one Django application."""

from django.apps import AppConfig


class FairwayConfig(AppConfig):
    name = "fairway"
    label = "fairway"
    verbose_name = "Fairway"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the rooms above contribute to the rooms below: what keeps an environment in use, the gate's rules."""
        import fairway.deployments.commands.placements
        import fairway.deployments.gate  # noqa: F401
