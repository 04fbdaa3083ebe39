"""Caddy's configuration for a folder of files, the same for both runtimes. Pure functions.

Hidden files are not served, ``/about`` serves ``about.html`` if there is one, and ``404.html`` is the page for missing
files. For an application that renders its pages in the browser (`Site.falls_back`), its page answers every address that has
no file and does not look like one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairway.drivers.builders.site_rules import Header, Redirect

# Types that Go's own table lacks. An image without an operating system has no other table.
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
    """How a folder is served. `base` is the path below which its pages expect to lie (``/docs``), `index` the name of the
    first page if it is not index.html."""

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
            *(_header(rule) for rule in site.headers),
            *(_redirect(rule, number, root) for number, rule in enumerate(site.redirects)),
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
    # Matched by the address, not with `hide`, which matches the whole path on disk: the data directory may lie in a hidden
    # folder.
    return {
        "match": [{"path_regexp": {"pattern": r"/\."}, "not": [{"path": ["/.well-known/*"]}]}],
        "handle": [{"handler": "error", "status_code": 404}],
    }


def _below(base: str) -> list[dict[str, Any]]:
    """Serve pages that expect to lie below a path at that path, and redirect the top to it."""
    if not base:
        return []
    redirect = {"handler": "static_response", "status_code": 302, "headers": {"Location": [f"{base}/"]}}
    return [
        {"match": [{"path": ["/", base]}], "handle": [redirect], "terminal": True},
        {"match": [{"path": [f"{base}/*"]}], "handle": [{"handler": "rewrite", "strip_path_prefix": base}]},
    ]


def _clean(root: str) -> dict[str, Any]:
    """Serve ``about.html`` at ``/about`` if there is no file ``about``."""
    path = "{http.request.uri.path}"
    named, page = ({"file": {"root": root, "try_files": [candidate]}} for candidate in (path, f"{path}.html"))
    return {"match": [{**page, "not": [named]}], "handle": [{"handler": "rewrite", "uri": f"{path}.html"}]}


def _fallback(root: str) -> dict[str, Any]:
    """Answer every address that names no file with the page of the application: ``200.html``, as some tools call it, or
    ``index.html``."""
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


def _header(header: Header) -> dict[str, Any]:
    path = re.sub(r":\w+", "*", header.path)
    values: Mapping[str, list[str]] = {header.name: [header.value]}
    return {"match": [{"path": [path]}], "handle": [{"handler": "headers", "response": {"deferred": True, "set": values}}]}


def _redirect(rule: Redirect, number: int, root: str) -> dict[str, Any]:
    """The route for a redirect rule. Unless the rule is forced, it applies only to addresses that name no file."""
    name = f"r{number}"
    parts = re.split(r"(\*|:\w+)", rule.source.rstrip("/") or "/")
    pattern = "".join(_pattern(part) for part in parts)
    target = re.sub(r":(\w+)", lambda found: f"{{http.regexp.{name}.{found[1]}}}", rule.target)
    match: dict[str, Any] = {"path_regexp": {"name": name, "pattern": f"^{pattern}/?$"}}
    if not rule.forced:
        path = "{http.request.uri.path}"
        match["not"] = [{"file": {"root": root, "try_files": [path, f"{path}/index.html", f"{path}.html"]}}]
    if rule.status in (301, 302, 303, 307, 308):
        redirect = {"handler": "static_response", "status_code": rule.status, "headers": {"Location": [target]}}
        return {"match": [match], "handle": [redirect], "terminal": True}
    if rule.status == 200:
        return {"match": [match], "handle": [{"handler": "rewrite", "uri": target}]}
    return {"match": [match], "handle": [{"handler": "error", "status_code": rule.status}]}


def _pattern(part: str) -> str:
    if part == "*":
        return "(?P<splat>.*)"
    return f"(?P<{part[1:]}>[^/]+)" if part.startswith(":") else re.escape(part)
