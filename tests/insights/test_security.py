"""What is read of an installation: each line follows the command that fixes it, in few queries, without any secret."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fairway.accounts import demo_people
from fairway.accounts.commands import accept_invitation, create_person, set_active, set_roles
from fairway.accounts.demo_people import seed_demo_people
from fairway.accounts.mail_commands import set_mail
from fairway.accounts.models import ApiToken, OneTimeLink, User
from fairway.accounts.password_policy import set_password_policy
from fairway.accounts.provider_commands import save_provider
from fairway.accounts.queries import get_person
from fairway.accounts.rules import SYSTEM, Actor, Blocked, Role
from fairway.accounts.tokens import create_token, revoke_token
from fairway.accounts.two_step import new_secret, turn_on
from fairway.activity.checking import continue_verification, head_file
from fairway.activity.models import ChainCheck, Event
from fairway.applications.models import Application
from fairway.deployments.commands.placements import set_access
from fairway.deployments.subjects import placement_of
from fairway.drivers.wall.abilities import LAYERS, Abilities
from fairway.environments.commands import edit_environment
from fairway.environments.models import Environment
from fairway.insights.security import queries
from fairway.insights.security.lines import Line, State
from fairway.insights.security.rules import answer_of
from fairway.notifications.commands.channels import create_channel, edit_channel
from fairway.pipelines.commands.ci_trusts import end_trust, trust_ci
from fairway.resources import commands as resources
from fairway.resources.models import BackupSchedule
from fairway.resources.schedules import save_schedule
from tests.conftest import make_environment, make_person
from tests.services.authenticator import code_for
from tests.web.conftest import live

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(days=91)
MOST_QUERIES = 15


def line(code: str) -> Line:
    (found,) = [one for one in queries.security_lines(SYSTEM) if one.code == code]
    return found


def state(code: str) -> State:
    return line(code).state


@pytest.mark.parametrize("role", [Role.RELEASE_MANAGER, Role.DEPLOYER, Role.VIEWER])
def test_only_who_manages_the_whole_installation_is_told(role: Role, staging: Environment) -> None:
    for actor in (make_person("other", role), make_person("there", Role.ADMIN, environment=staging)):
        with pytest.raises(Blocked):
            queries.security_lines(actor)


def test_two_step_sign_in(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (state("two_step"), state("admins_two_step")) == (State.WEAK, State.WEAK)
    assert "ada" in line("admins_two_step").sentence
    secret, now = new_secret(), time.time()
    monkeypatch.setattr("allauth.mfa.totp.internal.auth.time", SimpleNamespace(time=lambda: now))
    turn_on(actor=admin, secret=secret, code=code_for(secret, now))
    assert (state("two_step"), state("admins_two_step")) == (State.OFF, State.GOOD)
    set_password_policy(actor=SYSTEM, passwords="everybody", emergency=[], two_step_required=True)
    assert state("two_step") == State.GOOD
    make_person("bob", Role.VIEWER)
    assert "1 of 2 people" in line("two_step").sentence


def test_passwords(admin: Actor) -> None:
    assert state("passwords") == State.NOT_APPLICABLE
    save_provider(
        actor=SYSTEM, slug="company", name="Company", issuer="https://login.example.com", client_id="fairway", secret="s"
    )
    assert state("passwords") == State.OFF
    make_person("bob", Role.VIEWER)
    set_password_policy(actor=SYSTEM, passwords="emergency", emergency=["ada"])
    assert state("passwords") == State.GOOD
    assert "1 of 1 people" in line("two_step").sentence


def test_administrators(admin: Actor) -> None:
    assert state("admins") == State.WEAK
    make_person("eve", Role.ADMIN)
    assert state("admins") == State.GOOD
    for number in range(4):
        make_person(f"more-{number}", Role.ADMIN)
    assert "6 people" in line("admins").sentence
    set_roles(actor=SYSTEM, user=get_person("more-0"), grants=[("viewer", None, None)])
    set_active(actor=SYSTEM, user=get_person("eve"), is_active=False)
    assert (state("admins"), "4 people" in line("admins").sentence) == (State.GOOD, True)


def test_people_who_are_away(admin: Actor, viewer: Actor) -> None:
    assert state("people_away") == State.GOOD
    User.objects.filter(pk=viewer.id).update(date_joined=timezone.now() - LONG_AGO)
    assert state("people_away") == State.WEAK
    token, _ = create_token(actor=viewer, name="ci")
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now())
    assert state("people_away") == State.GOOD
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now() - LONG_AGO)
    assert "1 active person" in line("people_away").sentence
    set_active(actor=SYSTEM, user=get_person("vera"), is_active=False)
    assert state("people_away") == State.GOOD


def test_invitations(admin: Actor) -> None:
    _, link = create_person(actor=admin, username="hedy", roles=["viewer"])
    assert (state("invitations"), "1 invitation waits" in line("invitations").sentence) == (State.GOOD, True)
    OneTimeLink.objects.update(created_at=timezone.now() - timedelta(days=4))
    assert state("invitations") == State.WEAK
    accept_invitation(link=link, password="correct horse battery")
    assert line("invitations").sentence == "None waits to be accepted."


def test_demo_people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo_people, "_seeded_file", lambda: tmp_path / "people.json")
    assert state("demo_people") == State.GOOD
    seed_demo_people()
    assert (state("demo_people"), "admin, manager, deployer, 1 more" in line("demo_people").sentence) == (State.WEAK, True)
    make_person("ada", Role.ADMIN)
    for name in ("admin", "manager", "deployer", "viewer"):
        assert state("demo_people") == State.WEAK
        set_active(actor=SYSTEM, user=get_person(name), is_active=False)
    assert state("demo_people") == State.GOOD


def test_no_secret_is_said(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    _, text = create_token(actor=admin, name="ci")
    set_mail(actor=admin, host="smtp.example.com", sender="a@example.com", username="mailer", password="hunter22")
    _, link = create_person(actor=admin, username="hedy", email="hedy@example.com")
    url = "https://hooks.slack.com/services/T0/B0/s3cretPart"
    create_channel(actor=admin, kind="slack", name="ops", url=url)
    monkeypatch.setattr(queries.settings, "HEADS_TO", "https://user:pa55word@heads.example.com")
    said = json.dumps(answer_of(queries.security_lines(SYSTEM)))
    assert [
        word for word in (text, text[:8], "hunter22", link, "s3cretPart", "pa55word", "@example.com") if word in said
    ] == []


def test_api_tokens(admin: Actor, viewer: Actor) -> None:
    assert {state(code) for code in ("tokens_endless", "tokens_unused", "tokens_unlimited")} == {State.NOT_APPLICABLE}
    tomorrow = timezone.now() + timedelta(days=1)
    create_token(actor=viewer, name="reads", expires_at=tomorrow)
    create_token(actor=admin, name="narrow", role="deployer", expires_at=tomorrow)
    assert {state(code) for code in ("tokens_endless", "tokens_unused", "tokens_unlimited")} == {State.GOOD}
    mighty, _ = create_token(actor=admin, name="mighty", expires_at=tomorrow)
    endless, _ = create_token(actor=viewer, name="endless")
    old, _ = create_token(actor=viewer, name="old", expires_at=tomorrow)
    ApiToken.objects.filter(pk=old.pk).update(created_at=timezone.now() - LONG_AGO)
    for code, token, owner in (
        ("tokens_unlimited", mighty, admin), ("tokens_endless", endless, viewer), ("tokens_unused", old, viewer)
    ):  # fmt: skip
        assert state(code) == State.WEAK
        revoke_token(actor=owner, token_id=token.pk)
        assert state(code) == State.GOOD


def test_ci_jobs(deployer: Actor, hello: Application, staging: Environment) -> None:
    assert state("ci_trusts") == State.NOT_APPLICABLE
    where = {"actor": deployer, "application": hello, "environment": staging, "ci": "github", "repository_id": "74"}
    trust_ci(**where, pattern="main")
    assert state("ci_trusts") == State.GOOD
    loose = trust_ci(**where, pattern="**")
    assert state("ci_trusts") == State.WEAK
    end_trust(actor=deployer, trust=loose)
    assert state("ci_trusts") == State.GOOD


def test_approvals_and_open_applications(admin: Actor, hello: Application, staging: Environment) -> None:
    assert "Staging" in line("approvals").sentence
    production = make_environment("production", position=5)
    live(hello, production)
    assert (state("approvals"), line("approvals").subject) == (State.WEAK, "production")
    assert (state("open_applications"), "Hello" in line("open_applications").sentence) == (State.OFF, True)
    edit_environment(actor=SYSTEM, environment=production, approvals_needed=1)
    placement = placement_of(hello, production)
    assert placement is not None
    set_access(actor=SYSTEM, placement=placement, access="signed_in")
    assert (state("approvals"), state("open_applications")) == (State.GOOD, State.GOOD)


def test_walls(admin: Actor, staging: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (state("walls"), state("required_walls")) == (State.NOT_APPLICABLE, State.NOT_APPLICABLE)
    place = make_environment("process", runtime="process")
    monkeypatch.setattr(queries, "abilities", lambda: Abilities(landlock=6))
    assert (state("walls"), state("required_walls")) == (State.WEAK, State.OFF)
    assert line("walls").sentence.endswith("missing: user, view.")
    monkeypatch.setattr(queries, "abilities", lambda: Abilities(landlock=6, own_user=True, view="root"))
    place.options = {"require": [LAYERS[1]]}
    place.save()
    assert (state("walls"), state("required_walls")) == (State.GOOD, State.GOOD)


def test_the_chain_and_its_heads(admin: Actor, settings: Any, tmp_path: Path) -> None:
    assert (state("chain"), state("heads")) == (State.WEAK, State.OFF)
    create_person(actor=admin, username="hedy")
    continue_verification()
    assert state("chain") == State.GOOD
    ChainCheck.objects.update(whole_at=timezone.now() - timedelta(days=2))
    assert state("chain") == State.WEAK
    Event.objects.update(comment="changed")
    ChainCheck.objects.update(whole_at=None)
    continue_verification()
    assert "broken" in line("chain").sentence
    settings.HEADS_TO = str(tmp_path)
    assert "None has been sent" in line("heads").sentence
    with head_file().writing():
        pass  # makes the folder
    head_file().note_external_copy(1, "https://user:s3cret@example.com answered 503", timezone.now().isoformat())
    assert (state("heads"), "s3cret" in str(line("heads"))) == (State.WEAK, False)
    head_file().note_external_copy(1, "", timezone.now().isoformat())
    assert state("heads") == State.GOOD


def test_backups_of_resources(deployer: Actor) -> None:
    assert state("backups") == State.NOT_APPLICABLE
    place = make_environment("staging", runtime="process")
    kept = resources.create_resource(actor=deployer, environment=place, kind="postgres", name="main")
    save_schedule(actor=SYSTEM, resource=kept, is_on=False)
    assert (state("backups"), "main (Staging)" in line("backups").sentence) == (State.WEAK, True)
    save_schedule(actor=SYSTEM, resource=kept, is_on=True)
    assert state("backups") == State.GOOD
    BackupSchedule.objects.all().delete()
    assert state("backups") == State.WEAK


def test_who_is_warned(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (state("mail"), state("channels")) == (State.WEAK, State.WEAK)
    set_mail(actor=admin, host="smtp.example.com", sender="fairway@example.com", security="none")
    assert "unencrypted" in line("mail").sentence
    set_mail(actor=admin, host="smtp.example.com", sender="fairway@example.com")
    assert state("mail") == State.GOOD
    monkeypatch.setenv("FAIRWAY_SMTP_HOST", "smtp.example.com")
    monkeypatch.setenv("FAIRWAY_SMTP_SECURITY", "none")
    assert state("mail") == State.WEAK
    addresses = {"actor": admin, "kind": "mail", "name": "crew", "addresses": ["crew@example.com"]}
    channel, _ = create_channel(**addresses, routes=[{"topics": ["deployed"]}])
    assert state("channels") == State.WEAK
    edit_channel(actor=admin, channel=channel, routes=[{"topics": ["security"]}])
    assert state("channels") == State.GOOD
    edit_channel(actor=admin, channel=channel, is_paused=True)
    assert state("channels") == State.WEAK


@pytest.mark.parametrize(
    ("code", "name", "weak", "good"),
    [
        ("source_addresses", "SOURCE_ADDRESSES", "any", "intranet"),
        ("sign_in_addresses", "SIGN_IN_ADDRESSES", "any", "public"),
        ("notify_addresses", "NOTIFY_ADDRESSES", "any", "intranet"),
        ("file_sources", "ALLOW_FILE_SOURCES", True, False),
        ("trusted_proxies", "TRUSTED_PROXIES", ["10.0.0.1", "::/0"], ["10.0.0.0/8"]),
        ("session_hours", "SESSION_HOURS", 2000.0, 12.0),
        ("address", "PUBLIC_URL", "http://fairway.example.com", "https://fairway.example.com"),
    ],
)
def test_variables(settings: Any, code: str, name: str, weak: object, good: object) -> None:
    setattr(settings, name, weak)
    assert (state(code), line(code).variable) == (State.WEAK, f"FAIRWAY_{name}")
    assert line(code).variable in line(code).fix
    setattr(settings, name, good)
    assert state(code) == State.GOOD


@pytest.mark.parametrize(
    ("host", "options", "preferred", "wanted"),
    [
        ("db.example.com", {}, "", State.WEAK),
        ("db.example.com", {"sslmode": "require"}, "verify-full", State.WEAK),
        ("db.example.com", {"sslmode": "verify-full"}, "", State.GOOD),
        ("db.example.com", {}, "verify-full", State.GOOD),
        ("db-1,db-2", {}, "disable", State.WEAK),
        ("", {}, "", State.NOT_APPLICABLE),
        ("/run/postgresql", {}, "", State.NOT_APPLICABLE),
        ("127.0.0.1", {}, "", State.NOT_APPLICABLE),
    ],
)
def test_the_way_to_the_database(
    settings: Any, monkeypatch: pytest.MonkeyPatch, host: str, options: dict[str, str], preferred: str, wanted: State
) -> None:
    used = {"ENGINE": "django.db.backends.postgresql", "HOST": host, "OPTIONS": options, "PASSWORD": "s3cret"}
    monkeypatch.setattr(queries.settings, "DATABASES", {"default": used})
    if preferred:
        monkeypatch.setenv("PGSSLMODE", preferred)
    assert (state("database"), "s3cret" in str(line("database"))) == (wanted, False)


def test_the_number_of_queries_never_grows(deployer: Actor, hello: Application, staging: Environment) -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            queries.security_lines(SYSTEM)
        return len(asked)

    first = count()
    for number in range(5):
        person = make_person(f"one-{number}", Role.ADMIN)
        create_token(actor=person, name="ci")
        place = make_environment(f"place-{number}", runtime="process", position=30 + number)
        resources.create_resource(actor=deployer, environment=place, kind="postgres", name="main")
        live(hello, make_environment(f"fake-{number}", position=50 + number))
        addresses = {"kind": "mail", "addresses": ["crew@example.com"]}
        create_channel(actor=person, name=f"crew {number}", **addresses)
    assert count() == first
    assert first <= MOST_QUERIES
