"""Tokens of the demo's other people, for tests that need somebody else than the administrator they act as."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.services.installation import Installation

CODE = """
import sys
import django
django.setup()
from fairway.accounts.models import User
from fairway.accounts.queries import actor_for
from fairway.accounts.tokens import create_token
from fairway.activity.rules import Door
actor = actor_for(User.objects.get(username=sys.argv[1]), door=Door.WEB)
print(create_token(actor=actor, name="test")[1])
"""


def token_of(fairway: Installation, username: str) -> str:
    """A token of ``manager``, ``deployer`` or ``viewer``, made in the installation's own database."""
    own = {"FAIRWAY_DATA": str(fairway.data), "DJANGO_SETTINGS_MODULE": "fairway.config.settings"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, username],
        env={**os.environ, **fairway.environ, **own},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().splitlines()[-1]
