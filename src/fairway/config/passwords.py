"""``fairway new-password NAME``: sets a new password; for an operator who can read the data directory."""

from __future__ import annotations

import os
import sys

from fairway.config import programs


def main(arguments: list[str] | None = None) -> int:
    """Print the new password once; returns exit code 1, with the reason on standard error, if there is no such person."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "fairway.config.settings"
    username = (arguments or sys.argv[1:])[0]
    import django

    django.setup()
    from dataclasses import replace

    from fairway.accounts.commands import give_new_password
    from fairway.accounts.rules import SYSTEM, NotVisible
    from fairway.activity.rules import Door

    try:
        password = give_new_password(actor=replace(SYSTEM, door=Door.CLI, identified_by="data directory"), username=username)
    except NotVisible:
        sys.stderr.write(f"There is no user “{username}”.\n")
        return 1
    sys.stdout.write(f"{username}  /  {password}\n")
    return 0


if __name__ == "__main__":
    programs.run(main)
