"""Whether a container has the program that it shall run, and whether that can be executed.

With an init as PID 1 the Engine itself cannot tell: the init starts, fails to run the command, and is restarted forever.
"""

from __future__ import annotations

import base64
import json
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final

from docker import errors

from fairway.drivers.diagnosis.programs import HEAD, Program, complaint
from fairway.drivers.runtimes.docker.daemon import Daemon

DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MOST_SCRIPT: Final = 1_000_000  # bytes; a larger file is no script, and is not downloaded
# The Engine writes modes like io/fs.FileMode of Go.
_FOLDER, _OTHER, _EXECUTE = 1 << 31, (1 << 27) | (1 << 25) | (1 << 24) | (1 << 26), 0o111


@dataclass(frozen=True)
class Files:
    """The files of one container, read through the Engine. The container need not run."""

    daemon: Daemon
    container: str
    folder: str
    path: str

    @classmethod
    def of(cls, daemon: Daemon, container: str, image: Mapping[str, Any], environment: Mapping[str, str]) -> Files:
        config = image.get("Config") or {}
        own = dict(item.partition("=")[::2] for item in config.get("Env") or ())
        path = environment.get("PATH") or own.get("PATH") or DEFAULT_PATH
        return cls(daemon, container, config.get("WorkingDir") or "/", path)

    def found(self, program: str) -> str:
        """The path of a program (a path, or a name to search for); "" if there is none."""
        return next((path for path in self._places(program) if self._look(path) is not None), "")

    def complaint(self, program: str) -> str:
        """Why a program that exists cannot be executed, as the end of a sentence; "" if no reason is known."""
        for path in self._places(program):
            facts = self._look(path)
            if facts is None:
                continue
            mode = int(facts.get("mode", _EXECUTE))
            if mode & _OTHER:  # a link, whose target is not checked
                return ""
            is_folder, is_executable = bool(mode & _FOLDER), bool(mode & _EXECUTE)
            if "/" not in program and (is_folder or not is_executable):
                continue  # the search continues
            head = b"" if is_folder or int(facts.get("size", 0)) > MOST_SCRIPT else self._head(path)
            known = Program(program, head if head.startswith(b"#!") else b"", is_folder, is_executable)
            return complaint(known, lambda name: bool(self.found(name)), is_sure=False)
        return ""

    def _places(self, program: str) -> Iterator[str]:
        if "/" in program:
            yield posixpath.join(self.folder, program)
        else:
            yield from (posixpath.join(folder, program) for folder in self.path.split(":"))

    def _look(self, path: str) -> dict[str, Any] | None:
        """The Engine's facts about a file; None if there is none."""
        with self.daemon.asking("look into a container") as api:
            answer = api.head(self._url(api), params={"path": path}, timeout=api.timeout)
        if answer.status_code != 200:
            return None
        with suppress(ValueError):
            return dict(json.loads(base64.b64decode(answer.headers.get("X-Docker-Container-Path-Stat", ""))))
        return {}

    def _head(self, path: str) -> bytes:
        try:
            with self.daemon.asking("look into a container") as api:
                plain = {"Accept-Encoding": "identity"}
                answer = api.get(self._url(api), params={"path": path}, headers=plain, stream=True, timeout=api.timeout)
                with closing(answer):
                    answer.raise_for_status()
                    with tarfile.open(fileobj=answer.raw, mode="r|") as archive:
                        member = archive.next()
                        file = archive.extractfile(member) if member else None
                        return file.read(HEAD) if file else b""
        except (tarfile.TarError, errors.NotFound):
            return b""

    def _url(self, api: Any) -> str:
        return f"{api.base_url}/v{api.api_version}/containers/{self.container}/archive"
