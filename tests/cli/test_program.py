"""The program, used as a person and as a pipeline would: exit codes, JSON on stdout alone, clear lines on stderr."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Fairway
from tests.services.installation import Installation, wait_for
from tests.services.waiting import PATIENCE


def deployed(fairway: Fairway, name: str, folder: Path, *more: str) -> Any:
    return fairway.json("deploy", name, "--path", str(folder), "--env", "development", *more)


def slow_folder(place: Path) -> Path:
    """An application that never listens, so that its deployment stays in the step “check”."""
    place.mkdir()
    (place / "Procfile").write_text("web: python wait.py\n")
    (place / "wait.py").write_text("import time\ntime.sleep(600)\n")
    (place / "requirements.txt").write_text("")
    return place


def test_a_folder_goes_live_and_its_address_is_printed(fairway: Fairway, site: Path, running: Installation) -> None:
    said = fairway.process("deploy", "shop", "--path", str(site), "--env", "development", "--reason", "first")
    assert said.code == 0, said.err
    assert "Live" in said.out
    assert f"http://shop.development.localhost:{running.proxy_port}" in said.out
    assert "requests failed" in said.out
    assert "Prepare" in said.err
    assert "Retire" in said.err
    assert running.visit("shop.development.localhost").text == (site / "index.html").read_text()


def test_a_pipeline_reads_json_from_stdout_alone(fairway: Fairway, site: Path) -> None:
    said = fairway.process("deploy", "piped", "--path", str(site), "--env", "development", "--json")
    assert (said.code, said.json["status"], said.json["door"]) == (0, "live", "cli")
    assert "Prepare" in said.err


def test_deploy_promote_and_roll_back(fairway: Fairway, site: Path) -> None:
    first = deployed(fairway, "twice", site)
    (site / "index.html").write_text("<h1>second</h1>")
    second = deployed(fairway, "twice", site)
    promoted = fairway.json("promote", "twice", "--from", "development", "--to", "staging")
    assert (promoted["digest"], promoted["status"]) == (second["digest"], "live")
    back = fairway.json("rollback", "twice", "--env", "development")
    assert (back["digest"], back["returns_to"], back["status"]) == (first["digest"], first["id"], "live")
    shown = fairway("history", "twice")
    assert [word in shown.out for word in ("Live", "Superseded", "Roll back", "Promote")] == [True] * 4
    assert len(fairway.json("history", "twice", "--env", "development")) == 3
    again = fairway("rollback", "twice", "--env", "staging")
    assert (again.code, "no earlier version" in again.err) == (3, True)


def test_a_version_that_does_not_start_exits_1_and_says_why(fairway: Fairway, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "Procfile").write_text("web: python crash.py\n")
    (bad / "crash.py").write_text("raise SystemExit('out of cheese')\n")
    (bad / "requirements.txt").write_text("")
    said = fairway.process("deploy", "bad", "--path", str(bad), "--env", "development")
    assert said.code == 1
    assert "Failed" in said.out
    assert "fairway logs bad" in said.out


def test_a_lock_exits_3_and_says_who_can_clear_it(fairway: Fairway, site: Path) -> None:
    deployed(fairway, "locked", site)
    assert fairway("envs", "lock", "staging", "--reason", "fair week").code == 0
    try:
        refused = fairway("promote", "locked", "--from", "development", "--to", "staging")
        assert (refused.code, refused.out) == (3, "")
        assert "fair week" in refused.err
        assert "Who can clear it" in refused.err
        told = fairway("promote", "locked", "--from", "development", "--to", "staging", "--json")
        assert (told.code, told.json["error"]["blockers"][0]["code"], told.json["exit_code"]) == (3, "locked", 3)
        assert "Locked" in fairway("envs", "list").out
    finally:
        assert fairway("envs", "unlock", "staging").code == 0


def test_a_cancelled_deployment_exits_4_and_ctrl_c_cancels_nothing(fairway: Fairway, tmp_path: Path) -> None:
    folder = slow_folder(tmp_path / "slow")
    command = [sys.executable, "-m", "fairway.cli.main", "deploy", "slow", "--path", str(folder), "--env", "development"]
    with subprocess.Popen(
        command, env=fairway.environment(PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stderr is not None
        for line in program.stderr:
            if "Check" in line or "Start" in line:
                break
        program.send_signal(signal.SIGINT)
        rest = program.communicate(timeout=PATIENCE)[1]
    assert program.returncode == 130
    assert "continues without you" in rest
    (number,) = [one["id"] for one in fairway.json("history", "slow")]
    assert f"fairway cancel {number}" in rest
    assert fairway.json("history", "slow", "--status", "active")
    assert fairway("cancel", str(number), "--reason", "enough").code == 0
    ended = fairway("watch", str(number), "--json")
    assert (ended.code, ended.json["status"]) == (4, "cancelled")


def test_ctrl_c_ends_a_command(fairway: Fairway, site: Path) -> None:
    deployed(fairway, "errand", site)
    command = [sys.executable, "-m", "fairway.cli.main", "run", "errand", "--env", "development", "--", "sh", "-c"]
    with subprocess.Popen(
        [*command, "echo begun; sleep 600"],
        env=fairway.environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "begun\n"
        program.send_signal(signal.SIGINT)
        assert "is being ended" in program.communicate(timeout=PATIENCE)[1]
    assert program.returncode == 4
    wait_for(lambda: fairway.json("jobs", "errand")[0]["status"] == "cancelled", "the command has ended")
    assert fairway.json("jobs", "errand")[0]["exit_code"] is None


def test_no_wait_returns_at_once(fairway: Fairway, site: Path) -> None:
    queued = fairway("deploy", "quick", "--path", str(site), "--env", "development", "--no-wait")
    assert (queued.code, "queued" in queued.out) == (0, True)
    (one,) = fairway.json("history", "quick")
    assert fairway("watch", str(one["id"])).code == 0


def test_stop_start_scale_logs_and_delete(fairway: Fairway, site: Path, running: Installation) -> None:
    deployed(fairway, "life", site)
    assert fairway.json("stop", "life", "--env", "development")["health"] == "stopped"
    assert fairway("stop", "life", "--env", "development").code == 3
    assert fairway.json("start", "life", "--env", "development")["health"] == "healthy"
    assert fairway.json("scale", "life", "2", "--env", "development")["replicas"] == 2
    wait_for(lambda: len(running.instances("life", "development")) == 2, "two instances")
    running.visit("life.development.localhost")
    assert fairway("logs", "life", "--env", "development", "--tail", "20").code == 0
    said = fairway("run", "life", "--env", "development", "--", "sh", "-c", "echo $FAIRWAY_SERVICE; echo oh >&2; exit 7")
    assert (said.code, said.out, "oh" in said.err) == (7, "job\n", True)
    assert fairway("run", "life", "--env", "development", "--json", "--", "true").json["exit_code"] == 0
    assert [one["status"] for one in fairway.json("jobs", "life")] == ["succeeded", "failed"]
    assert "sh -c" in fairway("jobs").out
    assert fairway("run", "life", "--env", "development", "--", "no-such-program").code == 1
    again = ("deploy", "life", "--env", "development", "--access", "signed-in")
    assert "first deployment only" in fairway(*again).err
    number = str(fairway.json("history", "life")[0]["id"])
    assert "ready" in fairway("logs", "life", "--env", "development", "--deployment", number).out
    assert fairway("restart", "life", "--env", "development").code == 0
    refused = fairway("apps", "delete", "life")
    assert (refused.code, "--confirm life" in refused.err) == (2, True)
    assert fairway("apps", "delete", "life", "--confirm", "life").code == 0
    assert fairway("apps", "show", "life").code == 2


def test_configuration_and_secrets(fairway: Fairway, site: Path) -> None:
    fairway.json("apps", "create", "settings", "--path", str(site))
    here = ("settings", "--env", "development")
    assert fairway.json("config", "set", *here, "A=1", "B=x=y")["variables"] == {"A": "1", "B": "x=y"}
    saved = fairway("config", "set-secret", "settings", "KEY", "--env", "development", "--json", stdin="hunter22\n")
    assert saved.json["secrets"] == ["KEY"]
    shown = fairway("config", "show", *here)
    assert ("x=y" in shown.out, "hunter22" in shown.out + saved.out + saved.err) == (True, False)
    assert "+ KEY=••••" in fairway("config", "diff", *here).out
    assert fairway.json("config", "unset", "settings", "A", "KEY", "--env", "development")["secrets"] == []
    assert [one["version"] for one in fairway.json("config", "versions", *here)] == [3, 2, 1]
    assert fairway("config", "set", *here, "NOVALUE").code == 2
    assert fairway("config", "set", *here, "PORT=1").code == 2
    assert fairway("config", "unset", "settings", "NOPE", "--env", "development").code == 2


def test_signing_in_keeps_the_token_to_its_owner(fairway: Fairway, tmp_path: Path) -> None:
    made = fairway.json("tokens", "create", "laptop", "--role", "viewer")["token"]
    said = fairway("login", fairway.url, "--token-stdin", stdin=f"{made}\n", FAIRWAY_URL="", FAIRWAY_TOKEN="")
    assert said.code == 0, said.err
    assert made not in said.out + said.err
    file = tmp_path / ".config" / "fairway" / "cli.json"
    assert file.stat().st_mode & 0o777 == 0o600
    me = fairway("whoami", "--json", FAIRWAY_URL="", FAIRWAY_TOKEN="").json
    assert (me["acting_as"], me["url"]) == ("viewer", fairway.url)
    refused = fairway("envs", "lock", "staging", "-m", "x", FAIRWAY_URL="", FAIRWAY_TOKEN="")
    assert (refused.code, "role" in refused.err) == (3, True)
    assert fairway("logout", FAIRWAY_URL="", FAIRWAY_TOKEN="").code == 0
    assert not file.exists()
    wrong = fairway("login", fairway.url, "--token-stdin", stdin="fwy_wrong", FAIRWAY_URL="", FAIRWAY_TOKEN="")
    assert (wrong.code, "no longer works" in wrong.err) == (2, True)


def test_people_credentials_events_and_audit(fairway: Fairway, tmp_path: Path) -> None:
    invited = fairway.json("people", "invite", "grace", "--role", "viewer")
    assert invited["invitation"]["secret"]
    roles = fairway.json("people", "roles", "grace", "deployer@staging", "release-manager")
    assert {(one["role"], one["environment"]) for one in roles["grants"]} == {
        ("deployer", "staging"),
        ("release_manager", ""),
    }
    assert fairway.json("people", "reset-two-step", "grace")["two_step"] is False
    assert "with their password only" in fairway("people", "reset-two-step", "grace").out
    assert fairway.json("people", "deactivate", "grace")["is_active"] is False
    assert "Kept out" in fairway("people", "list").out
    stored = fairway("credentials", "set", "company", "--host", "r.example.com", "--username", "ci", stdin="hunter22")
    assert (stored.code, "hunter22" in stored.out + stored.err) == (0, False)
    assert "r.example.com" in fairway("credentials", "list").out
    assert fairway("credentials", "delete", "company").code == 0
    assert "stored the credential company" in fairway("events", "--verb", "credential", "--text", "STORED company").out
    assert fairway("events", "--severity", "warning", "--verb", "credential").out.startswith("No event matches")
    assert fairway("events", "--package", "shop").code == 2
    assert fairway.json("audit", "verify")["is_intact"] is True
    lines = fairway("audit", "export").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(1, len(lines) + 1))
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines))
    assert "without gaps, from the first one on" in fairway("audit", "verify", str(file)).out
    file.write_text("\n".join(lines).replace("grace", "gregor", 1))
    assert fairway("audit", "verify", str(file)).code == 1
    assert fairway("audit", "export", "--csv").out.startswith("id,at,actor_id")
    assert fairway("--as", "viewer", "people", "list").code == 3
    assert fairway.json("openapi")["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("deploy", "x", "--env", "development"), "specify its source"),
        (("deploy", "x", "--env", "nowhere", "--image", "a"), "nowhere"),
        (("deploy", "x", "--env", "development", "--image", "a", "--git", "b"), "exclude each other"),
        (("deploy", "x", "--env", "development", "--path", "/no/such/folder"), "no/such/folder"),
        (("deploy", "x", "--env", "development", "--image", "UPPER CASE"), "image"),
        (("deploy", "x"), "--env"),
        (("deploy", "Bad Name", "--env", "development", "--image", "a/b"), "slug"),
        (("history", "--status", "nonsense"), "status"),
        (("cancel", "999999"), "999999"),
        (("cancel", "minus"), "integer"),
        (("fly",), "fly"),
        (("envs", "lock", "nowhere", "-m", "x"), "nowhere"),
        (("people", "roles", "nobody", "viewer"), "nobody"),
        (("login", "ftp://x"), "address"),
    ],
)
def test_bad_input_exits_2_and_says_what_to_do(fairway: Fairway, arguments: tuple[str, ...], words: str) -> None:
    said = fairway(*arguments)
    assert (said.code, said.out) == (2, ""), said
    assert words in said.err


def test_nobody_answering_is_said_with_what_to_do(fairway: Fairway) -> None:
    said = fairway("apps", "list", FAIRWAY_URL="http://127.0.0.1:9")
    assert said.code == 1
    assert "fairway up" in said.err


def test_tables_keep_to_the_terminal_and_colours_to_those_who_want_them(fairway: Fairway, site: Path) -> None:
    deployed(fairway, "narrow", site)
    if shutil.which("script") is None:
        pytest.skip("script(1) is not installed")
    program = f"{sys.executable} -m fairway.cli.main apps list"
    for columns, no_colour in (("60", ""), ("100", "1")):
        environment = fairway.environment(COLUMNS=columns, TERM="xterm-256color", **({"NO_COLOR": "1"} if no_colour else {}))
        done = subprocess.run(
            ["script", "-qec", program, "/dev/null"],
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        assert "narrow" in done.stdout
        has_colour = "\x1b[32m" in done.stdout
        assert has_colour == (not no_colour)
        for line in done.stdout.splitlines():
            plain = "".join(part.partition("m")[2] if index else part for index, part in enumerate(line.split("\x1b[")))
            assert len(plain.rstrip()) <= int(columns), plain


def test_help_starts_fast_without_what_it_does_not_need(fairway: Fairway) -> None:
    code = "import sys, fairway.cli.main; print(sorted({'django', 'httpx', 'rich', 'ninja'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert fairway.process("--help").code == 0
    assert fairway("--version").out.startswith("fairway ")


def test_an_environment_on_a_host_over_ssh(fairway: Fairway) -> None:
    address = "ssh://deploy@nowhere.invalid"
    made = fairway("envs", "create", "Afar", "--host", "afar.localhost", "--docker-host", address)
    assert made.code == 0, made.err
    assert "fairway envs host afar" in made.out
    wait_for(lambda: "its name is not known" in fairway("envs", "host", "afar", "--look").out, "a worker has looked")
    shown = fairway.json("envs", "host", "afar")
    assert (shown["address"], shown["state"]) == (address, "asking")
    refused = fairway("envs", "host", "afar", "--confirm", "SHA256:something")
    assert refused.code != 0
    assert "has not shown its key yet" in refused.err
    assert "does not run on a host over SSH" in fairway("envs", "host", "staging").out
    assert fairway("envs", "delete", "afar", "--confirm", "afar").code == 0
