"""Files in a container: checks which exist, and adds files before it starts, which are removed with it."""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Mapping
from typing import Any

from fairway.drivers.runtimes.contract import Progress
from fairway.drivers.runtimes.docker.daemon import Daemon


def ensure(daemon: Daemon, container: Mapping[str, Any], files: Mapping[str, str], progress: Progress) -> None:
    """Put the files into a container that never ran. Those in its working folder leave what the image has there, and the log
    says so; those with an absolute path replace it."""
    folder = container["Config"].get("WorkingDir") or "/"
    for path, text in files.items():
        target = posixpath.join(folder, path)
        is_absolute = posixpath.isabs(path)
        if not is_absolute and has(daemon, container["Id"], target):
            progress.line(f"{path} is the application's own; the configuration does not replace it.", stream="fairway")
            continue
        with daemon.asking("put a file into a container") as api:
            user = str(container["Config"].get("User") or "")
            packed = _packed(target.lstrip("/"), text, user, mode=_mode(text) if is_absolute else None)
            api.put_archive(container["Id"], "/", packed)


def has(daemon: Daemon, container: str, path: str) -> bool:
    """Whether a container, given by id or name, has something at this absolute path."""
    api = daemon.api
    url = f"{api.base_url}/v{api.api_version}/containers/{container}/archive"
    with daemon.asking("look into a container"):
        return bool(api.head(url, params={"path": path}, timeout=api.timeout).status_code == 200)


def _mode(text: str) -> int:
    """Programs of an image change their user after they have started, so everybody in the container may read; a script may
    be run."""
    return 0o755 if text.startswith("#!") else 0o644


def _packed(path: str, text: str, user: str, *, mode: int | None = None) -> bytes:
    """A tar with one file that only the container's user may read. If the user is given by name, which only the image can
    resolve, everybody in the container may read it: the container has only one application."""
    content = text.encode()
    entry = tarfile.TarInfo(path)
    owner, _, group = user.partition(":")
    is_known = not user or owner.isdigit()
    entry.size, entry.mode = len(content), mode or (0o600 if is_known else 0o644)
    entry.uid = int(owner) if owner.isdigit() else 0
    entry.gid = int(group) if group.isdigit() else 0
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
