"""What a folder is, and how to run it: read, never executed.

The first that fits decides: ``Dockerfile``; ``compose.yaml`` with one service; ``Procfile`` on top of the language
found below it; Python; Node.js; static HTML. The result explains itself (`Finding`) or says what to add (`advice`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

from fairway.drivers.builders.compose import FILES, ComposeService, parse_compose
from fairway.drivers.builders.contract import Detection, Spec
from fairway.drivers.builders.detect_node import detect_node, node_base
from fairway.drivers.builders.detect_python import PythonProject, detect_python, python_base
from fairway.drivers.builders.procfile import parse_procfile
from fairway.drivers.builders.recipe import Recipe, Undetectable, version_file
from fairway.drivers.builders.source_folder import SourceFolder
from fairway.shared.names import Invalid, parse_relative_path

PUBLISHED = (".", "public", "dist", "site", "_site", "build", "out", "docs")
_EXPOSE = re.compile(r"^\s*EXPOSE\s+(\d+)(?:/tcp)?\b", re.I | re.M)
NOTHING = (
    "Nothing here says how to run it. Add one of: a Dockerfile; a compose.yaml with one service; a Procfile with “web: …”; "
    "requirements.txt or pyproject.toml beside a Streamlit, FastAPI, Flask or Django application; a script that reads PORT; "
    "a package.json with a start script; or an index.html."
)


def detect(folder: Path, *, root: str = ".", skip: Collection[str] = ()) -> Detection:
    """What `folder` (or `root` inside it) is. Never raises for what it finds there; `advice` says what is wrong.

    `skip` leaves recipes out, by kind: ``skip={"dockerfile"}`` asks what it would be on a machine without Docker.
    Raises `Invalid` for a `root` that leaves the folder or is not there.
    """
    if root not in ("", "."):
        parse_relative_path(root, field="root")
    source = SourceFolder(folder / root)
    if not source.place.is_dir() or not source.place.is_relative_to(folder.resolve()):
        raise Invalid("root", "“{root}” is not a folder of this source; choose one that is.", root=root)
    try:
        recipe = _first(source, skip)
    except Undetectable as error:
        return Detection(spec=None, advice=error.sentence)
    except Invalid as error:
        return Detection(spec=None, advice=f"{error.field}: {error.sentence}")
    if recipe is None:
        return Detection(spec=None, advice=_advice(source))
    spec = recipe.spec if root in ("", ".") else recipe.changed(root=_joined(root, recipe.spec.root)).spec
    return Detection(spec=spec, findings=recipe.findings)


def _first(source: SourceFolder, skip: Collection[str]) -> Recipe | None:
    detectors: tuple[tuple[str, Callable[[SourceFolder], Recipe | None]], ...] = (
        ("dockerfile", _dockerfile),
        ("compose", _compose),
        ("procfile", _procfile),
        ("python", detect_python),
        ("node", detect_node),
        ("static", _static),
    )
    for kind, detector in detectors:
        recipe = detector(source) if kind not in skip else None
        if recipe is not None and recipe.spec.kind not in skip:
            return recipe
    return None


def _joined(root: str, inner: str) -> str:
    return root if inner == "." else f"{root.rstrip('/')}/{inner}"


def _dockerfile(source: SourceFolder) -> Recipe | None:
    if not source.has("Dockerfile"):
        return None
    recipe = Recipe(
        Spec(kind="dockerfile", framework="Dockerfile", version=_version(source), install={"dockerfile": "Dockerfile"})
    )
    return _exposed(source, "Dockerfile", recipe.noting("Built from its Dockerfile", "Dockerfile"))


def _exposed(source: SourceFolder, dockerfile: str, recipe: Recipe) -> Recipe:
    ports = _EXPOSE.findall(source.text(dockerfile))
    if ports and 1 <= int(ports[-1]) <= 65535:
        return recipe.changed(port=int(ports[-1])).noting(f"Listens on port {ports[-1]}", f"EXPOSE in {dockerfile}")
    return recipe.noting(f"Port {recipe.spec.port} is assumed", f"{dockerfile} has no EXPOSE; PORT is set to it")


def _version(source: SourceFolder) -> str:
    for read in (lambda: PythonProject(source).version, lambda: source.json("package.json").get("version")):
        try:
            version = read()
        except (Undetectable, ValueError):
            continue
        if isinstance(version, str) and version:
            return version
    return version_file(source)


def _compose(source: SourceFolder) -> Recipe | None:
    file = source.first(*FILES)
    if file is None:
        return None
    service = parse_compose(source.text(file), file=file)
    recipe = _composed(source, file, service).noting(f"The service “{service.name}”", file)
    return _overlaid(recipe, service)


def _composed(source: SourceFolder, file: str, service: ComposeService) -> Recipe:
    """The recipe below a compose service: its image, its Dockerfile, or what its folder is."""
    build = service.build
    if build is None:
        spec = Spec(kind="image", framework="Image", install={"image": service.image})
        return Recipe(spec).noting(f"The image {service.image}", file)
    inner = SourceFolder(source.place / build.root)
    if not inner.place.is_relative_to(source.place):
        raise Undetectable(f"{file}: the build folder “{build.root}” leads outside; choose one inside the source.")
    dockerfile = build.dockerfile or "Dockerfile"
    if inner.has(dockerfile):
        options = {"dockerfile": dockerfile, "target": build.target, "args": build.args}
        install = {key: value for key, value in options.items() if value}
        spec = Spec(kind="dockerfile", framework="Dockerfile", version=_version(inner), root=build.root, install=install)
        return _exposed(inner, dockerfile, Recipe(spec).noting(f"Built from {dockerfile}", file))
    if build.dockerfile or build.target:
        raise Undetectable(f"{file}: there is no {dockerfile} in “{build.root}”; add it or correct “build”.")
    found = _first(inner, {"compose"})
    if found is None:
        raise Undetectable(f"{file}: “{build.root}” has no Dockerfile and is nothing Fairway knows; add a Dockerfile.")
    return found.changed(root=build.root)


def _overlaid(recipe: Recipe, service: ComposeService) -> Recipe:
    """The recipe with everything the compose service says on top."""
    stated = {
        "command": service.command,
        "port": service.port,
        "version": service.version,
        "health_path": service.health_path,
        "stop_grace": service.stop_grace,
        "memory_bytes": service.memory_bytes,
        "cpus": service.cpus,
    }
    recipe = recipe.changed(**{name: value for name, value in stated.items() if value not in (None, "")})
    environment = {**recipe.spec.environment, **service.environment}
    return recipe.changed(environment=environment, requires=service.requires, volumes=service.volumes)


def _procfile(source: SourceFolder) -> Recipe | None:
    if not source.has("Procfile"):
        return None
    procfile = parse_procfile(source.text("Procfile"))
    recipe = _language(source, procfile.command)
    recipe = recipe.changed(command=procfile.command, environment={**recipe.spec.environment, **procfile.environment})
    recipe = recipe.noting("Started by the web line", "Procfile")
    if procfile.others:
        recipe = recipe.noting(f"Not started: {', '.join(procfile.others)}", "Fairway runs the web line of a Procfile")
    return recipe


def _language(source: SourceFolder, command: tuple[str, ...]) -> Recipe:
    """The language below a Procfile: with a framework where one is seen, else just the dependencies."""
    python_first = not source.has("package.json") or command[0].startswith(
        ("python", "gunicorn", "uvicorn", "flask", "streamlit")
    )
    python = detect_python(source) or python_base(PythonProject(source))
    node = detect_node(source) or node_base(source)
    if node is not None and node.spec.kind != "node":
        node = node_base(source)
    recipe = (python or node) if python_first else (node or python)
    if recipe is None:
        raise Undetectable("Procfile: there is no language below it; add requirements.txt, pyproject.toml or package.json.")
    return recipe


def _static(source: SourceFolder) -> Recipe | None:
    place = next((name for name in PUBLISHED if source.has(f"{name}/index.html")), None)
    if place is None:
        return None
    spec = Spec(
        kind="static", framework="Static site", health_path="/", version=version_file(source), install={"publish": place}
    )
    where = "index.html" if place == "." else f"{place}/index.html"
    return Recipe(spec).noting("A folder of files, served as they are", where)


def _advice(source: SourceFolder) -> str:
    if source.has("package.json"):
        return (
            "package.json starts nothing: add “start” under “scripts”, e.g. “node server.js”, or “build” for a static site."
        )
    if source.python_files:
        return (
            "There is Python here, but no application that was recognised: add Streamlit, FastAPI, Flask or Django to "
            "requirements.txt, let a script read PORT from the environment, or write a Procfile with “web: python …”."
        )
    if source.has_folder("src") or any(source.place.iterdir()):
        return NOTHING
    return "The folder is empty. " + NOTHING
