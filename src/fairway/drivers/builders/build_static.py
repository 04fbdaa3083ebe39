"""Static files: the published folder, served by the Caddy that came with Fairway."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairway.drivers.builders.build_node import NodeBuild
from fairway.drivers.builders.build_python import PythonBuild
from fairway.drivers.builders.layers import copy_source
from fairway.drivers.builders.workshop import LEFT_OUT, Workshop
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid, parse_relative_path

SITE = "site.json"


class StaticBuild:
    """One build of a static site."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self._is_built_by_python = bool(workshop.spec.build) and workshop.spec.install.get("by") == "python"
        self._is_built_by_npm = bool(workshop.spec.build) and not self._is_built_by_python

    @property
    def name(self) -> str:
        return "uv" if self._is_built_by_python else "npm" if self._is_built_by_npm else "files"

    def toolchain(self) -> str:
        """What beside the source decides the result."""
        if self._is_built_by_python:
            return self._python.toolchain()
        return NodeBuild(self.workshop).toolchain() if self._is_built_by_npm else "files-2"

    def build(self) -> dict[str, Any]:
        """Fill the bundle and return its manifest."""
        source = None
        if self._is_built_by_npm:
            source = NodeBuild(self.workshop).build_site(self.workshop.staging / "site")
        elif self._is_built_by_python:
            source = self._python.build_site()
        published = self._published(source or self.workshop.source)
        copy_source(published, self.workshop.app, skip=LEFT_OUT, progress=self.workshop.progress)
        (self.workshop.output / SITE).write_text(json.dumps(site_configuration(), indent=1, sort_keys=True))
        command = self.workshop.spec.command or ("{caddy}", "run", "--config", f"../{SITE}")
        return {"kind": "static", "command": list(command)}

    @property
    def _python(self) -> PythonBuild:
        """The environment that builds the site; it lies beside the bundle and never becomes part of it."""
        return PythonBuild(replace(self.workshop, staging=self.workshop.staging / "site"))

    def _published(self, source: Path) -> Path:
        name = str(self.workshop.spec.install.get("publish") or ".")
        try:
            place = source if name == "." else (source / parse_relative_path(name, field="publish")).resolve()
        except Invalid as error:
            raise Refused(str(error)) from error
        if not place.is_dir() or not place.is_relative_to(source.resolve()):
            raise Refused(f"There is no folder “{name}” to publish; correct the folder, or check what the build writes.")
        return place


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
