"""Dockerfiles for detected Python, Node and static sources. Pure: text in, text out.

All commands are in exec form, so that nothing from a source folder is ever read by a shell. Dependencies come in a layer of
their own, before the source, so that a change of the source alone installs nothing again. The application runs as the user
10001 without a name, which needs no tool in the base image; ``HOME`` is its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from fairway.drivers.builders import dockerfile_node
from fairway.drivers.builders.build_hugo import HUGO
from fairway.drivers.builders.command_line import programs_of
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.image_steady import is_steady
from fairway.drivers.builders.python_inputs import manage_file
from fairway.drivers.builders.toolchains import dockerfile_of
from fairway.drivers.runtimes.docker.plan import ANYWHERE, LAUNCHER, filled
from fairway.drivers.runtimes.docker.plan import LAUNCHERS as LAUNCHER_FOLDER
from fairway.drivers.runtimes.steps import steps_of

USER: Final = "10001:10001"
HOME: Final = "/home/app"
FOLDER: Final = ".fairway"  # our own files inside the context
CADDY: Final = f"{FOLDER}/caddy"
SITE: Final = f"{FOLDER}/site.json"
MANIFESTS: Final = f"{FOLDER}/manifests"  # those of `image_steady`; they stay in the image, beside the real ones
# What starts several programs in a row, by the kind of image (see `fairway.drivers.runtimes.chain`).
LAUNCHERS: Final = {
    "python": ("python3", "-I", "-S", "-E", f"{LAUNCHER_FOLDER}chain.py"),
    "node": ("node", f"{LAUNCHER_FOLDER}chain.js"),
}
UV: Final = "/opt/uv/bin/uv"
_PYTHON_IMAGE = re.compile(r"(?P<name>(?:.*/)?python):(?P<version>3\.\d+)(?P<rest>(?:\.\d+)?(?:-[a-z.0-9-]+)?)")
PYTHONS: Final = ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9")


@dataclass(frozen=True)
class Manifests:
    """The files of the source that say what to install.

    `files` are those that suffice to install the dependencies alone; empty when the whole source is needed first (a local
    path among the requirements, install scripts). `is_package` tells whether the project itself is to be installed.
    """

    files: tuple[str, ...] = ()
    is_package: bool = False
    package: str = ""
    before: tuple[str, ...] = ()
    keeps_development: bool = False


@dataclass(frozen=True)
class Bases:
    """What generated Dockerfiles start from, and the names of the build arguments they accept."""

    python: str = "python:3.12-slim"
    node: str = "node:22-slim"
    arguments: tuple[str, ...] = ()


def dockerfile_for(spec: Spec, manifests: Manifests, bases: Bases) -> str:
    """The Dockerfile of a ``python``, ``node``, ``static`` or ``program`` spec."""
    match spec.kind:
        case "python":
            lines = _python(spec, manifests, bases)
        case "node":
            lines = _node(spec, manifests, bases)
        case "static":
            lines = _static(spec, manifests, bases)
        case "program":
            return dockerfile_of(spec, for_people=False)
        case _:
            raise ValueError(f"there is no generated Dockerfile for kind “{spec.kind}”")
    return "\n".join(lines) + "\n"


def python_image(configured: str, asked: str) -> str:
    """The base image for the Python a project asks for (``3.11``, ``>=3.13``): the configured one where it fits or does not
    tell its version, else the same image of the newest Python that fits."""
    found = _PYTHON_IMAGE.fullmatch(configured)
    if not found or not asked:
        return configured
    try:
        wanted = SpecifierSet(f"=={asked}.*" if re.fullmatch(r"\d+\.\d+", asked) else _as_specifier(asked))
    except InvalidSpecifier:
        return configured
    # “>=3.11.4” must not exclude 3.11: a minor version stands for its latest patch.
    fitting = [one for one in (found["version"], *PYTHONS) if wanted.contains(f"{one}.99")]
    version = fitting[0] if fitting else found["version"]
    return configured if version == found["version"] else f"{found['name']}:{version}{_variant(found['rest'])}"


def _as_specifier(asked: str) -> str:
    """``3.11.4`` asks for the minor version: official images carry the latest patch."""
    exact = re.fullmatch(r"(\d+\.\d+)\.\d+", asked)
    return f"=={exact[1]}.*" if exact else asked


def _variant(rest: str) -> str:
    return rest[rest.index("-") :] if "-" in rest else ""


def _python(spec: Spec, manifests: Manifests, bases: Bases) -> list[str]:
    return [
        f"FROM {python_image(bases.python, str(spec.install.get('python', '')))}",
        *_arguments(bases),
        *_environment(
            {
                "PYTHONUNBUFFERED": "1",
                "VIRTUAL_ENV": "/opt/venv",
                "UV_PROJECT_ENVIRONMENT": "/opt/venv",
                "UV_NO_CACHE": "1",
                "UV_PYTHON_DOWNLOADS": "never",
                "HOME": HOME,
            }
        ),
        'ENV PATH="/opt/venv/bin:$PATH"',
        _run("python3", "-m", "venv", "/opt/uv"),
        _run("/opt/uv/bin/pip", "install", "--no-cache-dir", "uv"),
        _run(UV, "venv", "/opt/venv"),
        *_folders(spec),
        *_copy(manifests.files),
        *(_python_dependencies(spec) if manifests.files else ()),
        _copy_source(),
        *(() if manifests.files else _python_dependencies(spec)),
        *_python_project(spec, manifests),
        *_environment(spec.environment),
        *(
            [_run("python", manage_file(spec.install), "collectstatic", "--noinput")]
            if spec.install.get("collectstatic")
            else []
        ),
        *_start(spec),
    ]


def _python_dependencies(spec: Spec) -> list[str]:
    source = str(spec.install.get("from", ""))
    lines = []
    if source == "uv.lock":
        lines.append(_run(UV, "sync", "--frozen", "--no-dev", "--no-install-project"))
    elif source == "poetry.lock":  # uv does not read it; Poetry installs into the active environment
        lines.append(_run(UV, "tool", "run", "poetry", "install", "--only", "main", "--no-root", "--no-interaction"))
    elif source:
        lines.append(_run(UV, "pip", "install", "-r", source))
    added = [str(package) for package in spec.install.get("add") or ()]
    return [*lines, _run(UV, "pip", "install", "--", *added)] if added else lines


def _python_project(spec: Spec, manifests: Manifests) -> list[str]:
    """Install the project itself, where it is a package; its dependencies are there already."""
    if not manifests.is_package or spec.install.get("from") not in ("uv.lock", "poetry.lock", "pyproject.toml"):
        return []
    return [_run(UV, "pip", "install", "--no-deps", ".")]


def _node(spec: Spec, manifests: Manifests, bases: Bases) -> list[str]:
    return [
        *_node_stage(spec, manifests, bases),
        *([f"WORKDIR /app/{manifests.package}"] if manifests.package else []),
        *_environment({"NODE_ENV": "production", **spec.environment}),
        *_start(spec),
    ]


def _node_stage(spec: Spec, manifests: Manifests, bases: Bases, *, name: str = "") -> list[str]:
    """From the base image to an installed and, where there is a build script, built application in ``/app``."""
    build = dockerfile_node.build_lines(spec, manifests.package, manifests.before)
    install = dockerfile_node.install_line(spec, with_development=bool(build) or manifests.keeps_development)
    is_pruned = bool(build) and not manifests.package and not manifests.keeps_development
    return [
        f"FROM {dockerfile_node.node_image(bases.node, str(spec.install.get('node', '')))}{f' AS {name}' if name else ''}",
        *_arguments(bases),
        *_environment({"HOME": HOME, "NPM_CONFIG_UPDATE_NOTIFIER": "false"}),
        dockerfile_node.path_line(manifests.package),
        *dockerfile_node.manager_lines(spec),
        *_folders(spec),
        *_copy(manifests.files),
        *([install] if manifests.files else []),
        _copy_source(),
        *([] if manifests.files else [install]),
        *build,
        *(dockerfile_node.prune_line(spec) if is_pruned else []),
    ]


def _hugo_stage(bases: Bases) -> list[str]:
    return [
        f"FROM {bases.python} AS site",
        *_arguments(bases),
        _run("pip", "install", "--no-cache-dir", HUGO),
        "WORKDIR /app",
        'COPY [".", "./"]',
    ]


def _static(spec: Spec, manifests: Manifests, bases: Bases) -> list[str]:
    publish = str(spec.install.get("publish") or ".")
    is_built = bool(spec.build)
    stage: list[str] = []
    if spec.install.get("by") == "hugo":
        stage = [*_hugo_stage(bases), *(_run(*program.argv) for program in programs_of(spec.build or ()))]
    elif is_built:
        stage = _node_stage(spec, manifests, bases, name="site")
    below = f"{manifests.package}/{publish}" if manifests.package else publish
    origin, source = ("--from=site ", f"/app/{below}/") if is_built else ("", f"{publish}/")
    return [
        *stage,
        "FROM scratch",
        f"COPY {json.dumps([CADDY, '/caddy'])}",
        f"COPY {json.dumps([SITE, '/site.json'])}",
        f"COPY {origin}--chown={USER} {json.dumps([source, '/site/'])}",
        *_environment({"HOME": "/site"}),
        f"USER {USER}",
        f"EXPOSE {spec.port}",
        _command(["/caddy", "run", "--config", "/site.json"]),
    ]


def _arguments(bases: Bases) -> list[str]:
    return [f"ARG {name}" for name in sorted(bases.arguments)]


def _environment(values: Mapping[str, str]) -> list[str]:
    """``ENV`` lines. A value with a line break cannot be written in a Dockerfile; the deployment gives it at run time."""
    return [f'ENV {name}="{_escaped(text)}"' for name, text in sorted(values.items()) if not re.search(r"[\r\n]", text)]


def _escaped(text: str) -> str:
    return re.sub(r'([\\"$])', r"\\\1", text)


def _folders(spec: Spec) -> list[str]:
    """The folders the application may write to: its own, its home, and the places of its volumes (a new volume takes over
    the owner of the folder it covers)."""
    places = ["/app", HOME, *(target for _, target in spec.volumes)]
    owner, group = USER.split(":")
    return [_run("install", "-d", "-o", owner, "-g", group, *places), "WORKDIR /app"]


def _copy(files: Iterable[str]) -> list[str]:
    """Copy the manifests, each to its own place; without the project's version, where that can be left out."""
    by_folder: dict[str, list[str]] = {}
    for file in files:
        origin = f"{MANIFESTS}/{file}" if is_steady(file) else file
        by_folder.setdefault(file.rpartition("/")[0], []).append(origin)
    return [
        f"COPY {json.dumps([*names, f'./{folder}/' if folder else './'])}" for folder, names in sorted(by_folder.items())
    ]


