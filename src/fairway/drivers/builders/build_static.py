"""Static files: the published folder, served by the Caddy that came with Fairway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairway.drivers.builders.build_node import NodeBuild
from fairway.drivers.builders.exclusions import Reason, hidden_files, of_node, of_published
from fairway.drivers.builders.layers import copy_source
from fairway.drivers.builders.pointers import is_pointer, names_in, refuse_found
from fairway.drivers.builders.workshop import Workshop
from fairway.shared.failures import Refused
from fairway.shared.left_out import some_of
from fairway.shared.names import Invalid, parse_relative_path

SITE = "site.json"


class StaticBuild:
    """One build of a static site."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self._is_built_by_npm = bool(workshop.spec.build)

    @property
    def name(self) -> str:
        return "npm" if self._is_built_by_npm else "files"

    def toolchain(self) -> str:
        """What beside the source decides the result."""
        return NodeBuild(self.workshop).toolchain() if self._is_built_by_npm else "files-3"

    def build(self) -> dict[str, Any]:
        """Fill the bundle and return its manifest."""
        source = NodeBuild(self.workshop).build_site(self.workshop.staging / "site") if self._is_built_by_npm else None
        published = self._published(source or self.workshop.source)
        reason = of_node if published == source else of_published  # a whole project shows no installed packages
        if source:  # the build may have copied some from where nothing seemed to need them
            pointers = [name for name in names_in(published, reason) if is_pointer(published / name)]
            refuse_found(pointers, self.workshop.progress, is_published=True)
        copy_source(published, self.workshop.app, reason=reason, progress=self.workshop.progress)
        self._say_what_is_hidden(published, reason)
        (self.workshop.output / SITE).write_text(json.dumps(site_configuration(), indent=1, sort_keys=True))
        command = self.workshop.spec.command or ("{caddy}", "run", "--config", f"../{SITE}")
        return {"kind": "static", "command": list(command)}

    def _say_what_is_hidden(self, published: Path, reason: Reason) -> None:
        if hidden := hidden_files(published, reason):
            self.workshop.progress.line(not_shown(hidden), stream="stderr")

    def _published(self, source: Path) -> Path:
        name = str(self.workshop.spec.install.get("publish") or ".")
        try:
            place = source if name == "." else (source / parse_relative_path(name, field="publish")).resolve()
        except Invalid as error:
            raise Refused(str(error)) from error
        if not place.is_dir() or not place.is_relative_to(source.resolve()):
            raise Refused(f"There is no folder “{name}” to publish; correct the folder, or check what the build writes.")
        return place


def not_shown(names: list[str]) -> str:
    """What the log says about files of a site that are hidden or lie in hidden folders."""
    return f"Not shown to visitors: {len(names)} hidden file{'s' if len(names) > 1 else ''} ({some_of(names)})."


def site_configuration() -> dict[str, Any]:
    """Caddy's configuration for a folder of files: hidden files stay hidden, ``404.html`` answers what is missing."""
    files = {"handler": "file_server", "root": "."}
    # By the address, not by `hide`: that looks at the whole path on disk, and the data directory may lie in a hidden folder.
    hidden = {
        "match": [{"path_regexp": {"pattern": r"/\."}, "not": [{"path": ["/.well-known/*"]}]}],
        "handle": [{"handler": "error", "status_code": 404}],
    }
    missing = {
        "match": [{"file": {"root": ".", "try_files": ["/404.html"]}}],
        "handle": [
            {"handler": "rewrite", "uri": "{http.matchers.file.relative}"},
            {**files, "status_code": "{http.error.status_code}"},
        ],
    }
    server = {
        "listen": ["{env.HOST}:{env.PORT}"],
        "automatic_https": {"disable": True},
        "routes": [
            hidden,
            {"handle": [{"handler": "encode", "encodings": {"gzip": {}, "zstd": {}}, "prefer": ["zstd", "gzip"]}, files]},
        ],
        "errors": {"routes": [missing]},
    }
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "ERROR"}}},
        "apps": {"http": {"servers": {"site": server}}},
    }
