"""Creates the people of ``fairway up --demo``, one per role with a generated password, and a token for the command line.

``demo/sign-in.json`` (0600) transfers the passwords. The command that shows them (``fairway demo``, ``fairway up --demo``)
removes them from it, so that they are shown once and are not stored in clear any more.
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
    place: Path = settings.DATA.folder("demo") / "sign-in.json"
    return place


def ensure_demo_people() -> None:
    """Create them on the first start of an installation without people; later starts change nothing."""
    with transaction.atomic():
        passwords = seed_demo_people()
        if not passwords:
            return
        user = User.objects.get(username="admin")
        actor = actor_for(user, door=Door.CLI, identified_by="demo set-up")
        _token, text = create_token(actor=actor, name="demo")
        # Before the commit, else a crash would lose the passwords.
        _write({"username": "admin", "password": passwords["admin"], "token": text, "people": passwords})


def _write(content: dict[str, Any]) -> None:
    with open(os.open(sign_in_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)
