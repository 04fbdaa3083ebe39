"""Builds static sites: runs the build if there is one, and publishes the folder through the Caddy that comes with
Fairway."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from fairway.drivers.builders.build_env import BuildEnvironment
from fairway.drivers.builders.build_hugo import HUGO, build_hugo
from fairway.drivers.builders.build_node import NodeBuild
from fairway.drivers.builders.build_python import PythonBuild
from fairway.drivers.builders.exclusions import Reason, hidden_files, of_node, of_published
from fairway.drivers.builders.layers import copy_source
from fairway.drivers.builders.pointers import is_pointer, names_in, refuse_found
from fairway.drivers.builders.site_configuration import Site, site_configuration
from fairway.drivers.builders.site_result import base_of, pages_of, published
from fairway.drivers.builders.site_rules import parse_headers, parse_redirects
from fairway.drivers.runtimes.contract import Progress
from fairway.shared.left_out import some_of
from fairway.shared.source_text import read_source

SITE = "site.json"
RULES = frozenset({"_redirects", "_headers"})


class StaticBuild:
    """One build of a static site."""

    def __init__(self, build_env: BuildEnvironment) -> None:
        self.build_env = build_env
        self._is_built = bool(build_env.spec.build)

    @property
    def name(self) -> str:
        """The tool that builds the site, or “files” if nothing is built."""
        if not self._is_built:
            return "files"
        return "hugo" if self._is_hugo else self._python.name if self._is_python else self._node.name

    def toolchain(self) -> str:
        """What the result depends on besides the source: the version of this recipe and of the tools that build."""
        if not self._is_built:
            return "files-3"
        if self._is_hugo:
            return f"site-3 {HUGO}"
        return f"site-3 {(self._python if self._is_python else self._node).toolchain()}"

    def build(self) -> dict[str, Any]:
        """Fill the bundle and return its manifest. Raises `Refused` if the build fails or there is no folder to publish."""
        build_env = self.build_env
        before = pages_of(build_env.source) if self._is_built else frozenset()
        source = self._built() if self._is_built else build_env.source
        wanted = str(build_env.spec.install.get("publish") or ".")
        folder = published(source, wanted, is_built=self._is_built, before=before, progress=build_env.progress)
        # If the whole project is published, its installed packages are not.
        reason = of_node if self._is_built and folder == source else of_published
        if self._is_built:  # the build may have copied pointers from folders that nothing seemed to need
            pointers = [name for name in names_in(folder, reason) if is_pointer(folder / name)]
            refuse_found(pointers, build_env.progress, is_published=True)
        copy_source(folder, build_env.app, reason=reason, progress=build_env.progress)
        for name in RULES:
            (build_env.app / name).unlink(missing_ok=True)
        self._log_hidden(folder, reason)
        site = site_of(folder, build_env.spec.install, build_env.progress)
        (build_env.output / SITE).write_text(json.dumps(site_configuration(site), indent=1, sort_keys=True))
        command = build_env.spec.command or ("{caddy}", "run", "--config", f"../{SITE}")
        return {"kind": "static", "command": list(command)}

    def _log_hidden(self, folder: Path, reason: Reason) -> None:
        if hidden := hidden_files(folder, reason):
            self.build_env.progress.line(not_shown(hidden), stream="stderr")

    @property
    def _is_hugo(self) -> bool:
        return self.build_env.spec.install.get("by") == "hugo"

    @property
    def _is_python(self) -> bool:
        return self.build_env.spec.install.get("by") == "python"

    @cached_property
    def _python(self) -> PythonBuild:
        """The Python build that builds the site. Its folder lies beside the bundle and never becomes part of it."""
        return PythonBuild(replace(self.build_env, staging=self.build_env.staging / "site"))

    @cached_property
    def _node(self) -> NodeBuild:
        return NodeBuild(self.build_env)

    def _built(self) -> Path:
        path = self.build_env.staging / "site"
        if self._is_python:
            return self._python.build_site()
        if not self._is_hugo:
            return self._node.build_site(path)
        node = self._node if (self.build_env.source / "package.json").is_file() else None
        return build_hugo(self.build_env, path, node)


def not_shown(names: list[str]) -> str:
    """The sentence in the log about files of a site that are hidden or lie in hidden folders."""
    return f"Not shown to visitors: {len(names)} hidden file{'s' if len(names) > 1 else ''} ({some_of(names)})."


def site_of(folder: Path, install: Any, progress: Progress) -> Site:
    """How a finished folder is served: what the spec says, the rules in its files, and the path below which its pages
    expect to lie. Logs lines of the rules that are not followed."""
    redirects, passed_over = parse_redirects(_text(folder / "_redirects"))
    headers, unread = parse_headers(_text(folder / "_headers"))
    for name, lines in (("_redirects", passed_over), ("_headers", unread)):
        if lines:
            sentence = f"{name}: Fairway does not follow {len(lines)} of its lines, the first is “{lines[0]}”."
            progress.line(sentence, stream="stderr")
    base = base_of(folder)
    if base:
        progress.line(f"The pages expect to lie below {base}/: they are served there, and “/” leads to them.")
    falls_back, index = bool(install.get("spa")), str(install.get("index") or "")
    return Site(falls_back, base, index, tuple(redirects), tuple(headers))


def _text(path: Path) -> str:
    return read_source(path) if path.is_file() else ""
