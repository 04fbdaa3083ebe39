"""The environment of one build: its source, its staging folders, its variables, and how it runs a tool."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fairway.drivers.builders.command_line import filled, join_command, programs_of
from fairway.drivers.builders.contract import BuildRequest, Spec
from fairway.drivers.builders.exclusions import Reason
from fairway.drivers.builders.layers import Layers, copy_source
from fairway.drivers.builders.pythons import PythonSource
from fairway.drivers.builders.running import Ceiling, Finished, run
from fairway.drivers.builders.surroundings import build_environment, masker_for
from fairway.drivers.builders.walls import BuildWalls, lend
from fairway.drivers.diagnosis.builds import build_reason
from fairway.drivers.runtimes.contract import Progress
from fairway.shared.failures import Failure, NeedsPerson, Refused, Retry
from fairway.shared.names import application_of, parse_slug

_UNREACHABLE = re.compile(
    r"\b(?:ENOTFOUND|ETIMEDOUT|ECONNREFUSED|ECONNRESET|EAI_AGAIN)\b|dns error|error sending request|Connection refused"
    r"|tls handshake|operation timed out|Temporary failure in name resolution",
    re.I,
)
# The name server says that there is no such host, so a retry is useless. If a package index (registry.…) is not found, the
# network itself is down, and a retry helps.
_NO_SUCH_HOST = re.compile(r"\bENOTFOUND (?!registry\.)([\w-]+(?:\.[\w-]+)+)")
_HOST = re.compile(r"(?:ENOTFOUND|EAI_AGAIN) ([\w-]+(?:\.[\w-]+)+)")  # in the form of Node.js' errors
# The path of the source during the build, which messages leave out.
_STAGED = re.compile(r"(?:file://)?/\S*/staging/\w+/(?:bundle/app|site)/")
_DISK_FULL = re.compile(r"ENOSPC|No space left on device", re.I)


@dataclass(frozen=True)
class BuildEnvironment:
    """What every recipe works with: `source` is the folder that is built, `staging` the folder the build may write to.
    `output` becomes the bundle; its ``app/`` is the application."""

    request: BuildRequest
    source: Path
    staging: Path
    cache: Path
    layers: Layers
    progress: Progress
    variables: Mapping[str, str] = field(default_factory=dict)
    pythons: PythonSource = field(default_factory=PythonSource)

    @property
    def spec(self) -> Spec:
        return self.request.spec

    @property
    def output(self) -> Path:
        return self.staging / "bundle"

    @property
    def app(self) -> Path:
        return self.output / "app"

    def copy_app(self, reason: Reason) -> None:
        """Copy the source into the bundle, without what `reason` gives a reason to leave out."""
        copy_source(self.source, self.app, reason=reason, progress=self.progress)

    @property
    def walls(self) -> BuildWalls:
        """The walls around the tools of this build."""
        parse_slug(application_of(self.request.name), field="name", longest=100)
        return BuildWalls(self.cache.parent, self.request.name)

    def tool(
        self, argv: Sequence[str], *, cwd: Path, what: str, env: Mapping[str, str] | None = None, writes: Sequence[Path] = ()
    ) -> None:
        """Run one tool of the build and log its output. Raises the failure that `failure_of` returns if the tool fails."""
        finished = self.attempt(argv, cwd=cwd, env=env, writes=writes)
        if finished.code:
            raise failure_of(finished, what)

    def follow(
        self,
        words: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        variables: Mapping[str, str],
        reads: Sequence[Path] = (),
        writes: Sequence[Path] = (),
    ) -> None:
        """Run the programs of a build command one after another, starting in `cwd`. `variables` and `env` give the values of
        ``${NAME}`` in its words.

        ``cd`` and ``export`` work as in a shell. Raises the failure that `failure_of` returns for the first program that
        fails, and `Refused` for a ``cd`` out of the staging folder.
        """
        known = {**variables, **env}
        for program in programs_of(filled(words, known.get), field="build"):
            known |= program.variables
            match program.argv:
                case ("cd", folder):
                    cwd = _inside(self.staging, cwd / folder, folder)
                case ("export", *pairs):
                    known |= dict(pair.partition("=")[::2] for pair in pairs)
                case argv:
                    self.progress.line(f"$ {join_command(argv)}")
                    finished = self.attempt(argv, cwd=cwd, env=known, reads=reads, writes=writes)
                    if finished.code and not program.may_fail:
                        raise failure_of(finished, " ".join(argv[:3]))

    def attempt(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        writes: Sequence[Path] = (),
        reads: Sequence[Path] = (),
    ) -> Finished:
        """Run one tool behind the walls and return how it ended. Besides the staging folder it may write to `writes` and
        read `reads`."""
        limits = self.request.limits
        home = self.staging / "home"
        lent, named = lend(build_environment(home), home)
        environment = {**lent, **(env or {})}
        ceiling = Ceiling(limits.seconds, limits.memory_bytes, limits.cpus)
        mask = masker_for(environment)
        wall = self.walls.order(argv[0], {**environment, **lent}, staging=self.staging, also=writes, reads=(*named, *reads))
        try:
            return run(argv, cwd=cwd, env=environment, progress=self.progress, ceiling=ceiling, mask=mask, wall=wall)
        finally:
            self.walls.forget()


def _inside(staging: Path, folder: Path, name: str) -> Path:
    if not folder.is_dir() or not folder.resolve().is_relative_to(staging.resolve()):
        raise Refused(f"The build command goes to “{name}”, which is no folder of the source; correct it.")
    return folder


def failure_of(finished: Finished, what: str) -> Failure:
    """The failure that a tool's exit and last lines mean: `Retry` if a host was unreachable, `NeedsPerson` if the disk is
    full, `Refused` otherwise."""
    detail = finished.detail
    if _DISK_FULL.search(detail):
        return NeedsPerson(f"The disk is full: {what} stopped. Free some space, then try again.", detail=detail)
    if unknown := _NO_SUCH_HOST.search(detail):
        return Refused(
            f"{what} downloads from {unknown[1]}, a name that this machine does not know: let it reach that host, or use "
            "packages that bring what they need.",
            detail=detail,
        )
    if _UNREACHABLE.search(detail):
        host = _HOST.search(detail)
        where = host[1] if host else "the package index"
        return Retry(f"{what} could not reach {where}; it is tried again.", detail=detail)
    ending = f"was killed by signal {-finished.code}" if finished.code < 0 else f"ended with code {finished.code}"
    why = build_reason([_STAGED.sub("", line) for line in finished.tail])
    return Refused(f"{what} {ending}. {why}" if why else f"{what} {ending}; the last lines say why.", detail=detail)
