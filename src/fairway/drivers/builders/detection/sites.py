"""Generators of static sites that are neither Python nor Node.js: Hugo, which Fairway can fetch, and Jekyll, which it
cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.recipe import Recipe, version_file
from fairway.drivers.builders.detection.source_folder import SourceFolder

_HUGO = ("hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json", "config/_default/hugo.toml", "config/_default/hugo.yaml")
_MAYBE_HUGO = (
    *("config.toml", "config.yaml", "config.yml", "config.json"),
    *("config/_default/config.toml", "config/_default/config.yaml"),
)


def detect_sites(source: SourceFolder) -> Iterator[Recipe]:
    """A Hugo site, which is built and served; a Jekyll site, with a problem that says what to do."""
    if file := hugo_file(source):
        yield _hugo(source, file)
    if is_jekyll(source):
        spec = Spec(kind="static", framework="Jekyll", health_path="/")
        yield (
            Recipe(spec)
            .noting("Jekyll", "_config.yml")
            .blocked(
                "This is a Jekyll site (_config.yml), which only Ruby builds: commit what “jekyll build” writes (the folder "
                "_site) and publish that folder, or add a Dockerfile and choose an environment with the docker runtime."
            )
        )


def hugo_file(source: SourceFolder) -> str:
    """The configuration file of a Hugo site; "" if there is none."""
    certain = source.first(*_HUGO)
    if certain:
        return certain
    maybe = source.first(*_MAYBE_HUGO)
    has_folders = any(source.has_folder(name) for name in ("content", "archetypes", "themes", "layouts"))
    return maybe if maybe and has_folders and re.search(r"baseurl|theme|languagecode", source.text(maybe), re.I) else ""


def is_jekyll(source: SourceFolder) -> bool:
    """Whether the pages here are templates that Jekyll has to fill in. If they were served as they are, visitors would
    see the templates."""
    if not source.has("_config.yml"):
        return False
    has_folders = any(source.has_folder(name) for name in ("_posts", "_layouts", "_includes", "_sass"))
    return has_folders or "jekyll" in source.text("Gemfile").lower() or source.text("index.html").startswith("---\n")


def _hugo(source: SourceFolder, file: str) -> Recipe:
    moved = re.search(r"^[ \t]*\"?publishDir\"?\s*[:=]\s*['\"]?([\w./-]+)", source.text(file), re.M | re.I)
    spec = Spec(
        kind="static",
        framework="Hugo",
        health_path="/",
        version=version_file(source),
        build=("hugo", "--gc", "--minify", "--baseURL", "/"),  # the address in the configuration is another one
        install={"by": "hugo", "publish": moved[1].strip("/") if moved else "public"},
    )
    recipe = Recipe(spec).noting("Built by Hugo", file)
    themes = source.has_folder("themes") and any(path.is_dir() for path in (source.place / "themes").glob("*/*"))
    if source.has(".gitmodules") and not themes and "themes/" in source.text(".gitmodules"):
        return recipe.blocked(
            "The theme of this Hugo site is a Git submodule (.gitmodules), which Fairway does not fetch: commit the "
            "theme's files into themes/."
        )
    return recipe
