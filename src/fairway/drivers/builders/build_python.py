"""Python through uv: a relocatable virtual environment as a layer, the project itself on top of it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import uv
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from fairway.drivers.builders import moved_port
from fairway.drivers.builders.exclusions import of_source
from fairway.drivers.builders.inside import Source
from fairway.drivers.builders.inside_python import check_python
from fairway.drivers.builders.layers import key_of, link_tree
from fairway.drivers.builders.python_inputs import Inputs, manage_file, read_inputs
from fairway.drivers.builders.running import Ceiling, Finished, run
from fairway.drivers.builders.surroundings import build_environment
from fairway.drivers.builders.workshop import Workshop, failure_of
from fairway.drivers.runtimes.contract import Silent
from fairway.shared.failures import NeedsPerson, Refused

LAYER_FORMAT = 1
VENV = ".venv"
_LITTER = ("activate", "activate.*", "activate_this.py", "deactivate.bat", "pydoc.bat")
_PROGRAMS = re.compile(r"python[\d.]*")


class PythonBuild:
    """One build of a Python application."""

    name = "uv"

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self._interpreter: tuple[str, str] | None = None

    def toolchain(self) -> str:
        """Which uv and which Python. Raises `NeedsPerson` when the Python asked for is not on this machine."""
        return f"uv {version('uv')} python {' '.join(self.interpreter())}"

    def build(self) -> dict[str, Any]:
        """Fill the bundle and return its manifest."""
        shop = self.workshop
        followed = check_python(Source(shop.source), str(shop.spec.install.get("from") or ""))
        shop.copy_app(of_source)
        inputs = read_inputs(shop.app, shop.spec.install, followed)
        key = key_of("python", LAYER_FORMAT, shop.request.name, self.toolchain(), inputs.key, self._source_key(inputs))
        layer = shop.layers.ensure(key, lambda place: self._make_layer(place, inputs), shop.progress)
        runs_its_code = inputs.is_package or bool(shop.spec.install.get("collectstatic"))
        link_tree(layer / VENV, shop.output / VENV, copy=runs_its_code and not shop.walls.are_owned)
        if inputs.is_package:
            self._install_project(inputs)
        if shop.spec.install.get("collectstatic"):
            self._collect_static()
        if type(port := shop.spec.install.get("listens")) is int:
            moved_port.put_into(shop.output / VENV, port)
        return self._manifest()

    def interpreter(self) -> tuple[str, str]:
        """(path, full version) of the Python to build with: Fairway's own where it fits, else what uv finds here."""
        if self._interpreter is None:
            asked = _minor(str(self.workshop.spec.install.get("python") or ""))
            own = str(getattr(sys, "_base_executable", sys.executable))
            path = own if _fits(asked) else self._find(asked)
            self._interpreter = (path, self._version_of(path))
        return self._interpreter

    def _find(self, asked: str) -> str:
        found = self._ask(uv.find_uv_bin(), "python", "find", "--no-project", "--no-config", asked)
        if found.code or not found.tail:
            mine = ".".join(map(str, sys.version_info[:3]))
            raise NeedsPerson(
                f"The application asks for Python {asked}, which is not on this machine (Fairway runs on {mine}); "
                "install it, or change requires-python or .python-version.",
                detail="\n".join(found.tail),
            )
        return found.tail[-1].strip()

    def _version_of(self, path: str) -> str:
        answer = self._ask(path, "-I", "-c", "import platform; print(platform.python_version())")
        if answer.code or not answer.tail:
            raise NeedsPerson(f"The Python at {path} does not run; install it again.", detail="\n".join(answer.tail))
        return answer.tail[-1].strip()

    def _ask(self, *argv: str) -> Finished:
        environment = {**build_environment(self.workshop.cache / "home"), **_UV}
        return run(
            argv, cwd=self.workshop.cache, env=environment, progress=Silent(), ceiling=Ceiling(60.0), keep_output=True
        )

    def _source_key(self, inputs: Inputs) -> str:
        return self.workshop.request.checkout.checksum if inputs.needs_source else ""

    def _make_layer(self, place: Path, inputs: Inputs) -> None:
        venv = place / VENV
        words: tuple[str, ...] = ("venv", "--relocatable", "--no-project", "--python", self.interpreter()[0], str(venv))
        self._uv(*words, what="uv venv", writes=[place])
        if inputs.lock:
            words = ("sync", "--frozen", "--no-default-groups", "--no-editable", "--no-install-workspace")
            self._uv(*words, what="uv sync", env={"UV_PROJECT_ENVIRONMENT": str(venv)}, writes=[place])
        elif inputs.requirements:
            self._pip_install(venv, place, inputs)
        if inputs.added:
            words = ("pip", "install", "--python", str(venv), "--", *inputs.added)
            self._uv(*words, what="uv pip install", writes=[place])
        _tidy(venv)
        self.workshop.walls.take_back(place)

    def _pip_install(self, venv: Path, place: Path, inputs: Inputs) -> None:
        """Install from a file that lies beside the application's own, so that its relative paths mean the same."""
        wanted = self.workshop.app / Path(inputs.file).parent / ".fairway-requirements.txt"
        limits = place / "constraints.txt"
        wanted.write_text(inputs.requirements)
        limits.write_text(inputs.constraints)
        try:
            constraint = ("--constraint", str(limits)) if inputs.constraints else ()
            words = ("pip", "install", "--python", str(venv), "-r", str(wanted), *constraint)
            self._uv(*words, what="uv pip install", writes=[place])
        finally:
            wanted.unlink()
            limits.unlink()

    def _install_project(self, inputs: Inputs) -> None:
        venv = self.workshop.output / VENV
        if inputs.lock:
            words = ("sync", "--frozen", "--no-default-groups", "--no-editable", "--inexact")
            self._uv(*words, what="uv sync", env={"UV_PROJECT_ENVIRONMENT": str(venv)})
        else:
            self._uv("pip", "install", "--python", str(venv), "--no-deps", ".", what="uv pip install .")
        for litter in ("build", *(str(place.name) for place in self.workshop.app.glob("*.egg-info"))):
            if not (self.workshop.source / litter).exists():
                shutil.rmtree(self.workshop.app / litter, ignore_errors=True)
        _tidy(venv)

    def _uv(self, *words: str, what: str, env: Mapping[str, str] | None = None, writes: Sequence[Path] = ()) -> None:
        shown = " ".join(Path(word).name if word.startswith("/") else word for word in words)
        self.workshop.progress.line(f"$ uv {shown}")
        walls = self.workshop.walls
        environment = {**_UV, "UV_CACHE_DIR": str(walls.cache("uv")), **(env or {})}
        reads = _home_of(self.interpreter()[0])
        finished = self.workshop.attempt(
            (uv.find_uv_bin(), *words), cwd=self.workshop.app, env=environment, writes=writes, reads=reads
        )
        if finished.code:
            raise failure_of(finished, what)

    def _collect_static(self) -> None:
        """Best effort: settings often need configuration that a build does not have; the log says so then."""
        shop = self.workshop
        python = str(shop.output / VENV / "bin" / "python")
        manage = manage_file(shop.spec.install)
        shop.progress.line(f"$ python {manage} collectstatic --noinput")
        finished = shop.attempt(
            (python, manage, "collectstatic", "--noinput"),
            cwd=shop.app,
            env=dict(shop.spec.environment),
            reads=_home_of(self.interpreter()[0]),
        )
        if finished.code:
            shop.progress.line("Static files were not collected; the application starts without them.", stream="stderr")

    def _manifest(self) -> dict[str, Any]:
        command = self.workshop.spec.command
        if not command:
            raise Refused("There is no command to start it; give one, e.g. “python main.py”.")
        first = "{python}" if _PROGRAMS.fullmatch(command[0]) else command[0]
        environment = _quiet_gunicorn(self.workshop.output / VENV)
        return {"kind": "python", "command": [first, *command[1:]], "path": [f"{VENV}/bin"], "environment": environment}


