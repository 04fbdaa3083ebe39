"""The one Django application."""

from django.apps import AppConfig


class FairwayConfig(AppConfig):
    name = "fairway"
    label = "fairway"
    verbose_name = "Fairway"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the rooms above contribute to those below (what keeps an environment in use, the gate's rules), and speak."""
        from django.utils.translation import gettext

        import fairway.deployments.commands.gate_waiting
        import fairway.deployments.commands.placements
        import fairway.deployments.gate
        import fairway.deployments.protection
        import fairway.monitoring.silencing
        import fairway.releases.commands.holding
        import fairway.releases.commands.schedule
        import fairway.releases.commands.targets
        import fairway.resources.deleting  # noqa: F401
        from fairway.accounts.mailing import from_environment
        from fairway.deployments.keeping import pin
        from fairway.notifications.messages import use_words
        from fairway.releases.retention import pinned_digests
        from fairway.shared.translation import use_translator

        from_environment()  # a variable that makes no sense stops the start
        pin(pinned_digests)
        use_translator(gettext)
        use_words(_in_words)


def _in_words(text: str) -> str:
    """A stored sentence in the reader's language; the templates are loaded with the first one."""
    from fairway.web.failure_words import in_words

    return in_words(text)
