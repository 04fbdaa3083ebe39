"""Events as a file: verified without Fairway, safe in spreadsheets, only what one may see, and an event itself."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from fairway.accounts.models import User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Role
from fairway.accounts.tokens import create_token
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.cli import audit_file
from fairway.cli.audit_file import verify_lines
from fairway.environments.commands import lock_environment, unlock_environment
from tests.conftest import make_person

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "audit.md"


@pytest.fixture
def exported(admin, staging, production):
    lock_environment(actor=admin, environment=staging, reason='=HYPERLINK("http://x")')
    unlock_environment(actor=admin, environment=staging)
    lock_environment(actor=admin, environment=production, reason="Bücher, “zu”")

    def export(actor=admin, **query: str) -> str:
        _, token = create_token(actor=actor_for(User.objects.get(pk=actor.id), door=Door.API), name="export")
        answer = Client().get("/api/v1/events/export", query, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]

    return export


def test_json_lines_verify_without_fairway_by_our_program_and_by_the_guides(exported, tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text(exported())
    found = verify_lines(file.read_text().splitlines())
    assert (found.broken_at, found.gaps, found.first_is_genesis) == (None, 0, True)
    assert found.checked == len(file.read_text().splitlines()) >= 4
    program = tmp_path / "verify.py"
    program.write_text(re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0])
    for checker in (program, Path(audit_file.__file__)):
        done = subprocess.run([sys.executable, "-I", checker, file], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    file.write_text(file.read_text().replace("zu", "auf"))
    for checker in (program, Path(audit_file.__file__)):
        done = subprocess.run([sys.executable, "-I", checker, file], capture_output=True, text=True, check=False)
        assert done.returncode == 1


def test_a_filtered_export_has_gaps_and_an_edited_line_is_named(exported):
    lines = exported(verb="environment", environment="staging").splitlines()
    assert verify_lines([lines[0]]).checked == 1
    everything = exported().splitlines()
    assert verify_lines([everything[0], *everything[2:]]).gaps == 1
    event = json.loads(everything[1])
    event["comment"] = "Nothing"
    assert verify_lines([everything[0], json.dumps(event)]).broken_at == event["id"]
    assert "Line 1 is not an event" in verify_lines(["[]"]).sentence


def test_csv_never_calculates(exported):
    rows = list(csv.DictReader(io.StringIO(exported(format="csv", verb="environment.locked"))))
    assert [row["comment"] for row in rows] == ['\'=HYPERLINK("http://x")', "Bücher, “zu”"]
    assert json.loads(rows[1]["after"])["reason"] == "Bücher, “zu”"


def test_an_export_holds_what_one_may_see_and_is_an_event_with_its_filters(exported, staging):
    narrowed = make_person("nora", Role.VIEWER, environment=staging)
    seen = [json.loads(line) for line in exported(narrowed, text="HYPERLINK").splitlines()]
    assert {one["environment"] for one in seen} == {"staging"}
    assert not [line for line in exported(narrowed).splitlines() if "Bücher" in line]
    event = Event.objects.filter(verb="events.exported").earliest("pk")
    assert (event.actor_name, event.after) == ("nora", {"format": "jsonl", "text": "HYPERLINK"})
