"""``fairway reset-two-step NAME``: turns two-step sign-in off; for an operator who can read the data directory."""

from __future__ import annotations

import os
import sys

from fairway.config import programs


def main(arguments: list[str] | None = None) -> int:
    """Say what was done; returns exit code 1, with the reason on standard error, if there is no such person."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "fairway.config.settings"
    username = (arguments or sys.argv[1:])[0]
    import django

    django.setup()
    from dataclasses import replace

    from fairway.accounts.queries import get_person
    from fairway.accounts.rules import SYSTEM, NotVisible
    from fairway.accounts.two_step import reset_two_step
    from fairway.activity.rules import Door

    actor = replace(SYSTEM, door=Door.CLI, identified_by="data directory")
    try:
        was_on = reset_two_step(actor=actor, user=get_person(username))
    except NotVisible:
        sys.stderr.write(f"There is no user “{username}”.\n")
        return 1
    sys.stdout.write(f"{username}: two-step sign-in is off.\n" if was_on else f"{username}: it was off already.\n")
    return 0


if __name__ == "__main__":
    programs.run(main)