def _copy_source() -> str:
    return f"COPY --chown={USER} {json.dumps(['.', './'])}"


def _start(spec: Spec) -> list[str]:
    lines = [f"USER {USER}", *_environment({"PORT": str(spec.port)}), f"EXPOSE {spec.port}"]
    if not spec.command:
        return lines
    steps = steps_of(spec.command, {**spec.environment, "PORT": str(spec.port)}, port=spec.port, host=ANYWHERE)
    if len(steps) == 1 and not steps[0].folder and not steps[0].variables:
        return [*lines, _command(filled(spec.command, spec.port))]
    return [*_launcher(spec.kind), *lines, _command([*LAUNCHERS[spec.kind], json.dumps([step.order() for step in steps])])]


def _launcher(kind: str) -> list[str]:
    """What starts several programs in a row, and the label by which the runtime knows that it is there."""
    argv = LAUNCHERS[kind]
    origin = f"{FOLDER}/{argv[-1].rpartition('/')[2]}"
    return [f"COPY {json.dumps([origin, argv[-1]])}", f'LABEL {LAUNCHER}="{_escaped(json.dumps(argv))}"']


def _run(*argv: str) -> str:
    return f"RUN {json.dumps(argv)}"


def _command(argv: Sequence[str]) -> str:
    return f"CMD {json.dumps(list(argv))}"
