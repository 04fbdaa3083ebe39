"""``fairway doctor --security``: prints what ``GET /api/v1/security`` answers, as JSON; Fairway need not run."""

from __future__ import annotations

import json
import os
import sys

from fairway.config import programs


def main() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "fairway.config.settings"  # overrides the shell's environment
    import django

    django.setup()
    from fairway.accounts.rules import SYSTEM
    from fairway.insights.security.queries import security_lines
    from fairway.insights.security.rules import answer_of

    sys.stdout.write(json.dumps(answer_of(security_lines(SYSTEM))) + "\n")
    return 0


if __name__ == "__main__":
    programs.run(main)
