"""Fetches one commit of a Git repository into a folder: shallow, without hooks or submodules, and without any Git
configuration of this machine."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fairway.drivers.addresses import AddressPolicy, permitted_address
from fairway.drivers.builders.contract import Checkout
from fairway.drivers.builders.git_access import SignIn, git_environment
from fairway.drivers.builders.git_facts import FORMAT, MOST_LINES, Facts, facts_in
from fairway.drivers.builders.git_failures import git_failure
from fairway.drivers.builders.git_url import GitUrl, parse_git_url
from fairway.drivers.builders.layers import erase
from fairway.drivers.builders.running import MOST_KEPT_LINES, Ceiling, Finished, TooManyLines, run
from fairway.drivers.builders.tree import MOST_FILES, too_many_files, tree_checksum, tree_size
from fairway.drivers.runtimes.contract import NullProgress, Progress
from fairway.shared.failures import NeedsPerson, Refused
from fairway.shared.left_out import some_of
from fairway.shared.masking import Masker
from fairway.shared.names import parse_git_ref

COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
_SUBMODULE = "160000 "  # the mode of an entry that is a commit of another repository
LOOK_EVERY = 0.5  # seconds between two measurements of the fetched size


@dataclass(frozen=True)
class FetchLimits:
    """Limits of one fetch: seconds, bytes on the disk (history and files together), and number of files in the commit."""

    seconds: float = 300.0
    bytes: int = 1024 * 1024 * 1024
    files: int = MOST_FILES


@dataclass(frozen=True)
class _Git:
    """Git, set up for one repository: its address and ref, the environment and options of each command, and its limits."""

    url: GitUrl
    ref: str
    environment: dict[str, str] = field(repr=False)
    options: tuple[str, ...]
    progress: Progress
    limits: FetchLimits
    home: Path
    mask: Masker

    def run(
        self,
        *argv: str,
        cwd: Path | None = None,
        keep: bool = False,
        most_lines: int = MOST_KEPT_LINES,
        watch: Callable[[], None] | None = None,
    ) -> Finished:
        """Run one git command. Put the address and everything after it at the end, after ``--``."""
        return run(
            ("git", *self.options, *argv),
            cwd=cwd or self.home,
            env=self.environment,
            progress=self.progress,
            ceiling=Ceiling(self.limits.seconds),
            mask=self.mask,
            keep_output=keep,
            most_lines=most_lines,
            watch=watch,
        )

    def must(self, *argv: str, cwd: Path | None = None, keep: bool = False, watch: Callable[[], None] | None = None) -> str:
        """Run one git command; returns its output if `keep` is set. Raises the failure that `git_failure` returns if it
        fails."""
        finished = self.run(*argv, cwd=cwd, keep=keep, watch=watch)
        if finished.code:
            raise git_failure(finished.tail, url=str(self.url), ref=self.ref)
        return finished.output


def resolve_ref(
    url: str,
    ref: str = "",
    *,
    deploy_key: str | None = None,
    known_hosts: Path | None = None,
    sign_in: SignIn | None = None,
    progress: Progress | None = None,
    allow_file: bool = False,
    policy: AddressPolicy | None = None,
    limits: FetchLimits | None = None,
) -> str:
    """The full commit id that a branch, tag or commit stands for at the moment; "" stands for the default branch.

    Raises `Invalid` for a malformed address or name, and `Refused`, `NeedsPerson` or `Retry` as `fetch_git` does.
    """
    access = _Access(deploy_key, known_hosts, sign_in, allow_file, policy)
    with _git(url, ref, access, progress or NullProgress(), limits or FetchLimits()) as git:
        return _resolve(git)[0]


def fetch_git(
    url: str,
    ref: str,
    into: Path,
    *,
    deploy_key: str | None = None,
    known_hosts: Path | None = None,
    sign_in: SignIn | None = None,
    progress: Progress,
    allow_file: bool = False,
    policy: AddressPolicy | None = None,
    limits: FetchLimits | None = None,
) -> Checkout:
    """Put the files of one commit into the new folder `into` (without ``.git``).

    `policy` decides which IP addresses the host may resolve to. Raises `Invalid` for a malformed address or name, `Refused`
    if the repository or `ref` does not exist or is too large, `NeedsPerson` if credentials are missing or wrong, `Retry` if
    the server cannot be reached, and what `progress.check()` raises; `into` does not exist then.
    """
    draft = into.with_name(f".{into.name}.fetching")
    erase(draft)
    access = _Access(deploy_key, known_hosts, sign_in, allow_file, policy)
    with _git(url, ref, access, progress, limits or FetchLimits()) as git:
        try:
            checkout = _fetched(git, draft)
            erase(into)
            draft.rename(into)
        finally:
            erase(draft)
    return Checkout(into, checkout.checksum, checkout.commit, checkout.author, checkout.committed_at, checkout.message)


@dataclass(frozen=True)
class _Access:
    """The credentials of one fetch, and which addresses it may reach."""

    deploy_key: str | None
    known_hosts: Path | None
    sign_in: SignIn | None
    allow_file: bool
    policy: AddressPolicy | None


@contextmanager
def _git(url: str, ref: str, access: _Access, progress: Progress, limits: FetchLimits) -> Iterator[_Git]:
    parsed = parse_git_url(url, allow_file=access.allow_file)
    name = parse_git_ref(ref) if ref else "HEAD"
    if access.sign_in and not access.sign_in.fits(parsed):
        raise NeedsPerson(f"The credential is for {access.sign_in.host}, not for {parsed}; choose one for that host.")
    pinned = permitted_address(parsed.host, parsed.port, access.policy) if access.policy and parsed.host else None
    secrets = [access.sign_in.secret] if access.sign_in else [parsed.password, parsed.username]
    mask = Masker(secrets if parsed.scheme == "https" else [])
    with tempfile.TemporaryDirectory(prefix="fairway-git-") as folder:
        home = Path(folder)
        environment = git_environment(
            home,
            parsed,
            deploy_key=access.deploy_key,
            known_hosts=access.known_hosts,
            pinned=pinned,
            sign_in=access.sign_in,
        )
        yield _Git(parsed, name, environment, tuple(_options(parsed, pinned)), progress, limits, home, mask)


def _options(url: GitUrl, pinned: str | None) -> Iterator[str]:
    """Settings that no repository can override: one transport, no hooks, no redirects."""
    settings = {
        "protocol.allow": "never",
        f"protocol.{url.scheme}.allow": "always",
        "core.hooksPath": "/dev/null",
        "core.fsmonitor": "false",
        "core.autocrlf": "false",
        "credential.helper": "",
        "submodule.recurse": "false",
        "http.followRedirects": "false",
        "http.lowSpeedLimit": "1000",
        "http.lowSpeedTime": "60",
        "gc.auto": "0",
        "advice.detachedHead": "false",
    }
    if pinned and url.scheme == "https":
        number = f"[{pinned}]" if ":" in pinned else pinned
        settings["http.curloptResolve"] = f"{url.host}:{url.port}:{number}"
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")


def _resolve(git: _Git) -> tuple[str, str]:
    """(commit, the name under which it can be fetched)."""
    if COMMIT.fullmatch(git.ref):
        return git.ref, git.ref
    names = _candidates(git.ref)
    output = git.must("ls-remote", "--quiet", "--", str(git.url), *names, keep=True)
    pairs = (line.split("\t", 1) for line in output.splitlines() if "\t" in line)
    found = {name: commit for commit, name in pairs}
    for name in names:
        commit = found.get(name, "")
        if COMMIT.fullmatch(commit):
            return commit, name.removesuffix("^{}")
    hint = " A commit needs its whole id (40 digits)." if SHORT_COMMIT.fullmatch(git.ref) else ""
    raise Refused(f"There is no branch or tag “{git.ref}” at {git.url}; check its name.{hint}")


def _candidates(ref: str) -> list[str]:
    """The full names that `ref` may stand for, in git's own order: tags before branches, and the commit of a tag before
    the tag."""
    if ref == "HEAD":
        return ["HEAD"]
    if ref.startswith("refs/"):
        return [f"{ref}^{{}}", ref]
    return [f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}"]


def _fetched(git: _Git, draft: Path) -> Checkout:
    commit, name = _resolve(git)
    git.progress.line(f"Fetching {git.ref} ({commit[:12]}) from {git.url}")
    draft.mkdir(parents=True, mode=0o700)
    watch = _size_watch(draft, git.limits.bytes)
    git.must("init", "--quiet", ".", cwd=draft)
    _fetch(git, draft, commit, name, watch)
    _log_submodules(_submodules(git, draft, commit), git.progress)
    git.must("checkout", "--quiet", "--detach", "--force", commit, cwd=draft, watch=watch)
    facts = _facts(git, draft, commit)
    shutil.rmtree(draft / ".git")
    _check_size(draft, git.limits.bytes)
    return Checkout(draft, tree_checksum(draft), commit, facts.author, facts.committed_at, facts.message)


def _submodules(git: _Git, draft: Path, commit: str) -> list[str]:
    """The folders of submodules. Raises `Refused` if the commit has too many files.

    The files are counted before any of them is written, and git is ended once it has listed too many: a few trees that
    contain each other several times can stand for billions of files.
    """
    try:
        finished = git.run("ls-tree", "-r", "-t", commit, cwd=draft, keep=True, most_lines=git.limits.files)
    except TooManyLines:
        raise too_many_files("The repository", git.limits.files) from None
    if finished.code:
        raise git_failure(finished.tail, url=str(git.url), ref=git.ref)
    return [line.partition("\t")[2] for line in finished.output.splitlines() if line.startswith(_SUBMODULE)]


def _fetch(git: _Git, draft: Path, commit: str, name: str, watch: Callable[[], None]) -> None:
    """Fetch the commit. If the server only gives out names, fetch the name and check that it still stands for the commit."""
    common = ("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--")
    if git.run(*common, str(git.url), commit, cwd=draft, keep=True, watch=watch).code == 0:
        return
    git.must(*common, str(git.url), name, cwd=draft, keep=True, watch=watch)
    if git.run("cat-file", "-e", f"{commit}^{{commit}}", cwd=draft, keep=True).code:
        raise Refused(f"“{git.ref}” moved while it was fetched from {git.url}; deploy again to get the new commit.")


def _facts(git: _Git, draft: Path, commit: str) -> Facts:
    argv = ("log", "-1", "--no-show-signature", f"--format={FORMAT}", commit)
    try:
        return facts_in(git.run(*argv, cwd=draft, keep=True, most_lines=MOST_LINES).output, commit)
    except TooManyLines as error:
        return facts_in(error.output, commit)


def _size_watch(folder: Path, most: int) -> Callable[[], None]:
    """A function that raises `Refused` if the folder holds more than `most` bytes. It measures twice a second."""
    next_look = 0.0

    def watch() -> None:
        nonlocal next_look
        if time.monotonic() >= next_look:
            _check_size(folder, most)
            next_look = time.monotonic() + LOOK_EVERY

    return watch


def _check_size(folder: Path, most: int) -> None:
    try:
        size = tree_size(folder)
    except FileNotFoundError:  # git renamed a file meanwhile; the next measurement will count it
        return
    if size > most:
        raise Refused(f"The repository is larger than {most / 1024**2:.0f} MiB, the most that is fetched.")


def _log_submodules(submodules: list[str], progress: Progress) -> None:
    if submodules:
        progress.line(f"Submodules are not fetched; their folders are empty: {some_of(submodules)}.", stream="stderr")


__all__: Sequence[str] = ("FetchLimits", "fetch_git", "resolve_ref")
