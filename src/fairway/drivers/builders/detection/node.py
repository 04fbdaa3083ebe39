"""Node.js: how a ``package.json`` starts, builds and installs; and sites that Node only builds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.recipe import Recipe, Undetectable, health_route, version_file
from fairway.drivers.builders.detection.source_folder import SourceFolder

MAIN_FILES = ("server.js", "index.js", "app.js", "main.js", "src/server.js", "src/index.js", "server.mjs", "index.mjs")
FRAMEWORKS = {
    "next": "Next.js",
    "nuxt": "Nuxt",
    "@nestjs/core": "NestJS",
    "express": "Express",
    "fastify": "Fastify",
    "koa": "Koa",
    "hono": "Hono",
}
LOCKS = ("package-lock.json", "npm-shrinkwrap.json")
OTHER_LOCKS = {"yarn.lock": "Yarn", "pnpm-lock.yaml": "pnpm", "bun.lockb": "Bun", "bun.lock": "Bun"}
PLAIN_START = re.compile(r"node(\s+[\w@./=:-]+)+")  # nothing a shell would have to read
DEVELOPMENT = re.compile(r"\b(vite|react-scripts start|webpack serve|webpack-dev-server|parcel|ng serve|nodemon)\b")
OUTPUTS = {"react-scripts": "build", "@sveltejs/kit": "build", "vite": "dist", "astro": "dist", "@11ty/eleventy": "_site"}


def detect_node(folder: SourceFolder) -> Iterator[Recipe]:
    """The recipes for a folder with a ``package.json``; none when there is none or it starts nothing."""
    recipe = node_base(folder)
    if recipe is None:
        return
    package = _package(folder)
    scripts = _table(package, "scripts")
    start = str(scripts.get("start", "")).strip()
    main = _main(folder, package)
    if start and not DEVELOPMENT.search(start):
        yield _started(folder, recipe, start)
    elif scripts.get("build") and not main:
        yield _site(folder, recipe, package)
    elif main:
        yield _noting_port(folder, recipe.changed(command=("node", main)).noting("Started by node", main), main)


def node_base(folder: SourceFolder) -> Recipe | None:
    """What is true of any command in this folder: lock file, build script, engines, version."""
    if not folder.has("package.json"):
        return None
    package = _package(folder)
    lock = folder.first(*LOCKS)
    scripts = _table(package, "scripts")
    engines = _table(package, "engines")
    install: dict[str, Any] = {"from": lock or "package.json", "node": str(engines.get("node", ""))}
    version = package.get("version")
    framework = _framework(package)
    spec = Spec(
        kind="node",
        framework=framework,
        port=3000,
        version=version if isinstance(version, str) else version_file(folder),
        install={key: value for key, value in install.items() if value},
        build=("npm", "run", "build") if scripts.get("build") else None,
    )
    recipe = Recipe(spec).noting(framework, "package.json")
    return _noting_lock(folder, recipe, lock)


def _noting_lock(folder: SourceFolder, recipe: Recipe, lock: str | None) -> Recipe:
    if lock:
        return recipe.noting("Exact dependencies", lock)
    other = folder.first(*OTHER_LOCKS)
    if other:
        return recipe.noting(f"Installed with npm: the {OTHER_LOCKS[other]} lock file is not read", other)
    return recipe.noting("Dependencies without a lock file: commit package-lock.json", "package.json")


def _package(folder: SourceFolder) -> dict[str, Any]:
    try:
        return folder.json("package.json")
    except ValueError as error:
        raise Undetectable(f"package.json cannot be read: {error}. Correct it.") from error


def _table(package: dict[str, Any], key: str) -> dict[str, Any]:
    value = package.get(key)
    return value if isinstance(value, dict) else {}


def _framework(package: dict[str, Any]) -> str:
    wanted = _table(package, "dependencies")
    return next((word for name, word in FRAMEWORKS.items() if name in wanted), "Node.js")


def _main(folder: SourceFolder, package: dict[str, Any]) -> str:
    main = package.get("main")
    named = (main, f"{main}.js") if isinstance(main, str) else ()
    return folder.first(*(name.removeprefix("./") for name in named), *MAIN_FILES) or ""


def _started(folder: SourceFolder, recipe: Recipe, start: str) -> Recipe:
    if not PLAIN_START.fullmatch(start):
        return recipe.changed(command=("npm", "start")).noting("Started by npm start", f"the start script is “{start}”")
    words = tuple(shlex.split(start))
    script = next((word for word in words[1:] if not word.startswith("-")), "")
    recipe = recipe.changed(command=words).noting(f"Started by {start}", "the start script of package.json")
    return _noting_port(folder, recipe, script.removeprefix("./"))


def _noting_port(folder: SourceFolder, recipe: Recipe, script: str) -> Recipe:
    source = folder.text(script) or folder.text(f"{script}.js")
    health = health_route(source)
    if health:
        recipe = recipe.changed(health_path=health).noting(f"Health at {health}", script)
    fixed = re.search(r"\.listen\(\s*(\d{2,5})\b", source)
    if fixed and "process.env.PORT" not in source and 1 <= int(fixed[1]) <= 65535:
        sentence = f"Listens on port {fixed[1]} only: let it read process.env.PORT"
        return recipe.changed(port=int(fixed[1])).noting(sentence, script)
    return recipe


def _site(folder: SourceFolder, recipe: Recipe, package: dict[str, Any]) -> Recipe:
    wanted = {**_table(package, "dependencies"), **_table(package, "devDependencies")}
    output = next((place for name, place in OUTPUTS.items() if name in wanted), "dist")
    recipe = recipe.changed(kind="static", framework="Static site built by npm", port=8080, health_path="/")
    recipe = recipe.with_install(publish=output)
    return recipe.noting(
        f"Built by npm run build, served from {output}/", "package.json has a build script and nothing to start"
    )
