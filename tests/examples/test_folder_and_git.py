"""Each example goes live from a folder and from Git, as processes of this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from fairway.cli.audit_file import verify_evidence
from tests.examples.six import FLASK, Example, assert_as_deployed, each_example, host_of, place, some_examples
from tests.services.installation import Installation

CACHED = "Dependencies are unchanged: taken from the cache."
HERE = "staging"


class Repository:
    """A Git repository on this disk, one commit after another."""

    def __init__(self, git: str, folder: Path) -> None:
        self.folder, self._git = folder, git
        self._run("init", "--quiet", "--initial-branch", "main")

    def commit(self, message: str) -> str:
        """Commit everything; returns the commit's id."""
        self._run("add", "--all")
        self._run("commit", "--quiet", "--message", message)
        return self._run("rev-parse", "HEAD")

    def tag(self, name: str) -> None:
        self._run("tag", name)

    def source(self, ref: str = "main", **more: str) -> dict[str, str]:
        return {"kind": "git", "url": f"file://{self.folder}", "ref": ref, **more}

    def _run(self, *words: str) -> str:
        person = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}
        committer = {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}
        environment = {**os.environ, **person, **committer, "GIT_CONFIG_GLOBAL": os.devnull}
        argv = [self._git, *words]
        done = subprocess.run(argv, cwd=self.folder, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()


@pytest.fixture
def _tools(request: pytest.FixtureRequest, example: Example) -> None:
    if example.name == "express":
        request.getfixturevalue("npm")


@each_example
@pytest.mark.usefixtures("_tools")
def test_from_a_folder(fairway: Installation, tmp_path: Path, example: Example) -> None:
    slug = f"{example.name}-folder"
    place(fairway, slug, fairway.upload(example.copied_to(tmp_path)), HERE)
    number = fairway.deploy(slug, HERE)
    live = fairway.live(number)
    assert_as_deployed(fairway, live)
    assert live["version"] == "1.0.0"
    assert f"Detected {example.framework};" in fairway.log_of(number)
    example.assert_serves(fairway, host_of(slug, HERE))


@some_examples
@pytest.mark.usefixtures("_tools")
def test_from_git(fairway: Installation, git: str, tmp_path: Path, example: Example) -> None:
    slug = f"{example.name}-git"
    repository = Repository(git, example.copied_to(tmp_path))
    commit = repository.commit("Begin")
    place(fairway, slug, repository.source(), HERE)
    live = fairway.live(fairway.deploy(slug, HERE))
    assert_as_deployed(fairway, live)
    assert (live["commit"], live["version"]) == (commit, f"1.0.0+{commit[:7]}")
    example.assert_serves(fairway, host_of(slug, HERE))

    example.raise_version(repository.folder, "2.0.0")
    second = repository.commit("Raise the version")
    number = fairway.deploy(slug, HERE)
    live = fairway.live(number)
    assert live["commit"] == second
    if example.name != "static":
        assert CACHED in fairway.log_of(number)
    example.assert_serves(fairway, host_of(slug, HERE), "2.0.0")


def test_what_was_built_is_never_built_again(fairway: Installation, git: str, tmp_path: Path) -> None:
    repository = Repository(git, FLASK.copied_to(tmp_path))
    first = repository.commit("Begin")
    repository.tag("v1")
    FLASK.raise_version(repository.folder, "2.0.0")
    repository.commit("Raise the version")
    place(fairway, "one-build", repository.source(), HERE)
    fairway.live(fairway.deploy("one-build", HERE))
    FLASK.assert_serves(fairway, host_of("one-build", HERE), "2.0.0")
    digests = []
    for ref in ("v1", first):
        number = fairway.deploy("one-build", HERE, source=repository.source(ref))
        live = fairway.live(number)
        digests.append(live["digest"])
        assert live["commit"] == first
        FLASK.assert_serves(fairway, host_of("one-build", HERE))
    assert "nothing to build" in fairway.log_of(number)
    assert digests[0] == digests[1]


def test_evidence_leads_back_to_the_commit_and_names_the_packages(fairway: Installation, git: str, tmp_path: Path) -> None:
    repository = Repository(git, FLASK.copied_to(tmp_path))
    commit = repository.commit("Begin")
    place(fairway, "proven", repository.source(), HERE)
    live = fairway.live(fairway.deploy("proven", HERE))
    text = fairway.api("GET", f"/deployments/{live['id']}/evidence").text
    assert not (proof := verify_evidence(text.splitlines())).problem, proof.problem
    built, told = (json.loads(base64.b64decode(json.loads(line)["payload"])) for line in text.splitlines())
    assert built["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"] == {"gitCommit": commit}
    assert built["predicate"]["runDetails"]["builder"]["version"]["tool"].startswith("uv")
    assert (
        told["predicate"]["switch"]["served_digest"] == live["digest"] == f"sha256:{told['subject'][0]['digest']['sha256']}"
    )
    assert told["predicate"]["switch"]["probe"]["sent"] > 0
    bill = fairway.api("GET", f"/deployments/{live['id']}/sbom")
    assert hashlib.sha256(bill.body).hexdigest() == built["predicate"]["runDetails"]["byproducts"][0]["digest"]["sha256"]
    assert "pkg:pypi/flask@3.1.3" in [one["purl"] for one in bill.json["components"]]


def test_a_folder_of_a_larger_repository(fairway: Installation, git: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Several applications live here.\n")
    FLASK.copied_to(tmp_path)
    repository = Repository(git, tmp_path)
    repository.commit("Begin")
    place(fairway, "part", repository.source(folder="flask"), HERE)
    fairway.live(fairway.deploy("part", HERE))
    FLASK.assert_serves(fairway, host_of("part", HERE))
