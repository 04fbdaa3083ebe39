"""Builds Python applications with uv: a relocatable virtual environment is a layer, and the project itself is installed
on top of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import uv
from packaging.version import Version

from fairway.drivers.builders import moved_port
from fairway.drivers.builders.build_env import BuildEnvironment, failure_of
from fairway.drivers.builders.detection.python_version import asked_python
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.exclusions import of_source
from fairway.drivers.builders.inside import Source
from fairway.drivers.builders.inside_python import check_python
from fairway.drivers.builders.layers import key_of, link_tree
from fairway.drivers.builders.python_advice import advice_for, missing_variable, older_tools
from fairway.drivers.builders.python_inputs import Inputs, manage_file, read_inputs
from fairway.drivers.builders.python_older import culprits, last_python, older_than
from fairway.drivers.builders.python_seed import SEED, imports_old, let_gunicorn_start, needs_seed
from fairway.drivers.builders.python_tidy import tidy
from fairway.drivers.builders.pythons import Checking, Interpreter, Pythons
from fairway.drivers.builders.running import Finished
from fairway.drivers.builders.surroundings import build_environment
from fairway.shared.failures import Refused

LAYER_FORMAT = 2
VENV = ".venv"
_PROGRAMS = re.compile(r"python[\d.]*")
_PATHS = "fairway-app.pth"
# Placeholder values, never secret, for variables that settings read during a build.
_WITHOUT_VALUE = {"DATABASE_URL": "sqlite://:memory:"}
MOST_TRIED = 2  # how many older Pythons are tried; each may build packages for minutes
MOST_MISSING = 8  # how many missing variables get a placeholder value


class PythonBuild:
    """One build of a Python application."""

    name = "uv"

    def __init__(self, build_env: BuildEnvironment) -> None:
        self.build_env = build_env
        self._interpreter: Interpreter | None = None

    def toolchain(self) -> str:
        """The versions of uv and Python. Raises `NeedsPerson` if the requested Python is neither here nor can be fetched."""
        python = self.interpreter()
        return f"uv {version('uv')} python {python.path} {python.version}"

    def build(self) -> dict[str, Any]:
        """Fill the bundle and return its manifest. Raises `Refused` if there is no start command or a step fails."""
        self._prepare()
        if self.build_env.spec.install.get("collectstatic"):
            self._collect_static()
        if type(port := self.build_env.spec.install.get("listens")) is int:
            moved_port.put_into(self.build_env.output / VENV, port)
        return self._manifest()

    def build_site(self) -> Path:
        """Install and build a site of which only the result is served; returns the folder in which it was built."""
        self._prepare()
        return self.build_env.app

    def _prepare(self) -> None:
        """Copy the source, install its dependencies and the project itself, and run the build command."""
        build_env = self.build_env
        followed = check_python(Source(build_env.source), str(build_env.spec.install.get("from") or ""))
        build_env.copy_app(of_source)
        inputs = read_inputs(build_env.app, build_env.spec.install, followed)
        if inputs.left_out:
            build_env.progress.line(
                f"Left to this machine, because they are no Python packages: {', '.join(inputs.left_out)}."
            )
        if inputs.of_their_time:
            what = f"What {inputs.file} pins is of another time: {', '.join(inputs.of_their_time)} is installed beside it."
            build_env.progress.line(what)
        layer = self._layer(inputs)
        runs_its_code = inputs.is_package or bool(build_env.spec.install.get("collectstatic") or build_env.spec.build)
        link_tree(layer / VENV, build_env.output / VENV, copy=runs_its_code and not build_env.walls.are_owned)
        if inputs.is_package:
            self._install_project(inputs)
        self._write_paths()
        if build_env.spec.build:
            self._follow_build(build_env.spec.build)

    def _layer(self, inputs: Inputs) -> Path:
        """The layer with the dependencies. If the source asks for no Python and its dependencies do not fit the newest,
        an older Python of this machine is used."""
        is_free = bool(inputs.requirements) and not self.build_env.spec.install.get("python")
        if is_free and (last := last_python(inputs.requirements)):
            self._go_back_to(last, f"What {inputs.file} pins cannot be imported by Pythons newer than {last}")
        try:
            return self._layer_for(inputs)
        except Refused as error:
            if not is_free:
                raise
            first, known = error, culprits(error.detail)
        pythons = Pythons(self.build_env.cache.parent, self.build_env.pythons)
        newest = self.interpreter()
        tried = 0
        for python in older_than(newest.version, list(pythons.here())) if known else ():
            self._interpreter = python
            if tried == MOST_TRIED or not self._is_ready_made(inputs, known):
                continue
            tried += 1
            self._take(python, f"{', '.join(sorted(known))} cannot be installed for Python {newest.version}")
            try:
                return self._layer_for(inputs)
            except Refused as error:
                known |= culprits(error.detail)
        raise first

    def _go_back_to(self, last: str, why: str) -> None:
        """Build with the newest Python of this machine that is no newer than `last`, if there is one."""
        pythons = Pythons(self.build_env.cache.parent, self.build_env.pythons)
        fitting = older_than(f"{last.partition('.')[0]}.{int(last.partition('.')[2]) + 1}", list(pythons.here()))
        if fitting and Version(self.interpreter().version) > Version(f"{last}.999"):
            self._take(fitting[0], why)

    def _take(self, python: Interpreter, why: str) -> None:
        self._interpreter = python
        self.build_env.progress.line(
            f"{why}: this machine's Python {python.version} is taken. Write it into .python-version to make it sure."
        )

    def _layer_for(self, inputs: Inputs) -> Path:
        build_env = self.build_env
        old = imports_old(build_env.app)
        source = build_env.request.checkout.checksum if inputs.needs_source else ""
        parts = (LAYER_FORMAT, build_env.request.name, self.toolchain(), inputs.key, source, old)
        return build_env.layers.ensure(
            key_of("python", *parts), lambda draft: self._make_layer(draft, inputs), build_env.progress
        )

    def _is_ready_made(self, inputs: Inputs, packages: frozenset[str]) -> bool:
        """Whether the dependencies can be resolved for the current Python, with `packages` as wheels. Only a check: its
        output is not logged."""
        requirements = self.build_env.app / Path(inputs.file).parent / ".fairway-requirements.txt"
        requirements.write_text(inputs.requirements)
        only = [word for package in sorted(packages) for word in ("--only-binary", package)]
        words = ("pip", "compile", "--quiet", "--python", self.interpreter().path, *only, *inputs.options, str(requirements))
        silent = replace(self.build_env, progress=Checking(self.build_env.progress))
        try:
            return not silent.attempt(
                (uv.find_uv_bin(), *words), cwd=self.build_env.app, env=self._environment(), reads=self._home
            ).code
        finally:
            requirements.unlink()

    def interpreter(self) -> Interpreter:
        """The Python to build with: the one Fairway runs with if it fits, otherwise one of this machine, otherwise a
        fetched one. Raises `NeedsPerson` if there is none."""
        if self._interpreter is None:
            build_env = self.build_env
            asked = str(build_env.spec.install.get("python") or "")
            request = asked_python(SourceFolder(build_env.source))
            pythons = Pythons(build_env.cache.parent, build_env.pythons)
            self._interpreter = pythons.provide(asked, request.file if request.text == asked else "", build_env.progress)
        return self._interpreter

    def _make_layer(self, folder: Path, inputs: Inputs) -> None:
        venv = folder / VENV
        words: tuple[str, ...] = ("venv", "--relocatable", "--no-project", "--python", self.interpreter().path, str(venv))
        self._uv(*words, what="uv venv", writes=[folder])
        if inputs.lock:
            words = ("sync", "--frozen", "--no-default-groups", "--no-editable", "--no-install-workspace", *inputs.options)
            self._uv(*words, what="uv sync", env={"UV_PROJECT_ENVIRONMENT": str(venv)}, writes=[folder], file=inputs.file)
        elif inputs.requirements or inputs.reads_file:
            self._pip_install(venv, folder, inputs)
        if inputs.added:
            self._into(venv, "--", *inputs.added, writes=[folder])
        if needs_seed(venv, self.build_env.app):
            self.build_env.progress.line(f"Something here imports what older setuptools bring: {SEED} is added.")
            self._into(venv, SEED, writes=[folder])
        self._compile(venv, writes=[folder])
        tidy(venv)
        self.build_env.walls.take_back(folder)
        let_gunicorn_start(venv)

    def _into(self, venv: Path, *words: str, writes: Sequence[Path] = ()) -> None:
        self._uv("pip", "install", "--python", str(venv), *words, what="uv pip install", writes=writes)

    def _pip_install(self, venv: Path, folder: Path, inputs: Inputs) -> None:
        """Install from a file that lies beside the application's own, so that relative paths in it mean the same."""
        requirements = self.build_env.app / Path(inputs.file).parent / ".fairway-requirements.txt"
        limits, tools = folder / "constraints.txt", folder / "build-constraints.txt"
        requirements.write_text(inputs.requirements)
        limits.write_text(inputs.constraints)
        words = ["pip", "install", "--python", str(venv), "-r", str(requirements), *inputs.options]
        words += ["-r", inputs.file] if inputs.reads_file else []
        words += ["--constraint", str(limits)] if inputs.constraints else []
        try:
            self._with_older_tools(words, tools, inputs)
        finally:
            for temporary in (requirements, limits, tools):
                temporary.unlink(missing_ok=True)
            self._clear_litter()

    def _with_older_tools(self, words: list[str], tools: Path, inputs: Inputs) -> None:
        """Install. If packages do not build with today's build tools, try again with the tools of their time."""
        older: tuple[str, ...] = ()
        while True:
            more = ("--build-constraint", str(tools)) if older else ()
            finished = self._try_uv(*words, *more, writes=[tools.parent])
            known = {constraint.partition("<")[0]: constraint for constraint in (*older, *older_tools(finished.tail))}
            if not finished.code:
                return
            if tuple(known.values()) == older:
                raise self._failure(finished, "uv pip install", inputs.file)
            older = tuple(known.values())
            self.build_env.progress.line(f"A package does not build with the tools of today; tried with {', '.join(older)}.")
            tools.write_text("\n".join(older))

    def _install_project(self, inputs: Inputs) -> None:
        venv = self.build_env.output / VENV
        if inputs.lock:
            words = ("sync", "--frozen", "--no-default-groups", "--no-editable", "--inexact", *inputs.options)
            finished = self._try_uv(*words, env={"UV_PROJECT_ENVIRONMENT": str(venv)})
        else:
            finished = self._try_uv("pip", "install", "--python", str(venv), "--no-deps", ".")
        self._compile(venv)
        self._clear_litter()
        tidy(venv)
        if not finished.code:
            return
        if inputs.scripts & set(self.build_env.spec.command or ()):
            raise self._failure(finished, "Installing the project itself", inputs.file)
        sentence = "The project itself cannot be installed as a package; it runs from its folder."
        self.build_env.progress.line(sentence, stream="stderr")

    def _clear_litter(self) -> None:
        """Delete what build backends leave in the source."""
        app, source = self.build_env.app, self.build_env.source
        for path in (app / "build", *app.glob("*.egg-info"), *app.glob("src/*.egg-info")):
            if not (source / path.relative_to(app)).exists():
                shutil.rmtree(path, ignore_errors=True)

    def _write_paths(self) -> None:
        """Put the application's folders on the module path of the environment, so that its programs find the modules from
        any working directory."""
        packages = next((self.build_env.output / VENV).glob("lib/python*/site-packages"), None)
        if packages is not None:
            up = "/".join([".."] * len(packages.relative_to(self.build_env.output).parts))
            folders = [f"{up}/app", *([f"{up}/app/src"] if (self.build_env.app / "src").is_dir() else [])]
            (packages / _PATHS).write_text("\n".join(folders) + "\n")

    def _uv(
        self,
        *words: str,
        what: str,
        env: Mapping[str, str] | None = None,
        writes: Sequence[Path] = (),
        file: str = "",
    ) -> None:
        finished = self._try_uv(*words, env=env, writes=writes)
        if finished.code:
            raise self._failure(finished, what, file)

    def _failure(self, finished: Finished, what: str, file: str) -> Exception:
        advice = advice_for(finished.tail, file=file, python=self.interpreter().version)
        failure = failure_of(finished, what)
        return Refused(advice, detail=failure.detail) if advice and isinstance(failure, Refused) else failure

    def _try_uv(self, *words: str, env: Mapping[str, str] | None = None, writes: Sequence[Path] = ()) -> Finished:
        shown = " ".join(Path(word).name if word.startswith("/") else word for word in words)
        self.build_env.progress.line(f"$ uv {shown}")
        environment = {**self._environment(), **(env or {})}
        return self.build_env.attempt(
            (uv.find_uv_bin(), *words), cwd=self.build_env.app, env=environment, writes=writes, reads=self._home
        )

    def _environment(self) -> dict[str, str]:
        return {**_UV, "UV_CACHE_DIR": str(self.build_env.walls.cache("uv"))}

    def _compile(self, venv: Path, writes: Sequence[Path] = ()) -> None:
        """Compile what an application may import, since it cannot write byte code itself. Test folders of packages are left
        out: nothing imports them, and with them JupyterLab's environment took half as long again (45 s of a processor, 29 s
        without)."""
        argv = (str(venv / "bin" / "python"), "-m", "compileall", "-q", "-j", "0", "-x", _TESTS, str(venv / "lib"))
        silent = replace(self.build_env, progress=Checking(self.build_env.progress))  # some files are of other Pythons
        silent.attempt(argv, cwd=self.build_env.app, writes=writes, reads=self._home)

    @property
    def _home(self) -> tuple[Path, ...]:
        """The folder of the Python and its standard library, which must be readable behind the walls."""
        return (Path(self.interpreter().path).resolve().parent.parent,)

    def _follow_build(self, words: Sequence[str]) -> None:
        """Run the build command in the application's folder, with the programs of its environment first on PATH."""
        build_env = self.build_env
        path = f"{build_env.output / VENV / 'bin'}:{build_environment(build_env.staging / 'home')['PATH']}"
        environment = {"PATH": path, "VIRTUAL_ENV": str(build_env.output / VENV)}
        build_env.follow(words, cwd=build_env.app, env=environment, variables=build_env.spec.environment, reads=self._home)
        tidy(build_env.output / VENV)

    def _collect_static(self) -> None:
        """Collect static files, as well as possible. Settings often read variables that a build does not have: such a
        variable gets a placeholder value, and the log names it. If it still fails, the application starts without
        static files."""
        build_env = self.build_env
        python = str(build_env.output / VENV / "bin" / "python")
        manage = manage_file(build_env.spec.install)
        build_env.progress.line(f"$ python {manage} collectstatic --noinput")
        given: dict[str, str] = {}
        while True:
            words = (python, manage, "collectstatic", "--noinput")
            environment = {**build_env.spec.environment, **given}
            finished = build_env.attempt(words, cwd=build_env.app, env=environment, reads=self._home)
            missing = missing_variable(finished.tail) if finished.code else ""
            if not missing or missing in environment or len(given) == MOST_MISSING:
                break
            given[missing] = _WITHOUT_VALUE.get(missing, "0")
            build_env.progress.line(
                f"The settings read {missing}, which a build does not have; tried again with a value for show."
            )
        if finished.code:
            why = f" for want of {', '.join([*given, missing])}" if given or missing else ""
            sentence = f"Static files were not collected{why}; the application starts without them."
            build_env.progress.line(sentence, stream="stderr")

    def _manifest(self) -> dict[str, Any]:
        command = self.build_env.spec.command
        if not command:
            raise Refused("There is no command to start it; give one, e.g. “python main.py”.")
        first = "{python}" if _PROGRAMS.fullmatch(command[0]) else command[0]
        environment = _quiet_gunicorn(self.build_env.output / VENV)
        return {"kind": "python", "command": [first, *command[1:]], "path": [f"{VENV}/bin"], "environment": environment}


_TESTS = r"/tests?/"
_UV = {
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_NO_PROGRESS": "1",
    "UV_LINK_MODE": "copy",  # scripts may change files in the cache, and layers must not change with them
    "UV_VENV_SEED": "0",
    "UV_NO_ENV_FILE": "1",
    "UV_NO_EDITABLE": "1",  # an editable install would link to the staging folder, which is deleted after the build
}


def _quiet_gunicorn(venv: Path) -> dict[str, str]:
    """Variables that turn off gunicorn's control socket. Newer versions open it in the home folder, which replicas share,
    and nothing here uses it."""
    known = next(venv.glob("lib/python*/site-packages/gunicorn/config.py"), None)
    has_socket = known is not None and "--no-control-socket" in known.read_text(errors="replace")
    return {"GUNICORN_CMD_ARGS": "--no-control-socket"} if has_socket else {}
