"""A mirror of Pythons on this machine's own disk: the Python that runs the tests, packed the way uv expects it."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import tarfile
from pathlib import Path

_LEFT_OUT = ("test", "idlelib", "ensurepip", "site-packages", "dist-packages", "__pycache__", "tkinter", "turtledemo")


def mirror_in(folder: Path) -> str:
    """Packs the Python into `folder`; returns the list of downloads, for `PythonSource.mirror`."""
    folder.mkdir(parents=True, exist_ok=True)
    version = sys.version_info
    name = f"python{version[0]}.{version[1]}"
    archive = folder / "python.tar.gz"
    prefix = Path(sys.base_prefix)
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add((prefix / "bin" / name).resolve(), f"python/bin/{name}")
        tar.add(prefix / "lib" / name, f"python/lib/{name}", filter=_wanted)
    machine = platform.machine()
    key = f"cpython-{version[0]}.{version[1]}.{version[2]}-linux-{machine}-gnu"
    entry = {
        "name": "cpython",
        "arch": {"family": machine, "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": version[0],
        "minor": version[1],
        "patch": version[2],
        "prerelease": "",
        "url": archive.as_uri(),
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "variant": None,
        "build": "20260101",
    }
    listing = folder / "downloads.json"
    listing.write_text(json.dumps({key: entry}))
    return listing.as_uri()


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = Path(entry.name).parts
    return None if any(part in _LEFT_OUT or part.startswith("config-") for part in parts[3:]) else entry
