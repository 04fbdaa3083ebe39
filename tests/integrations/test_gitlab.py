"""The GitLab template: run by `gitlab-ci-local` as a pipeline includes it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from tests.integrations.conftest import ROOT, Trusted
from tests.services.node import new_enough
from tests.services.waiting import PATIENCE

TEMPLATE = ROOT / "integrations/gitlab/deploy.yml"
PACKAGE = "gitlab-ci-local@4.75.1"


@pytest.fixture(scope="module")
def gitlab_ci_local() -> Iterator[list[str]]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm or not shutil.which("rsync"):
        pytest.skip("Node.js, npm and rsync are not installed; on Debian: apt-get install nodejs npm rsync")
    with TemporaryDirectory(prefix="fairway-gitlab-") as folder:
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"{PACKAGE} could not be installed: {done.stderr[-2000:]}")
        program = Path(folder) / "node_modules/.bin/gitlab-ci-local"
        yield [new_enough(node, 24, Path(folder) / "node"), str(program.resolve())]


def piped(trusted: Trusted, place: Path, **inputs: str) -> str:
    """A repository whose pipeline includes the template."""
    (place / "ci").mkdir(parents=True)
    shutil.copy(TEMPLATE, place / "ci")
    given = {"address": trusted.address, "application": "ci-shop", "environment": "development", **inputs}
    pipeline = {"stages": ["deploy"], "include": [{"local": "ci/deploy.yml", "inputs": given}]}
    (place / ".gitlab-ci.yml").write_text(yaml.safe_dump(pipeline))
    (place / "index.html").write_text("<!doctype html><title>By a pipeline</title>")
    for words in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("remote", "add", "origin", "git@gitlab.example.com:octo-org/octo-repo.git"),
        ("add", "--all"),
        ("-c", "user.name=Grace", "-c", "user.email=grace@example.com", "commit", "--quiet", "--message", "Ship"),
    ):
        subprocess.run(("git", *words), cwd=place, check=True)
    return str(place)


def ran(program: list[str], trusted: Trusted, place: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The pipeline's job, with what GitLab would have signed for it."""
    command = [*program, "--force-shell-executor", "--variable", f"FAIRWAY_ID_TOKEN={trusted.token}", *words]
    command += ["fairway-deploy"]
    environment = {name: value for name, value in trusted.environment.items() if not name.startswith("ACTIONS_")}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_a_pipeline_deploys(gitlab_ci_local: list[str], trusted: Trusted, tmp_path: Path) -> None:
    done = ran(gitlab_ci_local, trusted, piped(trusted, tmp_path / "repository"))
    assert done.returncode == 0, done.stdout + done.stderr
    newest: Any = trusted.newest()
    assert (newest["status"], newest["reason"][:9]) == ("live", "Pipeline ")
    assert f"#{newest['id']} is live http://" in done.stdout
    assert "│" in done.stdout + done.stderr, "the log"
    assert "By a pipeline" in trusted.running.visit("ci-shop.development.localhost").text


def test_a_path_is_never_run(gitlab_ci_local: list[str], trusted: Trusted, tmp_path: Path) -> None:
    done = ran(gitlab_ci_local, trusted, piped(trusted, tmp_path / "repository", path="$(touch ran); echo `touch ran`"))
    assert done.returncode != 0
    assert not list((tmp_path / "repository").rglob("ran"))


def test_inputs_are_variables_and_the_job_asks_for_a_token_for_this_address() -> None:
    head, template = yaml.safe_load_all(TEMPLATE.read_text())
    (job,) = template.values()
    assert job["id_tokens"] == {"FAIRWAY_ID_TOKEN": {"aud": "$[[ inputs.address ]]"}}
    assert all("$[[" not in line for line in job["script"])
    used = TEMPLATE.read_text()
    assert all(f"inputs.{name} ]]" in used for name in head["spec"]["inputs"])
