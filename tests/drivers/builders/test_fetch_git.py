"""Real git: over file:// and over a real sshd with a deploy key; bad references, hooks, limits and cancellation."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairway.drivers.addresses import public_only
from fairway.drivers.builders.fetch_git import FetchLimits, fetch_git, resolve_ref
from fairway.drivers.builders.tree import tree_checksum
from fairway.shared.failures import Cancelled, NeedsPerson, Refused, Retry
from fairway.shared.names import Invalid
from tests.services.ports import free_port
from tests.services.waiting import PATIENCE, eventually

from .conftest import Heard
from .folders import make

AUTHOR = {
    **{
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
    },
    **{f"GIT_{who}_DATE": "2026-03-01T10:00:00+01:00" for who in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": os.environ["PATH"],
}


@dataclass(frozen=True)
class Repository:
    folder: Path

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def git(self, *argv: str) -> str:
        command = ("git", "-c", "init.defaultBranch=main", *argv)
        return subprocess.run(
            command, cwd=self.folder, env=AUTHOR, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, message: str, **files: str) -> str:
        make(self.folder, {name.replace("__", "."): text for name, text in files.items()})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(git: str, tmp_path: Path) -> Repository:
    made = Repository(make(tmp_path / "origin", {}))
    made.git("init", "--quiet")
    made.commit("First\n\nWith a body.", app__py="print(1)\n")
    return made


def test_a_branch_comes_as_a_plain_folder(repository: Repository, tmp_path: Path, heard: Heard) -> None:
    commit = repository.git("rev-parse", "HEAD")
    checkout = fetch_git(repository.url, "main", tmp_path / "here", progress=heard, allow_file=True)
    assert (checkout.commit, checkout.author, checkout.message) == (commit, "Ada <ada@example.org>", "First\n\nWith a body.")
    assert checkout.committed_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert [place.name for place in checkout.folder.iterdir()] == ["app.py"]
    assert checkout.checksum == tree_checksum(tmp_path / "here")
    assert any(commit[:12] in line for line in heard.lines)


def test_tags_commits_and_the_default_branch(repository: Repository, tmp_path: Path, heard: Heard) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "--annotate", "v1", "--message", "one")
    second = repository.commit("Second", app__py="print(2)\n")
    repository.git("branch", "feature/main", first)
    for ref, commit in (
        ("v1", first),
        ("main", second),
        (first, first),
        ("", second),
        ("feature/main", first),
        ("refs/tags/v1", first),
    ):
        assert resolve_ref(repository.url, ref, allow_file=True) == commit
        assert fetch_git(repository.url, ref, tmp_path / "here", progress=heard, allow_file=True).commit == commit


@pytest.mark.parametrize(
    ("ref", "words"), [("missing", "no branch or tag"), ("abcdef1", "whole id"), ("f" * 40, "There is no commit")]
)
def test_a_reference_that_is_not_there(repository: Repository, tmp_path: Path, heard: Heard, ref: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        fetch_git(repository.url, ref, tmp_path / "here", progress=heard, allow_file=True)
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("ref", ["--upload-pack=touch x", "a b", "a..b", "-x", "a:b"])
def test_a_wrong_reference_is_refused_before_git_runs(
    repository: Repository, tmp_path: Path, heard: Heard, ref: str
) -> None:
    with pytest.raises(Invalid, match="ref"):
        fetch_git(repository.url, ref, tmp_path / "here", progress=heard, allow_file=True)


def test_a_repository_that_is_not_there(git: str, tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(Refused, match="no repository"):
        fetch_git(f"file://{tmp_path}/nothing", "main", tmp_path / "here", progress=heard, allow_file=True)
    with pytest.raises(Invalid, match="not allowed"):
        fetch_git(f"file://{tmp_path}/nothing", "main", tmp_path / "here", progress=heard)


def test_a_server_that_is_not_there_is_tried_again(git: str, tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(Retry, match="could not be reached"):
        fetch_git(f"https://127.0.0.1:{free_port()}/a", "main", tmp_path / "here", progress=heard)


def test_a_private_host_is_refused_by_policy(git: str, tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(NeedsPerson, match="this machine itself"):
        fetch_git("https://127.0.0.1/a.git", "main", tmp_path / "here", progress=heard, policy=public_only)


def test_nothing_of_the_repository_runs(repository: Repository, tmp_path: Path, heard: Heard) -> None:
    trap = tmp_path / "ran"
    hook = f"#!/bin/sh\ntouch {trap}\n"
    make(repository.folder, {".git/hooks/post-checkout": hook, ".git/hooks/pre-upload": hook})
    for name in ("post-checkout", "pre-upload"):
        (repository.folder / ".git/hooks" / name).chmod(0o755)
    first = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{first},libs/x")
    modules = f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch% {trap}"\n'
    make(repository.folder, {".gitmodules": modules})
    repository.git("add", ".gitmodules")
    repository.git("commit", "--quiet", "--message", "Trap")
    fetch_git(repository.url, "main", tmp_path / "here", progress=heard, allow_file=True)
    assert not trap.exists()
    assert "Submodules are not fetched; their folders are empty: libs/x." in heard.lines


def test_a_repository_that_is_too_large_is_refused(repository: Repository, tmp_path: Path, heard: Heard) -> None:
    repository.commit("Large", data="x" * 3_000_000)
    with pytest.raises(Refused, match="larger than 1 MiB"):
        fetch_git(
            repository.url, "main", tmp_path / "here", progress=heard, allow_file=True, limits=FetchLimits(bytes=1024 * 1024)
        )
    assert [place.name for place in tmp_path.iterdir()] == ["origin"]


def test_a_cancelled_fetch_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        fetch_git(
            repository.url, "main", tmp_path / "here", progress=Heard(lambda line: "Fetching" in line), allow_file=True
        )
    assert [place.name for place in tmp_path.iterdir()] == ["origin"]


@dataclass(frozen=True)
class Server:
    port: int
    key: str
    host_key: str


@pytest.fixture
def server(sshd: str, tmp_path: Path) -> Iterator[Server]:
    """A real sshd on loopback that knows one deploy key."""
    keys = make(tmp_path / "keys", {})
    for name in ("host", "deploy"):
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)), check=True)
    shutil.copy(keys / "deploy.pub", keys / "authorized")
    port = free_port()
    settings = {
        "ListenAddress": "127.0.0.1",
        "Port": str(port),
        "HostKey": str(keys / "host"),
        "AuthorizedKeysFile": str(keys / "authorized"),
        **dict.fromkeys(("StrictModes", "UsePAM", "PasswordAuthentication", "KbdInteractiveAuthentication"), "no"),
        "PermitRootLogin": "prohibit-password",
        "PidFile": "none",
    }
    (keys / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (keys / "log").open("wb") as log:
        process = subprocess.Popen((sshd, "-D", "-e", "-f", str(keys / "config")), stdout=log, stderr=log)
        try:
            _await_port(port, process)
            yield Server(port, (keys / "deploy").read_text(), (keys / "host.pub").read_text())
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    def listens() -> bool:
        assert process.poll() is None, "sshd ended"
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    eventually(listens, "sshd listens")


def test_a_deploy_key_opens_a_repository_over_ssh(server: Server, repository: Repository, tmp_path: Path) -> None:
    url = f"ssh://{getpass.getuser()}@127.0.0.1:{server.port}{repository.folder}"
    known = tmp_path / "known_hosts"
    heard = Heard()
    checkout = fetch_git(url, "main", tmp_path / "here", deploy_key=server.key, known_hosts=known, progress=heard)
    assert checkout.commit == repository.git("rev-parse", "HEAD")
    assert server.host_key.split()[1] in known.read_text()
    assert not any("PRIVATE KEY" in line for line in heard.lines)
    judged = resolve_ref(url, "main", deploy_key=server.key, known_hosts=None, policy=lambda address: True)
    assert judged == checkout.commit


def test_a_wrong_key_and_a_changed_host_need_a_person(server: Server, repository: Repository, tmp_path: Path) -> None:
    url = f"ssh://{getpass.getuser()}@127.0.0.1:{server.port}{repository.folder}"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")), check=True)
    other, public = (tmp_path / "other").read_text(), (tmp_path / "other.pub").read_text()
    for key in (other, None, "not a key"):
        with pytest.raises(NeedsPerson, match="deploy key"):
            resolve_ref(url, "main", deploy_key=key)
    known = make(tmp_path, {"known": f"[127.0.0.1]:{server.port} {public}"}) / "known"
    with pytest.raises(NeedsPerson, match="host key"):
        resolve_ref(url, "main", deploy_key=server.key, known_hosts=known)


def test_a_commit_of_many_files_is_refused_before_one_is_written(
    repository: Repository, tmp_path: Path, heard: Heard
) -> None:
    for number in range(30):
        (repository.folder / f"file-{number}").touch()
    repository.commit("many", README="x")
    with pytest.raises(Refused, match="The repository has more than 20 files and folders"):
        fetch_git(repository.url, "main", tmp_path / "here", progress=heard, allow_file=True, limits=FetchLimits(files=20))
    assert not list(tmp_path.glob("*here*"))
    fetch_git(repository.url, "main", tmp_path / "here", progress=heard, allow_file=True, limits=FetchLimits(files=40))


def test_trees_that_name_each_other_are_not_written_out(repository: Repository, tmp_path: Path, heard: Heard) -> None:
    """Twelve small trees of ten entries each, one inside the other: a billion files in a few kilobytes."""
    blob = repository.git("hash-object", "-w", "/dev/null")
    kind, one = "100644 blob", blob
    for _ in range(9):
        listing = "".join(f"{kind} {one}\t{number}\n" for number in range(10))
        made = subprocess.run(
            ("git", "mktree"), cwd=repository.folder, env=AUTHOR, input=listing, check=True, capture_output=True, text=True
        )
        kind, one = "040000 tree", made.stdout.strip()
    commit = repository.git("commit-tree", one, "-m", "bomb")
    repository.git("update-ref", "refs/heads/bomb", commit)
    with pytest.raises(Refused, match="more than 20,000 files and folders"):
        fetch_git(repository.url, "bomb", tmp_path / "here", progress=heard, allow_file=True)
    assert not list(tmp_path.glob("*here*"))


def commit_of(repository: Repository, header: bytes, message: bytes = b"Message\n") -> str:
    """A commit on ``main`` with any header git itself would not write."""
    tree = repository.git("rev-parse", "HEAD^{tree}")
    content = f"tree {tree}\n".encode() + header + b"\n" + message
    argv = ("git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally")
    done = subprocess.run(argv, cwd=repository.folder, env=AUTHOR, input=content, check=True, capture_output=True)
    commit = done.stdout.decode().strip()
    repository.git("update-ref", "refs/heads/main", commit)
    return commit


ADA = b"author Ada <ada@example.org> 1700000000 +0100\n"
NOVEMBER = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
ODD_TIMES: dict[bytes, datetime | None] = {
    b" 1700000000 +9999": NOVEMBER,
    b" 1700000000 -0000": NOVEMBER,
    b" 1700000000": None,  # no zone: no time to git
    b" 9223372036854775807 +0100": None,
    b" 99999999999999999999999 +0000": None,
    b" 400000000000 +0000": None,  # the year 14645
    b" -62167219200 +0000": None,  # the year 0
    b" 0 +0000": None,
    b"": None,
}


@pytest.mark.parametrize("when", ODD_TIMES)
def test_an_odd_time_stops_nothing(repository: Repository, tmp_path: Path, heard: Heard, when: bytes) -> None:
    commit_of(repository, ADA + b"committer Ada <ada@example.org>" + when + b"\n")
    checkout = fetch_git(repository.url, "main", tmp_path / "here", progress=heard, allow_file=True)
    assert (checkout.committed_at, checkout.message) == (ODD_TIMES[when], "Message")


COMMITTER = b"committer Ada <ada@example.org> 1700000000 +0000\n"
ODD_WORDS: dict[str, tuple[bytes, bytes, str, str]] = {
    "nobody": (COMMITTER, b"M", "", "M"),
    "control signs": (
        b"author A\rB\x01\x1b[31m <a> 1 +0000\n" + COMMITTER,
        b"one\rtwo\x1f\nthree",
        "A B[31m <a>",
        "one\ntwo\nthree",
    ),
    "no text": (b"author \xff\xfe <a> 1 +0000\n" + COMMITTER, b"\xe9", "\ufffd\ufffd <a>", "\ufffd"),
    "NUL": (ADA + COMMITTER, b"seen\0unseen", "Ada <ada@example.org>", "seen"),
    "another encoding": (ADA + COMMITTER + b"encoding ISO-8859-1\n", b"\xe9t\xe9", "Ada <ada@example.org>", "\u00e9t\u00e9"),
    "turned around": (ADA + COMMITTER, "a\u202eb".encode(), "Ada <ada@example.org>", "ab"),
    "very long": (b"author " + b"A" * 500 + b" <a> 1 +0000\n" + COMMITTER, b"x\n" * 200_000, "A" * 200, ("x\n" * 2500)[:-1]),
    "nothing": (b"", b"", "", ""),
}


@pytest.mark.parametrize("name", ODD_WORDS)
def test_odd_words_stop_nothing(repository: Repository, tmp_path: Path, heard: Heard, name: str) -> None:
    header, message, author, shown = ODD_WORDS[name]
    commit = commit_of(repository, header, message)
    checkout = fetch_git(repository.url, "main", tmp_path / "here", progress=heard, allow_file=True)
    assert (checkout.commit, checkout.author) == (commit, author)
    assert checkout.message in (shown, shown[: len(checkout.message)])
    assert bool(checkout.message) == bool(shown)


def test_odd_names_of_files_arrive_as_they_are(repository: Repository, tmp_path: Path, heard: Heard) -> None:
    names = [b"new\nline", b'quo"te', b"caf\xe9", "e\u0301".encode(), b"back\\slash", b"-dash", b" space "]
    for name in names:
        Path(os.fsdecode(os.fsencode(repository.folder) + b"/" + name)).write_text("x")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "Odd")
    here = fetch_git(repository.url, "main", tmp_path / "here", progress=heard, allow_file=True).folder
    assert set(names) < set(os.listdir(os.fsencode(here)))
