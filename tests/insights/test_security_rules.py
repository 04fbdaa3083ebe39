"""The rules about an installation's security: each line is good for a sound installation, and weak where it should be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from fairway.insights.security.facts import Facts, Held, Network, People, Records, Running, SignIn, Tokens
from fairway.insights.security.lines import Group, Line, State, group_title, state_word
from fairway.insights.security.rules import answer_of, count_weak, lines_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOUND = Facts(
    now=NOW,
    sign_in=SignIn(True, True, 1, least_password=10, session_hours=336, idle_minutes=30),
    people=People(admins=2, with_password=3),
    tokens=Tokens(working=4, ci_trusts=1),
    running=Running("Production", "production", 1, 2, (), ("Production",), (), {"user": True, "files": True}),
    records=Records(
        heads_elsewhere=True, verified_to=7, verified_at=NOW - timedelta(hours=5), resources=1, mail="starttls", channels=1
    ),
    network=Network("https://fairway.example.com", ("fairway.example.com",), database="verify-full"),
)


def judged(**changes: dict[str, Any]) -> dict[str, Line]:
    """The lines of a sound installation with these differences, by what they check."""
    facts = replace(SOUND, **{part: replace(getattr(SOUND, part), **fields) for part, fields in changes.items()})
    return {line.code: line for line in lines_of(facts)}


def test_a_sound_installation_has_nothing_weak_and_nothing_to_fix():
    assert {line.state for line in judged().values()} == {State.GOOD}
    assert [line.code for line in judged().values() if line.fix or line.variable] == []
    assert {line.group for line in judged().values()} == set(Group)


@pytest.mark.parametrize(
    ("code", "part", "fields", "words"),
    [
        ("two_step", "sign_in", {"two_step_required": False}, "not required"),
        ("passwords", "sign_in", {"only_emergency": False}, "Everybody may use one"),
        ("session_idle", "sign_in", {"idle_minutes": 0}, "without use"),
        ("session_hours", "sign_in", {"session_hours": 721}, "721"),
        ("password_rules", "sign_in", {"least_password": 6}, "6 characters"),
        ("admins", "people", {"admins": 1}, "1 person is"),
        ("admins", "people", {"admins": 6}, "6 people are"),
        ("admins_two_step", "people", {"admins_without_code": ("ada", "bob", "eve", "zed")}, "ada, bob, eve, 1 more"),
        ("people_away", "people", {"away": ("bob", "eve")}, "2 active people have"),
        ("invitations", "people", {"invited": 2, "invited_at": NOW - timedelta(days=4)}, "2 invitations wait"),
        ("demo_people", "people", {"demo": ("viewer",)}, "viewer"),
        ("tokens_endless", "tokens", {"endless": Held(1, ("eve",))}, "1 API token works for ever. Owner: eve."),
        ("tokens_unused", "tokens", {"unused": Held(2, ("bob", "eve"))}, "2 API tokens work"),
        ("tokens_unlimited", "tokens", {"unlimited": Held(1, ("ada",))}, "may do everything"),
        ("ci_trusts", "tokens", {"ci_any": ("shop",)}, "shop"),
        ("approvals", "running", {"approvals": 0}, "Production"),
        ("open_applications", "running", {"open_applications": ("Hello",)}, "Hello"),
        ("walls", "running", {"walls": {"user": False, "files": True}}, "user"),
        ("required_walls", "running", {"without_required": ("Production",)}, "Production"),
        ("chain", "records", {"is_broken": True}, "broken"),
        ("chain", "records", {"verified_at": NOW - timedelta(hours=25)}, "2026-02-28 11:00 UTC"),
        ("chain", "records", {"verified_at": None}, "not been verified"),
        ("heads", "records", {"heads_elsewhere": False}, "on this machine only"),
        ("heads", "records", {"heads_sent": False}, "None has been sent"),
        ("heads", "records", {"heads_failed": True}, "did not take"),
        ("backups", "records", {"without_backups": ("db (Production)",)}, "db (Production)"),
        ("mail", "records", {"mail": ""}, "no mail server"),
        ("mail", "records", {"mail": "none"}, "unencrypted"),
        ("channels", "records", {"channels": 0}, "No channel"),
        ("address", "network", {"public_url": "http://fairway.example.com"}, "does not begin with https"),
        ("address", "network", {"hosts": ("*",)}, "any host name"),
        ("source_addresses", "network", {"source_addresses": "any"}, "this machine included"),
        ("sign_in_addresses", "network", {"sign_in_addresses": "any"}, "this machine included"),
        ("notify_addresses", "network", {"notify_addresses": "any"}, "this machine included"),
        ("file_sources", "network", {"file_sources": True}, "file://"),
        ("trusted_proxies", "network", {"trusts_every_proxy": True}, "pretend"),
        ("database", "network", {"database": "prefer"}, "sslmode=prefer"),
        ("database", "network", {"database": "require"}, "sslmode=require"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_weak_or_off_says_so_and_how_to_fix_it(code: str, part: str, fields: dict[str, Any], words: str):
    found = judged(**{part: fields})
    line = found[code]
    is_choice = {"two_step", "passwords", "session_idle", "open_applications", "required_walls"}
    is_off = code in is_choice or fields == {"heads_elsewhere": False}
    assert line.state == (State.OFF if is_off else State.WEAK)
    assert words in line.sentence
    assert line.fix or code == "password_rules"  # which nobody can change
    assert {other.state for other in found.values() if other.code != code} <= {State.GOOD}


@pytest.mark.parametrize(
    ("code", "part", "fields"),
    [
        ("two_step", "people", {"with_password": 0}),
        ("passwords", "sign_in", {"only_emergency": False, "providers": 0}),
        ("tokens_endless", "tokens", {"working": 0}),
        ("ci_trusts", "tokens", {"ci_trusts": 0}),
        ("approvals", "running", {"production": ""}),
        ("open_applications", "running", {"applications": 0}),
        ("walls", "running", {"on_process": ()}),
        ("walls", "running", {"walls": None}),
        ("backups", "records", {"resources": 0}),
        ("address", "network", {"public_url": "http://localhost:8000", "hosts": ("localhost", "127.0.0.1", "[::1]")}),
        ("database", "network", {"database": ""}),
        ("database", "network", {"database": "local"}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_not_there_does_not_apply(code: str, part: str, fields: dict[str, Any]):
    line = judged(**{part: fields})[code]
    assert (line.state, line.fix) == (State.NOT_APPLICABLE, "")


def test_two_step_sign_in_is_weak_only_while_somebody_may_do_without():
    weak = judged(sign_in={"two_step_required": False}, people={"without_code": 2})["two_step"]
    assert (weak.state, "2 of 3 people" in weak.sentence) == (State.WEAK, True)
    required = judged(people={"without_code": 1})["two_step"]
    assert (required.state, "1 of 3 people" in required.sentence) == (State.GOOD, True)


def test_a_new_invitation_is_not_weak():
    assert judged(people={"invited": 1, "invited_at": NOW - timedelta(days=2)})["invitations"].state == State.GOOD


def test_what_is_weak_comes_first():
    lines = list(judged(network={"file_sources": True}, sign_in={"idle_minutes": 0}).values())
    assert (lines[0].code, lines[0].group) == ("file_sources", Group.NETWORK)
    groups = list(dict.fromkeys(line.group for line in lines))
    assert groups == [Group.NETWORK, Group.SIGN_IN, Group.PEOPLE, Group.TOKENS, Group.RUNNING, Group.RECORDS]
    assert next(line.code for line in lines if line.group == Group.SIGN_IN) == "session_idle"
    assert (count_weak(lines), answer_of(lines)["weak"]) == (1, 1)


def test_every_group_and_state_has_words():
    assert len({group_title(group) for group in Group}) == len(Group)
    assert len({state_word(state) for state in State}) == len(State)


@pytest.mark.parametrize("people", [1, 2])
def test_every_sentence_is_said_in_french(people: int):
    """All that is good, all that is weak, and all that does not apply."""
    names = tuple("abcdef"[:people])
    weak = Facts(
        NOW,
        SignIn(session_hours=1000, providers=1),
        People(people, 7, people, names, names, people, NOW - timedelta(days=5), names),
        Tokens(9, Held(people, names), Held(people, names), Held(people, names), 1, names),
        Running("X", "x", 0, 3, names, names, names, {"user": False}),
        Records(True, True, True, resources=2, without_backups=names, mail="none"),
        Network("http://x.example.com", ("x.example.com",), "any", "public", "any", True, True, "prefer"),
    )
    nothing = Facts(NOW, SignIn(), People(), Tokens(), Running(), Records(heads_elsewhere=True, heads_sent=False), Network())
    required = replace(
        weak, sign_in=SignIn(True), people=People(2, 7, people, invited=people), records=Records(verified_at=NOW)
    )
    for facts in (SOUND, weak, nothing, required):
        english = {line.code: line for line in lines_of(facts)}
        with translation.override("fr"):
            for line in lines_of(facts):
                assert line.sentence != english[line.code].sentence
                assert line.fix != english[line.code].fix or not line.fix
                assert group_title(line.group)