_UV = {
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_COMPILE_BYTECODE": "1",
    "UV_NO_PROGRESS": "1",
    "UV_LINK_MODE": "copy",  # scripts may change what the cache holds; a layer must not change with it
    "UV_VENV_SEED": "0",
    "UV_NO_ENV_FILE": "1",
}


def _quiet_gunicorn(venv: Path) -> dict[str, str]:
    """Newer gunicorns open a control socket in the home folder, which replicas share; nobody asks it here."""
    known = next(venv.glob("lib/python*/site-packages/gunicorn/config.py"), None)
    has_socket = known is not None and "--no-control-socket" in known.read_text(errors="replace")
    return {"GUNICORN_CMD_ARGS": "--no-control-socket"} if has_socket else {}


def _home_of(interpreter: str) -> tuple[Path, ...]:
    """Where a Python's standard library lies."""
    return (Path(interpreter).resolve().parent.parent,)


def _fits(asked: str) -> bool:
    """Whether the Python that runs Fairway is what was asked for (``>=3.11``, ``3.11`` or nothing)."""
    if not asked:
        return True
    if re.fullmatch(r"\d+(\.\d+)?", asked):
        asked = f"=={asked}.*"
    try:
        return SpecifierSet(asked).contains(".".join(map(str, sys.version_info[:3])))
    except InvalidSpecifier:
        raise Refused(f"“{asked[:80]}” is not a Python version; correct requires-python or .python-version.") from None


def _minor(asked: str) -> str:
    """``3.11.4`` asks for 3.11: the patch that is on this machine is the one with the security fixes."""
    exact = re.fullmatch(r"(\d+\.\d+)\.\d+", asked)
    return exact[1] if exact else asked


def _tidy(venv: Path) -> None:
    """Take out what names a path or a time, so that equal content has an equal digest wherever and whenever it was made."""
    for pattern in _LITTER:
        for place in (venv / "bin").glob(pattern):
            place.unlink()
    for name in (".lock", ".gitignore", "CACHEDIR.TAG"):
        (venv / name).unlink(missing_ok=True)
    for record in venv.glob("lib/python*/site-packages/*.dist-info"):
        _tidy_record(record)


def _tidy_record(folder: Path) -> None:
    gone = [name for name in ("uv_cache.json", "direct_url.json") if _is_local(folder / name)]
    for name in gone:
        (folder / name).unlink()
    record = folder / "RECORD"
    if gone and record.is_file():
        lines = record.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not any(f"{folder.name}/{name}," in line for name in gone)]
        draft = record.with_name("RECORD.draft")
        draft.write_text("".join(kept))
        os.replace(draft, record)


def _is_local(place: Path) -> bool:
    """Whether a note about an installation speaks of this machine (a folder, a time) and not of an index."""
    return place.is_file() and (place.name == "uv_cache.json" or '"file:' in place.read_text())
