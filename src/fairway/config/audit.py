"""``fairway audit verify --data DIR``: the whole chain, read from the database itself; Fairway need not run."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict


def main() -> int:
    """Print what was found as JSON; exit code 1 when the chain is broken."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fairway.config.settings")
    import django

    django.setup()
    from fairway.activity.queries import verify

    found = verify()
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
    return 0 if found.is_intact else 1


if __name__ == "__main__":
    sys.exit(main())
