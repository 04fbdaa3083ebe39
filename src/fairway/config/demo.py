"""Creates the people of ``fairway up --demo``, one per role with a generated password, and a token for the command line.

The passwords are in ``demo/sign-in.json`` (0600) until a command shows them (``fairway demo``, ``fairway up --demo``). It
removes them from the file, so that they are shown once and are no longer stored in clear.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from fairway.accounts.demo_people import seed_demo_people
from fairway.accounts.models import User
from fairway.accounts.queries import actor_for
from fairway.accounts.tokens import create_token
from fairway.activity.rules import Door


def sign_in_file() -> Path:
    path: Path = settings.DATA.folder("demo") / "sign-in.json"
    return path


def ensure_demo_people() -> None:
    """Create them on the first start of an installation without people; later starts change nothing."""
    with transaction.atomic():
        passwords = seed_demo_people()
        if not passwords:
            return
        user = User.objects.get(username="admin")
        actor = actor_for(user, door=Door.CLI, identified_by="demo set-up")
        _token, text = create_token(actor=actor, name="demo")
        # Written before the commit, because a crash in between would otherwise lose the passwords.
        _write({"username": "admin", "password": passwords["admin"], "token": text, "people": passwords})


def _write(content: dict[str, Any]) -> None:
    with open(os.open(sign_in_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)
