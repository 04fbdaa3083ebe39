"""`fairway insights` against a real installation: what was really deployed is counted, as words, JSON and CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from fairway.cli.insights import local_zone
from tests.cli.conftest import Fairway


@pytest.mark.parametrize(
    ("variable", "place", "zone"),
    [
        ("Europe/Paris", "", "Europe/Paris"),
        (":Asia/Tokyo", "", "Asia/Tokyo"),
        ("/etc/localtime", "", "UTC"),
        ("", "usr/share/zoneinfo/America/Lima", "America/Lima"),
        ("", "somewhere/else", "UTC"),
    ],
)
def test_whose_days_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, place: str, zone: str) -> None:
    monkeypatch.setenv("TZ", variable)
    link = tmp_path / "localtime"
    link.symlink_to(tmp_path / place)
    assert local_zone(link) == zone


def test_what_was_deployed_is_counted(fairway: Fairway, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>It is there</h1>")
    assert fairway("deploy", "counted", "--path", str(tmp_path), "--env", "development").code == 0
    (tmp_path / "main.py").write_text("raise SystemExit('no such luck')\n")
    (tmp_path / "Procfile").write_text("web: python main.py\n")
    assert fairway("deploy", "counted", "--path", str(tmp_path), "--env", "development").code == 1
    about = ("insights", "--app", "counted", "--env", "development")
    found = fairway.json(*about, "--days", "7")
    figures = {one["key"]: one for one in found["figures"]}
    assert (figures["deployment_frequency"]["sample"], figures["change_fail_rate"]["value"]) == (1, 0)
    assert (figures["lead_time"]["value"], found["without_commit"]) == (None, 1)
    assert (found["outcomes"]["good"], found["outcomes"]["failed"]) == (1, 1)
    assert {one["step"] for one in found["steps"]} >= {"prepare", "start", "switch"}
    assert found["times"]["queue"]["count"] == 2
    said = fairway(*about).out
    for words in ("Deployment frequency", "1 new version without a commit", "50.0 % went well", "Fails most", "step switch"):
        assert words in said + fairway(*about).err, words
    (row,) = csv.DictReader(io.StringIO(fairway(*about, "--csv").out))
    assert (row["application"], row["new_versions"], row["ended_failed"]) == ("counted", "1", "1")


def test_what_makes_no_sense_is_said(fairway: Fairway) -> None:
    assert "since is not a day" in fairway("insights", "--from", "soon").err.replace(": ", " ")
    assert fairway("insights", "--csv", "--json").code == 2
    assert "There is no application “nothing”" in fairway("insights", "--app", "nothing").err
