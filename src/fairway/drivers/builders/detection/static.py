"""Static sites: folders of files that are served as they are."""

from __future__ import annotations

from collections.abc import Iterator

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.recipe import Recipe, version_file
from fairway.drivers.builders.detection.source_folder import SourceFolder

PUBLISHED = (".", "public", "dist", "site", "_site", "build", "out", "docs", "www", "html", "htdocs", "web", "static")


def detect_static(source: SourceFolder) -> Iterator[Recipe]:
    """The first folder with an ``index.html``, where people put one."""
    place = next((name for name in PUBLISHED if source.has(f"{name}/index.html")), None)
    if place is None:
        return
    spec = Spec(
        kind="static", framework="Static site", health_path="/", version=version_file(source), install={"publish": place}
    )
    where = "index.html" if place == "." else f"{place}/index.html"
    yield Recipe(spec).noting("A folder of files, served as they are", where)
