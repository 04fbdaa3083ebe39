"""What ``fairway up --demo`` starts with: one administrator with a generated password, and a token for the command line."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from fairway.accounts.commands import create_first_administrator, create_token, ensure_first_link
from fairway.accounts.queries import actor_for
from fairway.activity.rules import Door


def sign_in_file() -> Path:
    place: Path = settings.DATA.folder("demo") / "sign-in.json"
    return place


def ensure_demo_people() -> None:
    """Create them on the first start; their generated password lies in ``demo/sign-in.json`` (0600), so that a second
    ``make demo`` can say it again."""
    with transaction.atomic():
        link = ensure_first_link()
        if link is None:
            return
        password = secrets.token_urlsafe(12)
        user = create_first_administrator(link=link, username="admin", password=password, email="admin@example.com")
        actor = actor_for(user, door=Door.CLI, identified_by="demo set-up")
        _token, text = create_token(actor=actor, name="demo")
        _write({"username": "admin", "password": password, "token": text})  # first, else a crash would lose the password


def _write(content: dict[str, Any]) -> None:
    with open(os.open(sign_in_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)
