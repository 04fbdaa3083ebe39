"""The Node.js parts of generated Dockerfiles: the base image, the package manager, installing, building. Pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from fairway.drivers.builders.command_line import programs_of
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.node_managers import LOCKS, parse_manager
from fairway.drivers.builders.node_versions import parse_range

_NODE_IMAGE = re.compile(r"(?P<name>(?:.*/)?node):(?P<version>\d+)(?P<rest>-[a-z.0-9-]+)?")


def node_image(configured: str, asked: str) -> str:
    """The base image for the Node.js version a project asks for: the configured image if its major version fits or cannot
    be told, otherwise the same image with the first major version that fits. Versions with long-term support come
    first."""
    found, wanted = _NODE_IMAGE.fullmatch(configured), parse_range(asked)
    if not found or wanted is None or not wanted.text or wanted.parts(int(found["version"])):
        return configured
    major = next(iter(wanted.majors()), int(found["version"]))
    return f"{found['name']}:{major}{found['rest'] or ''}"


def manager_lines(spec: Spec) -> list[str]:
    """The lines that install the package manager into the image. Raises ValueError if the spec names an unknown one."""
    name, version = parse_manager(str(spec.install.get("manager") or ""))
    if name == "npm":
        return []
    package = "@yarnpkg/cli-dist" if name == "yarn" and not version.startswith(("0", "1")) else name
    install = _run("npm", "install", "--global", "--force", "--no-audit", "--no-fund", f"{package}@{version}")
    return [install, *(['ENV YARN_NODE_LINKER="node-modules"'] if name == "yarn" else [])]


def install_line(spec: Spec, *, with_development: bool) -> str:
    """The line that installs dependencies: exactly those of the lock file, if there is one."""
    name, version = parse_manager(str(spec.install.get("manager") or ""))
    has_lock = str(spec.install.get("from", "")) in LOCKS[name]
    frozen = ["--frozen-lockfile"] if has_lock else []
    match name:
        case "npm":
            only = [] if with_development else ["--omit=dev"]
            return _run("npm", "ci" if has_lock else "install", "--no-audit", "--no-fund", *only)
        case "pnpm":
            return _run("pnpm", "install", *frozen, *([] if with_development else ["--prod"]))
        case "yarn" if version.startswith(("0", "1")):
            only = [f"--production={'false' if with_development else 'true'}"]
            return _run("yarn", "install", "--non-interactive", "--ignore-engines", *frozen, *only)
        case "yarn":
            return _run("yarn", "install", *(["--immutable"] if has_lock else []))
        case _:
            return _run("bun", "install", *frozen, *([] if with_development else ["--production"]))


def prune_line(spec: Spec) -> list[str]:
    """The line that removes development packages, for package managers that can do so."""
    name, _ = parse_manager(str(spec.install.get("manager") or ""))
    words = {"npm": ("npm", "prune", "--omit=dev"), "pnpm": ("pnpm", "prune", "--prod")}.get(name)
    return [_run(*words)] if words else []


def build_lines(spec: Spec, package: str, before: Sequence[str]) -> list[str]:
    """The lines that build first the packages `before`, then the application, each in its own folder below ``/app``."""
    name, _ = parse_manager(str(spec.install.get("manager") or ""))
    lines = []
    for path in before:
        lines += [f"WORKDIR /app/{path}", _run(name, "run", "build")]
    if package or before:
        lines.append(f"WORKDIR /app/{package}".rstrip("/"))
    for program in programs_of(spec.build) if spec.build else ():
        variables = [f"{key}={value}" for key, value in program.variables.items()]
        match program.argv:
            case ("cd", folder):
                lines.append(f"WORKDIR {json.dumps(folder)}")
            case ("export", *_):
                continue
            case argv:
                lines.append(_run(*(("env", *variables) if variables else ()), *argv))
    return lines


def path_line(package: str) -> str:
    """The line that puts the programs of installed packages on PATH, where scripts of package.json expect them."""
    folders = [*([f"/app/{package}/node_modules/.bin"] if package else []), "/app/node_modules/.bin"]
    return f'ENV PATH="{":".join(folders)}:$PATH"'


def _run(*argv: str) -> str:
    return f"RUN {json.dumps(argv)}"
