"""Detects static sites: folders of files that are served as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.recipe import Recipe, version_file
from fairway.drivers.builders.detection.sites import hugo_file, is_jekyll
from fairway.drivers.builders.detection.source_folder import SourceFolder

PUBLISHED = (
    *(".", "public", "dist", "site", "_site", "build", "out", "docs", "www", "html", "htdocs", "public_html", "web"),
    *("static", "output", "src", "app", "website"),
)
# Marks of a page that a build must complete: sources that no browser understands, or placeholders.
_TEMPLATE = re.compile(r"""src=["'][^"']+\.(?:tsx?|jsx|vue|svelte)["']|%PUBLIC_URL%|<%=?\s""")


def detect_static(source: SourceFolder) -> Iterator[Recipe]:
    """The first usual folder with an ``index.html``; if there is none, the only page in the top folder."""
    generated = ("_site", "public", "build", "out", "dist") if is_jekyll(source) or hugo_file(source) else PUBLISHED
    path = next((name for name in generated if _has_page(source, name)), None)
    spec = Spec(kind="static", framework="Static site", health_path="/", version=version_file(source))
    if path is not None:
        where = "index.html" if path == "." else f"{path}/index.html"
        recipe = Recipe(spec).with_install(publish=path)
        yield recipe.noting("A folder of files, served as they are", where)
        return
    if generated is not PUBLISHED or source.has("index.html"):
        return
    pages = source.matching("*.html", "*.htm")
    if len(pages) == 1:
        recipe = Recipe(spec).with_install(publish=".", index=pages[0])
        yield recipe.noting(f"A folder of files, served as they are, with {pages[0]} as its first page", pages[0])
    elif pages:
        sentence = (
            f"There are pages here ({', '.join(pages[:3])}), but none is called index.html: rename the first page to it."
        )
        yield Recipe(spec).with_install(publish=".").blocked(sentence)


def _has_page(source: SourceFolder, path: str) -> bool:
    name = f"{path}/index.html"
    return source.has(name) and not _TEMPLATE.search(source.text(name))
