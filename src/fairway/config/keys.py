"""``fairway rotate-keys``: adds a key for secrets at rest and seals everything with it. Old keys are kept for old backups.

It is refused while the control plane runs, because running processes know only the keys they started with. Applications may
go on serving.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cryptography.fernet import Fernet

from fairway.config import programs
from fairway.config.runfile import CannotStart, nobody_runs


def main() -> int:
    """Rotate the keys; returns exit code 0, or 1 with the reason on standard error."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "fairway.config.settings"
    from django.conf import settings

    try:
        with nobody_runs(settings.DATA.path):
            _rotate()
    except CannotStart as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    return 0


def _rotate() -> None:
    import django
    from django.conf import settings

    settings.FIELD_KEYS = [add_key(settings.DATA.folder("keys") / "field.keys"), *settings.FIELD_KEYS]
    django.setup()
    from django.core.management import call_command

    from fairway.accounts.mail_commands import reseal_mail
    from fairway.accounts.provider_commands import reseal_providers
    from fairway.accounts.two_step import reseal_two_step
    from fairway.applications.commands import rotate_keys
    from fairway.environments.secrets import reseal_options
    from fairway.notifications.commands.channels import reseal_channels
    from fairway.pipelines.commands.forges import reseal_forges
    from fairway.pipelines.commands.triggers import reseal_triggers
    from fairway.resources.progress import reseal

    call_command("migrate", verbosity=0, interactive=False)
    count = (
        rotate_keys()
        + reseal_options()
        + reseal_mail()
        + reseal_providers()
        + reseal_two_step()
        + reseal_triggers()
        + reseal_forges()
        + reseal_channels()
        + reseal()
    )
    sys.stdout.write(f"{count} secrets are sealed with the new key.\n")


def add_key(path: Path) -> str:
    """Add a new key before the others, atomically; returns it."""
    key = Fernet.generate_key().decode()
    draft = path.with_suffix(".draft")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{key}\n{path.read_text().strip()}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    return key


if __name__ == "__main__":
    programs.run(main)
