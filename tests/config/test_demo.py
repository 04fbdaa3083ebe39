"""Demo data: one person per role who can sign in with what the file says, made once; and switching among them."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.test import Client

from fairway.accounts.commands import create_first_administrator, ensure_first_link, give_new_password
from fairway.accounts.demo_people import DEMO_ROLES
from fairway.accounts.models import RoleGrant, User
from fairway.accounts.queries import grants_of
from fairway.accounts.rules import SYSTEM
from fairway.activity.models import Event
from fairway.cli.machine import tell_demo_people
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
    assert User.objects.count() == 4
    assert ensure_first_link() is None


def test_an_installation_with_people_gets_no_demo_person(db: None, settings: Any, tmp_path: Path) -> None:
    settings.DATA = DataDirectory(tmp_path / "data")
    link = ensure_first_link()
    assert link is not None
    create_first_administrator(link=link, username="ada", password="correct horse battery", email="ada@example.com")
    demo.ensure_demo_people()
    assert list(User.objects.values_list("username", flat=True)) == ["ada"]
    assert not demo.sign_in_file().exists()


def test_there_is_one_person_per_role_with_a_password_of_their_own(sign_in: dict[str, Any]) -> None:
    passwords = sign_in["people"]
    assert len(set(passwords.values())) == 4
    for username, role in DEMO_ROLES.items():
        person = authenticate(username=username, password=passwords[username])
        assert person is not None
        assert [grant.role for grant in grants_of(person)] == [role]


def test_the_passwords_are_said_once_and_then_kept_nowhere(
    sign_in: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_demo_people(tmp_path / "data")
    said = capsys.readouterr().out
    assert all(password in said for password in sign_in["people"].values())
    tell_demo_people(tmp_path / "data")
    assert "fairway new-password admin" in capsys.readouterr().out
    left = "".join(file.read_text() for file in (tmp_path / "data").rglob("*") if file.is_file())
    assert not any(password in left for password in sign_in["people"].values())
    assert json.loads(demo.sign_in_file().read_text()) == {"username": "admin", "token": sign_in["token"]}
    assert stat.S_IMODE(demo.sign_in_file().stat().st_mode) == 0o600


def test_in_a_demo_the_menu_switches_among_the_four(sign_in: dict[str, Any], client: Client, settings: Any) -> None:
    settings.IS_DEMO = True
    client.force_login(User.objects.get(username="viewer"))
    assert 'value="deployer"' in client.get("/").content.decode()
    for username in ("deployer", "admin", "manager", "viewer"):
        assert client.post("/demo/person", {"username": username}).status_code == 302
        answer = client.get("/api/v1/me")
        assert answer.json()["username"] == username
    event = Event.objects.filter(verb="person.signed_in").order_by("-pk")[0]
    assert (event.actor_name, event.identified_by) == ("viewer", "demo menu, after manager")


@pytest.mark.parametrize("target", ["ada", "nobody", ""])
def test_the_menu_reaches_nobody_else(sign_in: dict[str, Any], client: Client, settings: Any, target: str) -> None:
    settings.IS_DEMO = True
    User.objects.create_user(username="ada", password="correct horse battery")
    client.force_login(User.objects.get(username="viewer"))
    assert client.post("/demo/person", {"username": target}).status_code == 404


def test_outside_of_a_demo_nobody_switches(sign_in: dict[str, Any], client: Client, settings: Any) -> None:
    settings.IS_DEMO = False
    client.force_login(User.objects.get(username="viewer"))
    assert "/demo/person" not in client.get("/").content.decode()
    assert client.post("/demo/person", {"username": "admin"}).status_code == 404


def test_people_who_are_only_called_so_do_not_switch(db: None, client: Client, settings: Any, tmp_path: Path) -> None:
    settings.DATA, settings.IS_DEMO = DataDirectory(tmp_path / "data"), True
    for username, role in DEMO_ROLES.items():
        RoleGrant.objects.create(user=User.objects.create_user(username=username), role=role)
    demo.ensure_demo_people()
    client.force_login(User.objects.get(username="viewer"))
    assert client.post("/demo/person", {"username": "admin"}).status_code == 404


def test_a_new_password_replaces_the_old_one_and_is_an_event(sign_in: dict[str, Any]) -> None:
    password = give_new_password(actor=SYSTEM, username="manager")
    assert authenticate(username="manager", password=password) is not None
    assert authenticate(username="manager", password=sign_in["people"]["manager"]) is None
    assert Event.objects.filter(verb="person.password_replaced", subject_label="manager").count() == 1


def test_a_token_acts_as_a_narrower_role_for_one_request(sign_in: dict[str, Any], client: Client) -> None:
    def ask(role: str, method: str = "get", path: str = "/api/v1/me", **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {sign_in['token']}", "X-Fairway-Acting-As": role}
        return getattr(client, method)(path, body, content_type="application/json", headers=headers)

    wanted = {"name": "QA", "host": "qa.localhost"}
    assert ask("viewer", "post", "/api/v1/environments", **wanted).status_code == 403
    assert ask("manager", "post", "/api/v1/environments", **wanted).status_code == 422
    assert ask("admin", "post", "/api/v1/environments", **wanted).status_code == 201
    assert Event.objects.get(verb="environment.created").acting_role == "admin"
