"""Builds bundles for the `process` runtime: Python, Node, other programs, static files. A bundle is sealed under its
checksum.

If the same checkout and spec were built before, that bundle is used again. Dependencies form a layer of their own
(`layers`), so that a change of code installs nothing again. Everything lies in the data directory: sealed bundles in
``bundles/``, dependency layers in ``cache/layers/``, package caches in ``cache/{uv,npm,programs}/<application>/``, records
of which key gave which bundle in ``cache/builds/``, and unfinished builds in ``cache/staging/``. Applications share no cache
and no layer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fairway.drivers.builders.build_env import BuildEnvironment
from fairway.drivers.builders.build_node import NodeBuild
from fairway.drivers.builders.build_program import ProgramBuild
from fairway.drivers.builders.build_python import PythonBuild
from fairway.drivers.builders.build_static import StaticBuild
from fairway.drivers.builders.contract import BuildRequest, Built
from fairway.drivers.builders.exclusions import Reason, of_node, of_published, of_source
from fairway.drivers.builders.layers import Layers, erase, key_of, locked
from fairway.drivers.builders.pointers import names_in, refuse_pointers
from fairway.drivers.builders.pythons import Pythons, PythonSource
from fairway.drivers.builders.tools import Tools
from fairway.drivers.builders.tree import tree_size
from fairway.drivers.runtimes.contract import ArtifactKind, NullProgress, Progress
from fairway.drivers.runtimes.process.bundle import Bundle, disk_failure, seal
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid, parse_relative_path

FORMAT = 1
LONGEST_BUILD = 86400.0  # seconds; no running build owns what is older in the staging folder
RECIPES: dict[str, Callable[[BuildEnvironment], Any]] = {
    "python": PythonBuild,
    "node": NodeBuild,
    "static": StaticBuild,
    "program": ProgramBuild,
}


class BundleBuilder:
    """Builds bundles in one data directory. Safe to use from several threads and processes."""

    produces = ArtifactKind.BUNDLE

    def __init__(self, data: Path, pythons: PythonSource | None = None) -> None:
        # Resolved, because programs behind the walls cannot follow links outside of their folders.
        self.data = data = data.resolve()
        self.bundles = data / "bundles"
        self.cache = data / "cache"
        self.pythons = pythons or PythonSource()

    def build(self, request: BuildRequest, progress: Progress) -> Built:
        """The bundle of a checkout and a spec: a new one, or the one of an equal earlier build.

        Raises `Refused` if the build fails (with the last lines of output in `detail`), `NeedsPerson` if this machine lacks
        something (a Python, Node.js), `Retry` if a package index does not answer, `Cancelled` if the build is cancelled.
        """
        if request.spec.kind not in RECIPES:
            raise Refused(
                f"A “{request.spec.kind}” application needs Docker; choose an environment with the docker runtime."
            )
        source = _source(request)
        reason: Reason = {"python": of_source, "node": of_node}.get(request.spec.kind, of_published)
        refuse_pointers(source, request.spec, names_in(source, reason), progress)
        for folder in (self.bundles, self.cache / "builds", self.cache / "staging"):
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        # The key includes the application: what ran in the builds of one must not affect another.
        wanted = (FORMAT, request.name, request.checkout.checksum, request.spec.to_json())
        staging = self.cache / "staging" / key_of(*wanted)
        build_env = BuildEnvironment(
            request, source, staging, self.cache, Layers(self.cache / "layers"), progress, pythons=self.pythons
        )
        recipe = RECIPES[request.spec.kind](build_env)
        key = key_of(*wanted, recipe.toolchain())
        with locked(self.cache / "builds" / f".{staging.name}.lock", progress):
            return self._adopted(key, progress) or self._built(key, build_env, recipe)

    def trim(self, *, older_than: float = 30 * 86400.0) -> int:
        """Delete dependency layers, fetched programs, package caches and fetched Pythons that no build used for
        `older_than` seconds, and what interrupted builds left behind. Returns how many layers were deleted."""
        self._trim_builds()
        self._trim_caches(older_than)
        Tools(self.cache, NullProgress()).trim(older_than=older_than)
        staging = self.cache / "staging"
        for path in staging.iterdir() if staging.is_dir() else ():
            if path.stat().st_mtime < time.time() - max(older_than, LONGEST_BUILD):
                erase(path)
        trimmed = Layers(self.cache / "layers").trim(older_than=older_than)
        environments = (*self.bundles.glob("*/.venv"), *(self.cache / "layers").glob("*/.venv"))
        Pythons(self.cache.parent, self.pythons).trim(environments, older_than=older_than)
        return trimmed

    def _trim_caches(self, older_than: float) -> None:
        """Delete the package caches of applications that were not built for `older_than` seconds."""
        for path in (*self.cache.glob("uv/*"), *self.cache.glob("npm/*"), *self.cache.glob("programs/*")):
            if path.stat().st_mtime < time.time() - older_than:
                erase(path)

    def _trim_builds(self) -> None:
        """Delete the records of bundles that are gone, and the lock files of finished builds."""
        for path in (self.cache / "builds").glob("*.json"):
            with suppress(OSError, ValueError, KeyError):
                digest = str(json.loads(path.read_text())["digest"]).removeprefix("sha256:")
                if not (self.bundles / digest).is_dir():
                    path.unlink()
        for path in (*(self.cache / "builds").glob(".*.lock"), *(self.cache / "layers").glob(".*.lock")):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - LONGEST_BUILD:
                    path.unlink()

    def _adopted(self, key: str, progress: Progress) -> Built | None:
        try:
            known = json.loads((self.cache / "builds" / f"{key}.json").read_text())
            bundle = Bundle.read(self.bundles / str(known["digest"]).removeprefix("sha256:"))
        except (OSError, ValueError, KeyError, Refused):
            return None
        progress.line("This source was built before with the same settings: its bundle is used.")
        return Built(bundle.ref(), str(known["builder"]), int(known["size_bytes"]))

    def _built(self, key: str, build_env: BuildEnvironment, recipe: Any) -> Built:
        erase(build_env.staging)
        build_env.output.mkdir(parents=True, mode=0o700)
        try:
            manifest = recipe.build()
            build_env.walls.take_back(build_env.output)
            size = tree_size(build_env.output)
            artifact = seal(build_env.output, manifest, into=self.bundles)
        except OSError as error:
            raise disk_failure(error, "building the bundle") from error
        finally:
            erase(build_env.staging)
        built = Built(artifact, recipe.name, size)
        self._remember(key, built)
        build_env.progress.line(f"Bundle {artifact.digest[7:19]}, {size / 1024**2:.1f} MiB.")
        return built

    def _remember(self, key: str, built: Built) -> None:
        record = {"digest": built.artifact.digest, "builder": built.builder, "size_bytes": built.size_bytes}
        draft = self.cache / "builds" / f".{key}.draft"
        draft.write_text(json.dumps(record))
        draft.replace(self.cache / "builds" / f"{key}.json")


def _source(request: BuildRequest) -> Path:
    """The folder of the checkout that is built. Raises `Refused` if it is not there or lies outside."""
    root = request.spec.root
    if root in ("", "."):
        return request.checkout.folder
    try:
        folder = (request.checkout.folder / parse_relative_path(root, field="root")).resolve()
    except Invalid as error:
        raise Refused(str(error)) from error
    if not folder.is_dir() or not folder.is_relative_to(request.checkout.folder.resolve()):
        raise Refused(f"The source has no folder “{root}”; correct the root folder of the application.")
    return folder
