"""Demo data: one administrator who can sign in with what the file says, made once."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.test import Client

from fairway.accounts.commands import create_first_administrator, ensure_first_link
from fairway.accounts.models import User
from fairway.config import demo
from fairway.config.data import DataDirectory


@pytest.fixture
def sign_in(db: None, settings: Any, tmp_path: Path) -> dict[str, str]:
    settings.DATA = DataDirectory(tmp_path / "data")
    demo.ensure_demo_people()
    found: dict[str, str] = json.loads(demo.sign_in_file().read_text())
    return found


def test_the_file_is_its_owners_and_lets_one_in(sign_in: dict[str, str], client: Client) -> None:
    assert stat.S_IMODE(demo.sign_in_file().stat().st_mode) == 0o600
    assert authenticate(username=sign_in["username"], password=sign_in["password"]) is not None
    answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer {sign_in['token']}"})
    assert (answer.status_code, answer.json()["username"]) == (200, "admin")


def test_a_second_start_changes_nothing(sign_in: dict[str, str]) -> None:
    demo.ensure_demo_people()
    assert json.loads(demo.sign_in_file().read_text()) == sign_in
    assert User.objects.count() == 1
    assert ensure_first_link() is None


def test_an_installation_with_people_gets_no_demo_person(db: None, settings: Any, tmp_path: Path) -> None:
    settings.DATA = DataDirectory(tmp_path / "data")
    link = ensure_first_link()
    assert link is not None
    create_first_administrator(link=link, username="ada", password="correct horse battery", email="ada@example.com")
    demo.ensure_demo_people()
    assert list(User.objects.values_list("username", flat=True)) == ["ada"]
    assert not demo.sign_in_file().exists()
