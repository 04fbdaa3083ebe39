"""Writes Dockerfiles for detected Python, Node, static and other sources. Pure: text in, text out.

All commands are in exec form, so that a shell never reads anything from a source folder. Dependencies are a layer of their
own, before the source, so that a change of the source alone installs nothing again. The application runs as the user id
10001, which needs no entry in /etc/passwd and so no tool in the base image; ``HOME`` belongs to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from fairway.drivers.builders import dockerfile_node
from fairway.drivers.builders.build_hugo import HUGO
from fairway.drivers.builders.command_line import filled as filled_words
from fairway.drivers.builders.command_line import programs_of
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.image_steady import is_steady
from fairway.drivers.builders.python_inputs import manage_file
from fairway.drivers.builders.python_seed import GUNICORN_MAIN, SEED
from fairway.drivers.builders.toolchains import dockerfile_of
from fairway.drivers.runtimes.docker.plan import ANYWHERE, LAUNCHER, filled
from fairway.drivers.runtimes.docker.plan import LAUNCHERS as LAUNCHER_FOLDER
from fairway.drivers.runtimes.steps import steps_of

USER: Final = "10001:10001"
HOME: Final = "/home/app"
FOLDER: Final = ".fairway"  # Fairway's own files in the build context
CADDY: Final = f"{FOLDER}/caddy"
SITE: Final = f"{FOLDER}/site.json"
# The manifests written by `image_steady`; they stay in the image, beside the real ones.
MANIFESTS: Final = f"{FOLDER}/manifests"
# The program that starts several programs in a row, by the kind of image (see `fairway.drivers.runtimes.chain`).
LAUNCHERS: Final = {
    "python": ("python3", "-I", "-S", "-E", f"{LAUNCHER_FOLDER}chain.py"),
    "node": ("node", f"{LAUNCHER_FOLDER}chain.js"),
}
# It lies beside the application's own files, so that relative paths in it mean the same.
REQUIREMENTS: Final = ".fairway-requirements.txt"
CONSTRAINTS: Final = ".fairway-constraints.txt"
UV: Final = "/opt/uv/bin/uv"
_PYTHON_IMAGE = re.compile(r"(?P<name>(?:.*/)?python):(?P<version>3\.\d+)(?P<rest>(?:\.\d+)?(?:-[a-z.0-9-]+)?)")
PYTHONS: Final = ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9", "3.8", "3.7", "3.6", "3.5")
NEWER_PYTHONS: Final = tuple(f"3.{minor}" for minor in range(15, 40))  # versions that may have images one day


@dataclass(frozen=True)
class Manifests:
    """The files of the source that say what to install.

    `files` are those that suffice to install the dependencies alone; they are empty if the whole source is needed first (for
    a local path among the requirements, or install scripts). `is_package` says whether the project itself is installed. For
    a package of a workspace, `package` is its folder and `before` are the packages that are built before it.
    `keeps_development` says whether development packages stay in the image. `texts` are files that Fairway writes in uv's
    format if uv cannot read the source's own, and `options` are options for uv. With `reads_file`, uv also installs from the
    source's own file.
    """

    files: tuple[str, ...] = ()
    is_package: bool = False
    package: str = ""
    before: tuple[str, ...] = ()
    keeps_development: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    reads_file: bool = False


@dataclass(frozen=True)
class Bases:
    """The base images of generated Dockerfiles, and the names of the build arguments they accept."""

    python: str = "python:3.12-slim"
    node: str = "node:22-slim"
    arguments: tuple[str, ...] = ()


def dockerfile_for(spec: Spec, manifests: Manifests, bases: Bases) -> str:
    """The Dockerfile for a ``python``, ``node``, ``static`` or ``program`` spec. Raises ValueError for other kinds."""
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
    """The base image for the Python a project asks for (``3.11``, ``>=3.13``): the configured image if it fits or its
    version cannot be told, otherwise the same image with the newest Python that fits."""
    found = _PYTHON_IMAGE.fullmatch(configured)
    if not found or not asked:
        return configured
    try:
        wanted = SpecifierSet(f"=={asked}.*" if re.fullmatch(r"\d+\.\d+", asked) else _as_specifier(asked))
    except InvalidSpecifier:
        return configured
    # A minor version stands for its latest patch, so “>=3.11.4” must not exclude 3.11.
    fitting = [minor for minor in (found["version"], *PYTHONS, *NEWER_PYTHONS) if wanted.contains(f"{minor}.99")]
    version = fitting[0] if fitting else found["version"]
    return configured if version == found["version"] else f"{found['name']}:{version}{_variant(found['rest'])}"


def _as_specifier(asked: str) -> str:
    """The version as a specifier. ``3.11.4`` asks for 3.11, because official images have the latest patch."""
    exact = re.fullmatch(r"(\d+(?:\.\d+)?)(?:\.\d+)?", asked)
    return f"=={exact[1]}.*" if exact else asked


def _variant(rest: str) -> str:
    return rest[rest.index("-") :] if "-" in rest else ""


def _python(spec: Spec, manifests: Manifests, bases: Bases) -> list[str]:
    is_collected = bool(spec.install.get("collectstatic"))
    return [
        *_python_stage(spec, manifests, bases),
        *([_run("python", manage_file(spec.install), "collectstatic", "--noinput")] if is_collected else []),
        *_start(spec),
    ]


def _python_stage(spec: Spec, manifests: Manifests, bases: Bases, *, name: str = "") -> list[str]:
    """The lines from the base image to an application in ``/app``: installed, and built if there is a build command."""
    install = _python_dependencies(spec, manifests)
    return [
        f"FROM {python_image(bases.python, str(spec.install.get('python', '')))}{f' AS {name}' if name else ''}",
        *_arguments(bases),
        *_environment(
            {
                "PYTHONUNBUFFERED": "1",
                "VIRTUAL_ENV": "/opt/venv",
                "UV_PROJECT_ENVIRONMENT": "/opt/venv",
                "UV_NO_CACHE": "1",
                "UV_NO_EDITABLE": "1",
                "UV_PYTHON_DOWNLOADS": "never",
                "HOME": HOME,
            }
        ),
        'ENV PATH="/opt/venv/bin:$PATH"',
        _run("python3", "-m", "venv", "/opt/uv"),
        _run("/opt/uv/bin/pip", "install", "--no-cache-dir", "uv"),
        _run(UV, "venv", "/opt/venv"),
        _run("/opt/venv/bin/python", "-c", _MODULE_PATH),
        *_folders(spec),
        *_copy(manifests.files),
        *(install if manifests.files else ()),
        _copy_source(),
        *(() if manifests.files else install),
        *_python_project(spec, manifests),
        *_environment(spec.environment),
        *_build(spec),
    ]


# Puts the application's folders at the end of the module path, so that its modules are found from any working directory.
_MODULE_PATH: Final = (
    "import pathlib, sysconfig; "
    "pathlib.Path(sysconfig.get_path('purelib'), 'fairway-app.pth').write_text('/app\\n/app/src\\n')"
)


def _python_dependencies(spec: Spec, manifests: Manifests) -> list[str]:
    source = str(spec.install.get("from", ""))
    extras = [f"--extra={name}" for name in spec.install.get("extras") or ()]
    groups = [f"--group={name}" for name in spec.install.get("groups") or ()]
    added = [str(package) for package in spec.install.get("add") or ()]
    words = [word for name, option in _OURS.items() if name in manifests.texts for word in (option, name)]
    words += ["-r", source] if manifests.reads_file or (source and not manifests.texts) else []
    lines = []
    if source == "uv.lock":
        lines.append(_run(UV, "sync", "--frozen", "--no-dev", "--no-install-project", *extras, *groups))
    elif "-r" in words:
        # Until Python 3.12 every environment had setuptools, so older packages import pkg_resources without requiring it.
        lines.append(_run(UV, "pip", "install", SEED))
        lines.append(_run(UV, "pip", "install", *words, *manifests.options))
    lines += [_run(UV, "pip", "install", "--", *added)] if added else []
    starts_gunicorn = (spec.command or ())[:3] == ("python", "-m", "gunicorn")
    return [*lines, _run("python", "-c", _GUNICORN_MODULE)] if starts_gunicorn else lines


# Before version 20.1, gunicorn could not be run as a module.
_GUNICORN_MODULE: Final = (
    "import pathlib, gunicorn; place = pathlib.Path(gunicorn.__file__).with_name('__main__.py'); "
    f"place.exists() or place.write_text({GUNICORN_MAIN!r})"
)
_OURS: Final = {REQUIREMENTS: "-r", CONSTRAINTS: "-c"}


def _python_project(spec: Spec, manifests: Manifests) -> list[str]:
    """The line that installs the project itself if it is a package. Its dependencies are installed already."""
    return [_run(UV, "pip", "install", "--no-deps", ".")] if manifests.is_package else []


def _build(spec: Spec) -> list[str]:
    """The lines that run the programs of the build command. Variables before a program are set for it alone."""
    lines = []
    for program in programs_of(filled_words(spec.build or (), spec.environment.get)) if spec.build else ():
        match program.argv:
            case ("cd", folder):
                lines.append(f"WORKDIR {json.dumps([folder])[1:-1]}")
            case ("export", *pairs):
                lines += _environment(dict(pair.partition("=")[::2] for pair in pairs))
            case argv:
                own = [f"{name}={text}" for name, text in program.variables.items()]
                lines.append(_run(*(["env", *own] if own else []), *argv))
    return [*lines, "WORKDIR /app"] if any(line.startswith("WORKDIR") for line in lines) else lines


def _node(spec: Spec, manifests: Manifests, bases: Bases) -> list[str]:
    return [
        *_node_stage(spec, manifests, bases),
        *([f"WORKDIR /app/{manifests.package}"] if manifests.package else []),
        *_environment({"NODE_ENV": "production", **spec.environment}),
        *_start(spec),
    ]


def _node_stage(spec: Spec, manifests: Manifests, bases: Bases, *, name: str = "") -> list[str]:
    """The lines from the base image to an application in ``/app``: installed, and built if there is a build command."""
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
    elif is_built and spec.install.get("by") == "python":
        stage = _python_stage(spec, manifests, bases, name="site")
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
    """``ENV`` lines. Values with a line break are left out, because a Dockerfile cannot hold them; the deployment sets
    them when it starts the container."""
    return [f'ENV {name}="{_escaped(text)}"' for name, text in sorted(values.items()) if not re.search(r"[\r\n]", text)]


def _escaped(text: str) -> str:
    return re.sub(r'([\\"$])', r"\\\1", text)


def _folders(spec: Spec) -> list[str]:
    """The line that creates the folders the application may write to: its own, its home, and the targets of its volumes.
    (A new volume takes over the owner of the folder it covers.)"""
    folders = ["/app", HOME, *(target for _, target in spec.volumes)]
    owner, group = USER.split(":")
    return [_run("install", "-d", "-o", owner, "-g", group, *folders), "WORKDIR /app"]


def _copy(files: Iterable[str]) -> list[str]:
    """Copy the manifests, each to its own folder. Manifests with a project version are copied in the form without it."""
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
    """The lines that copy the program that starts several programs in a row, and set the label by which the runtime finds
    it."""
    argv = LAUNCHERS[kind]
    origin = f"{FOLDER}/{argv[-1].rpartition('/')[2]}"
    return [f"COPY {json.dumps([origin, argv[-1]])}", f'LABEL {LAUNCHER}="{_escaped(json.dumps(argv))}"']


def _run(*argv: str) -> str:
    return f"RUN {json.dumps(argv)}"


def _command(argv: Sequence[str]) -> str:
    return f"CMD {json.dumps(list(argv))}"
