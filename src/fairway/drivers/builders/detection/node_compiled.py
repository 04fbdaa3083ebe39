"""TypeScript servers: finds the JavaScript file that the build writes and that is started. It only reads files."""

from __future__ import annotations

import posixpath
import re

from fairway.drivers.builders.detection.node_project import NodeProject

_RUNNERS = (
    "ts-node",
    "ts-node-esm",
    "ts-node-transpile-only",
    "tsx",
    "ts-node-script",
    "tsm",
    "esno",
    "babel-node",
    "swc-node",
)
_TYPED = re.compile(r"\.([cm]?)tsx?$")
_COMPILES = re.compile(r"\btsc\b(?!.*--noEmit)|\btsc-alias\b")


def compiled(project: NodeProject, build: tuple[str, ...] | None, words: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """(the command, the reason) with the JavaScript file that ``tsc`` writes for a TypeScript file. The command is
    unchanged, and the reason "", if nothing compiles the file."""
    script = project.scripts.get("build", "")
    source = next((word for word in words if _TYPED.search(word)), "")
    if not source or not build or not _COMPILES.search(script) or words[0] == "bun":
        return words, ""
    if words[0] not in (*_RUNNERS, "node"):
        return words, ""
    return ("node", place_of(project, source.removeprefix("./"))), f"the build script is “{script}”"


def place_of(project: NodeProject, source: str) -> str:
    """Where the compiler writes the file: `outDir`, and the path relative to `rootDir`. The builder checks this after the
    build."""
    text = project.folder.text("tsconfig.json") + project.folder.text("tsconfig.build.json")
    named = re.search(r"--outDir\s+(\S+)", project.scripts.get("build", ""))
    out = named[1] if named else _setting(text, "outDir") or "dist"
    usual = source.partition("/")[0] if source.startswith(("src/", "lib/", "server/")) else "."
    top = _setting(text, "rootDir") or usual
    inner = posixpath.relpath(source, top) if top not in (".", "") else source
    if inner.startswith(".."):
        inner = source
    return posixpath.normpath(f"{out}/{_TYPED.sub(lambda found: f'.{found[1]}js', inner)}")


def _setting(text: str, name: str) -> str:
    found = re.search(rf"^[^/\n]*\"{name}\"\s*:\s*\"([^\"]+)\"", text, re.M)
    return found[1].removeprefix("./").rstrip("/") if found else ""
