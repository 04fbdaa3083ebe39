"""Builds programs of other languages: copies the source, runs its build command with this machine's own toolchain, and
keeps what the program needs to run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fairway.drivers.builders.build_env import BuildEnvironment
from fairway.drivers.builders.exclusions import of_source
from fairway.drivers.builders.layers import erase
from fairway.drivers.builders.running import Ceiling, run
from fairway.drivers.builders.surroundings import build_environment
from fairway.drivers.builders.toolchains import TOOLCHAINS, collected, missing_toolchain
from fairway.drivers.runtimes.contract import NullProgress
from fairway.shared.failures import NeedsPerson, Refused

# Folders, in the application's own cache, in which package managers keep what they download and compile, by variable.
CACHES: Final = {
    "GOCACHE": "go-build",
    "GOMODCACHE": "go-mod",
    "CARGO_HOME": "cargo",
    "CARGO_TARGET_DIR": "cargo-target",
    "COMPOSER_HOME": "composer",
    "COMPOSER_CACHE_DIR": "composer-cache",
    "BUNDLE_USER_HOME": "bundle",
    "GRADLE_USER_HOME": "gradle",
    "NUGET_PACKAGES": "nuget",
    "MIX_HOME": "mix",
    "HEX_HOME": "hex",
    "DENO_DIR": "deno",
    "PUB_CACHE": "pub",
    "JULIA_DEPOT_PATH": "julia",
    "CABAL_DIR": "cabal",
    "PERL_CPANM_HOME": "cpanm",
    "NPM_CONFIG_CACHE": "npm",
    "ZIG_GLOBAL_CACHE_DIR": "zig",
}
OTHERS: Final = {
    "GOTOOLCHAIN": "local",  # use the installed Go and never download another
    "GOFLAGS": "-buildvcs=false -modcacherw",
    "COMPOSER_ALLOW_SUPERUSER": "1",
    "COMPOSER_NO_INTERACTION": "1",
    "DOTNET_CLI_TELEMETRY_OPTOUT": "1",
    "DOTNET_NOLOGO": "1",
}
# The running program reads these caches, so they lie in the bundle.
KEPT_AT_RUN: Final = ("DENO_DIR", "JULIA_DEPOT_PATH", "MIX_HOME", "HEX_HOME")
LEFT_OVERS: Final = (
    "target/classes",
    "target/test-classes",
    "target/surefire-reports",
    ".gradle",
    "obj",
    ".zig-cache",
    "zig-cache",
)
NOT_JARS: Final = ("-sources.jar", "-javadoc.jar", "-plain.jar", "-tests.jar", ".original")


class ProgramBuild:
    """One build of a program in a language of `toolchains`."""

    def __init__(self, build_env: BuildEnvironment) -> None:
        self.build_env = build_env
        self._known = TOOLCHAINS.get(str(build_env.spec.install.get("toolchain") or ""))
        self._version = ""

    @property
    def name(self) -> str:
        """The language, which is recorded as the builder of the artifact."""
        return self._known.language if self._known else "program"

    def toolchain(self) -> str:
        """The installed version of the language. Raises `NeedsPerson` if its toolchain is missing."""
        if why := missing_toolchain(self.build_env.spec):
            raise NeedsPerson(why)
        if not self._version and self._known:
            self._version = _version(self._known.programs[0], self.build_env.cache)
        return f"program-1 {self._version}"

    def build(self) -> dict[str, Any]:
        """Fill the bundle and return its manifest. Raises `Refused` if there is no start command, or if the build fails
        or makes no program."""
        spec = self.build_env.spec
        if not spec.command:
            raise Refused("There is no command to start it; give one, e.g. “bin/server”.")
        self.build_env.copy_app(of_source)
        if spec.build:
            self.build_env.follow(
                spec.build,
                cwd=self.build_env.app,
                env=self._environment(),
                variables=spec.environment,
                writes=[self._caches],
            )
            self.build_env.walls.take_back(self.build_env.staging)
        self._collect()
        for name in LEFT_OVERS:
            erase(self.build_env.app / name)
        return {"kind": "program", "command": list(spec.command), "environment": self._kept()}

    @property
    def _caches(self) -> Path:
        """The folder with the application's own caches of all these package managers."""
        return self.build_env.walls.cache("programs")

    def _environment(self) -> Mapping[str, str]:
        folder = self._caches
        caches = {variable: str(folder / name) for variable, name in CACHES.items()}
        for variable in KEPT_AT_RUN:
            caches[variable] = str(self.build_env.app / f".{CACHES[variable]}")
        maven = {"MAVEN_OPTS": f"-Dmaven.repo.local={folder / 'maven'}"}
        path = build_environment(self.build_env.staging / "home")["PATH"]
        return {**caches, **maven, **OTHERS, **self.build_env.spec.environment, "PATH": path}

    def _kept(self) -> dict[str, str]:
        app = self.build_env.app
        return {name: f".{CACHES[name]}" for name in KEPT_AT_RUN if (app / f".{CACHES[name]}").is_dir()}

    def _collect(self) -> None:
        """Copy the result of the build to the name that the start command uses. Raises `Refused` if there is no result."""
        wanted = collected(self.build_env.spec)
        if wanted is None:
            return
        pattern, name = wanted
        found = [path for path in sorted(self.build_env.app.glob(pattern)) if not path.name.endswith(NOT_JARS)]
        found.sort(key=lambda path: ("-all." not in path.name and "-standalone." not in path.name, -path.stat().st_size))
        if not found or not _is_inside(found[0], self.build_env.app):
            raise Refused(f"The build made no {pattern}; check what it writes, or give build and start command yourself.")
        shutil.copy2(found[0], self.build_env.app / name)
        for path in found:
            if path != self.build_env.app / name:
                path.unlink()


def _is_inside(path: Path, top: Path) -> bool:
    return path.resolve().is_relative_to(top.resolve()) and path.is_file()


def _version(program: str, cache: Path) -> str:
    """The version that the program prints, as one line; its path if it prints none."""
    option = "version" if program in ("go", "zig") else "-version" if program in ("java", "javac") else "--version"
    environment = {**build_environment(cache / "home"), "GOTOOLCHAIN": "local"}
    done = run(
        (program, option), cwd=cache, env=environment, progress=NullProgress(), ceiling=Ceiling(30.0), keep_output=True
    )
    return (
        done.tail[0].strip() if done.tail and not done.code else f"{program} {os.path.realpath(shutil.which(program) or '')}"
    )
