"""Times, sizes and figures as a terminal shows them; accounts and sources as they are typed."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairway.cli import account, output, words
from fairway.cli.failures import BadInput, Code, stop_for
from fairway.cli.how import RunOptions, merged_spec


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.04, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_durations(value: float | None, text: str) -> None:
    assert words.seconds(value) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("2026-03-01T11:59:50Z", "just now"),
        ("2026-03-01T11:55:00+00:00", "5 min ago"),
        ("2026-03-01T09:00:00Z", "3 h ago"),
        ("2026-02-27T12:00:00Z", "2 d ago"),
        ("2025-03-01T12:00:00Z", "2025-03-01"),
        (None, ""),
    ],
)
def test_moments(at: str | None, text: str) -> None:
    assert words.ago(at, datetime(2026, 3, 1, 12, tzinfo=UTC)) == text


def test_sizes_probes_and_sources() -> None:
    assert [words.size(count) for count in (12, 2048, 300 * 1024, 5 * 1024**2)] == ["12 B", "2.0 kB", "300 kB", "5.0 MB"]
    figure = {"sent": 1240, "failed": 0, "first_seen_ms": 212.4, "duration_ms": 900}
    assert words.probe(figure) == "0 of 1,240 requests failed, new version first seen at +212 ms"
    assert words.source("git", {"url": "https://x/y.git", "ref": "v1", "folder": "app"}) == "https://x/y.git#v1:app"


def test_every_state_has_a_shape_of_its_own_beside_its_colour() -> None:
    looks = {(shape, colour) for shape, _, colour in words.LOOKS.values()}
    for state in ("live", "failed", "errored", "queued", "running", "cancelled", "locked", "waiting"):
        assert sum(1 for one in looks if one[0] == words.LOOKS[state][0]) == 1, state


@pytest.mark.parametrize("text", ["", "ftp://x", "http://", "https://u:p@x", "http://x:99999", "https://x?y=1"])
def test_what_is_no_address_is_said_so(text: str) -> None:
    with pytest.raises(BadInput):
        account.parse_url(text)


def test_a_stored_token_is_its_owners_and_only_for_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("FAIRWAY_URL", "FAIRWAY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert account.current_account() == account.Account(account.DEFAULT_URL)
    file = account.store(account.Account("https://fairway.example.com", "fwy_secret"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert account.current_account().token == "fwy_secret"
    assert "fwy_secret" not in repr(account.current_account())
    monkeypatch.setenv("FAIRWAY_URL", "https://elsewhere.example.com")
    assert account.current_account() == account.Account("https://elsewhere.example.com")
    monkeypatch.setenv("FAIRWAY_TOKEN", "fwy_other")
    assert account.current_account().token == "fwy_other"
    file.write_text(json.dumps(["nonsense"]))
    with pytest.raises(BadInput):
        account.current_account()


@pytest.mark.parametrize(
    ("status", "problem", "code"),
    [
        (409, {"detail": "x", "blockers": [{"code": "locked", "sentence": "x"}]}, Code.REFUSED),
        (403, {"detail": "x", "blockers": [{"code": "role", "sentence": "x"}]}, Code.REFUSED),
        (401, {}, Code.USAGE),
        (404, {"detail": "x"}, Code.USAGE),
        (422, {"detail": "x"}, Code.USAGE),
        (409, {"detail": "x"}, Code.FAILED),
        (500, {}, Code.FAILED),
    ],
)
def test_exit_codes_of_refusals(status: int, problem: dict[str, object], code: Code) -> None:
    assert stop_for(status, problem, "http://x").code == code


@pytest.mark.parametrize("value", ["hunter22", "hunter22\n", "-----BEGIN-----\r\nab\r\n-----END-----\r\n", "é\t \n\n"])
def test_a_piped_secret_is_taken_to_the_byte(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(value.encode()), newline=None))
    assert output.read_value("Value") == value
    assert ("ends with a newline" in capsys.readouterr().err) is (value == "hunter22\n")


def test_what_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe")))
    with pytest.raises(BadInput, match="is not UTF-8"):
        output.read_value("Value")


def test_only_what_is_said_of_how_it_runs_changes():
    assert RunOptions().spec() == {}
    nothing = RunOptions(release="", start="", python="", sticky="auto", volumes=[""]).spec()
    assert nothing == {"release": None, "command": None, "sticky": None, "volumes": None, "install": {"python": None}}
    assert RunOptions(services=[""]).spec() == {"services": {}}, "none, whatever is detected"
    assert RunOptions(services=["a=python a.py --x=1", "b = b"]).spec() == {"services": {"a": "python a.py --x=1", "b": "b"}}
    said = RunOptions(start="node x.js", health="/up", publish="dist", sticky="off", volumes=["data:/data", "media: /media"])
    assert said.spec() == {
        "command": "node x.js",
        **{"health_path": "/up", "health_command": None, "health_tcp": None},
        "sticky": False,
        "volumes": [["data", "/data"], ["media", "/media"]],
        "install": {"publish": "dist"},
    }
    before = {"command": ["x"], "port": 9, "install": {"python": "3.12", "node": "22"}}
    assert merged_spec(before, nothing) == {"port": 9, "install": {"node": "22"}}
    assert merged_spec({"health_tcp": True}, said.spec())["health_path"] == "/up"
    assert "health_tcp" not in merged_spec({"health_tcp": True}, said.spec()), "one kind takes the place of another"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("tcp", "health_tcp", True), ("/up", "health_path", "/up"), ("check -q", "health_command", "check -q")],
)
def test_a_health_check_is_of_one_kind(text: str, kind: str, value: object):
    assert {name: one for name, one in RunOptions(health=text).spec().items() if one is not None} == {kind: value}
    assert set(RunOptions(health="").spec().values()) == {None}, "as detected"


@pytest.mark.parametrize(("text", "size"), [("512m", 2**29), ("1.5GB", 3 * 2**29), ("65536", 65536), ("", None)])
def test_memory_is_a_size(text: str, size: int | None):
    assert RunOptions(memory=text).spec() == {"memory_bytes": size}


@pytest.mark.parametrize(
    "wrong",
    [RunOptions(sticky="perhaps"), RunOptions(volumes=["data"]), RunOptions(services=["worker"]), RunOptions(memory="lots")],
)
def test_wrong_options_are_refused_before_anything_is_sent(wrong):
    with pytest.raises(BadInput):
        wrong.spec()
