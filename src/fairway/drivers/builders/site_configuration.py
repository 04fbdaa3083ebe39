"""Caddy's configuration for a folder of files: the same for both runtimes. Pure.

Hidden files stay hidden, ``/about`` is ``about.html`` where there is one, ``404.html`` answers what is missing. An
application that draws its pages in the browser (`Site.falls_back`) gets its page for every address without a file; a file
that is missing stays missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairway.drivers.builders.site_rules import Header, Redirect

# What Go's own table of types lacks, and an image without a system has from nowhere else.
TYPES = {
    "webmanifest": "application/manifest+json",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "otf": "font/otf",
    "ico": "image/x-icon",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    "txt": "text/plain; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "map": "application/json",
    "glb": "model/gltf-binary",
}


@dataclass(frozen=True)
class Site:
    """How a folder is served. `base` is the path its pages think they lie below (``/docs``), `index` the first page where
    it has another name than index.html."""

    falls_back: bool = False
    base: str = ""
    index: str = ""
    redirects: Sequence[Redirect] = ()
    headers: Sequence[Header] = ()


def site_configuration(
    site: Site | None = None, *, root: str = ".", listen: str = "{env.HOST}:{env.PORT}"
) -> dict[str, Any]:
    """The whole configuration of a Caddy that serves the folder `root` and nothing else."""
    site = site or Site()
    files: dict[str, Any] = {"handler": "file_server", "root": root}
    if site.index:
        files["index_names"] = [site.index]
    missing = {
        "match": [{"file": {"root": root, "try_files": ["/404.html"]}}],
        "handle": [
            {"handler": "rewrite", "uri": "{http.matchers.file.relative}"},
            {**files, "status_code": "{http.error.status_code}"},
        ],
    }
    encoded = {"handler": "encode", "encodings": {"gzip": {}, "zstd": {}}, "prefer": ["zstd", "gzip"]}
    server = {
        "listen": [listen],
        "automatic_https": {"disable": True},
        "routes": [
            _hidden(),
            *_below(site.base),
            *(_header(one) for one in site.headers),
            *(_redirect(one, number, root) for number, one in enumerate(site.redirects)),
            *_types(),
            _clean(root),
            *([_fallback(root)] if site.falls_back else []),
            {"handle": [encoded, files]},
        ],
        "errors": {"routes": [missing]},
    }
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "ERROR"}}},
        "apps": {"http": {"servers": {"site": server}}},
    }


def _hidden() -> dict[str, Any]:
    # By the address, not by `hide`: that looks at the whole path on disk, and the data directory may lie in a hidden folder.
    return {
        "match": [{"path_regexp": {"pattern": r"/\."}, "not": [{"path": ["/.well-known/*"]}]}],
        "handle": [{"handler": "error", "status_code": 404}],
    }


def _below(base: str) -> list[dict[str, Any]]:
    """Pages that name their files below a path are served there, and who comes to the top is sent on."""
    if not base:
        return []
    sent_on = {"handler": "static_response", "status_code": 302, "headers": {"Location": [f"{base}/"]}}
    return [
        {"match": [{"path": ["/", base]}], "handle": [sent_on], "terminal": True},
        {"match": [{"path": [f"{base}/*"]}], "handle": [{"handler": "rewrite", "strip_path_prefix": base}]},
    ]


def _clean(root: str) -> dict[str, Any]:
    """``/about`` is ``about.html`` where no file is called so."""
    path = "{http.request.uri.path}"
    named, page = ({"file": {"root": root, "try_files": [place]}} for place in (path, f"{path}.html"))
    return {"match": [{**page, "not": [named]}], "handle": [{"handler": "rewrite", "uri": f"{path}.html"}]}


def _fallback(root: str) -> dict[str, Any]:
    """The page of an application answers every address that names no file; ``200.html`` is some tools' name for it."""
    path = "{http.request.uri.path}"
    exists = {"file": {"root": root, "try_files": [path, f"{path}/index.html"]}}
    page = {"file": {"root": root, "try_files": ["/200.html", "/index.html"]}}
    return {
        "match": [{"path_regexp": {"pattern": r"/[^/.]*$"}, "not": [exists]}],
        "handle": [
            {
                "handler": "subroute",
                "routes": [{"match": [page], "handle": [{"handler": "rewrite", "uri": "{http.matchers.file.relative}"}]}],
            }
        ],
    }


def _types() -> list[dict[str, Any]]:
    return [
        {
            "match": [{"path": [f"*.{ending}"]}],
            "handle": [
                {
                    "handler": "headers",
                    "response": {"deferred": True, "require": {"status_code": [2, 304]}, "set": {"Content-Type": [kind]}},
                }
            ],
        }
        for ending, kind in TYPES.items()
    ]


def _header(one: Header) -> dict[str, Any]:
    path = re.sub(r":\w+", "*", one.path)
    values: Mapping[str, list[str]] = {one.name: [one.value]}
    return {"match": [{"path": [path]}], "handle": [{"handler": "headers", "response": {"deferred": True, "set": values}}]}


def _redirect(one: Redirect, number: int, root: str) -> dict[str, Any]:
    """A rule for addresses: where files win, only for those that name none."""
    name = f"r{number}"
    parts = re.split(r"(\*|:\w+)", one.source.rstrip("/") or "/")
    pattern = "".join(_pattern(part) for part in parts)
    target = re.sub(r":(\w+)", lambda found: f"{{http.regexp.{name}.{found[1]}}}", one.target)
    match: dict[str, Any] = {"path_regexp": {"name": name, "pattern": f"^{pattern}/?$"}}
    if not one.forced:
        path = "{http.request.uri.path}"
        match["not"] = [{"file": {"root": root, "try_files": [path, f"{path}/index.html", f"{path}.html"]}}]
    if one.status in (301, 302, 303, 307, 308):
        sent_on = {"handler": "static_response", "status_code": one.status, "headers": {"Location": [target]}}
        return {"match": [match], "handle": [sent_on], "terminal": True}
    if one.status == 200:
        return {"match": [match], "handle": [{"handler": "rewrite", "uri": target}]}
    return {"match": [match], "handle": [{"handler": "error", "status_code": one.status}]}


def _pattern(part: str) -> str:
    if part == "*":
        return "(?P<splat>.*)"
    return f"(?P<{part[1:]}>[^/]+)" if part.startswith(":") else re.escape(part)
