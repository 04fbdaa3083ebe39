"""Other languages: named for what they are, with what Fairway needs to run them."""

from __future__ import annotations

from collections.abc import Iterator

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.recipe import Recipe
from fairway.drivers.builders.detection.source_folder import SourceFolder

_LANGUAGES = (
    ("Go", ("go.mod",)),
    ("Rust", ("Cargo.toml",)),
    ("PHP", ("composer.json", "index.php", "public/index.php")),
    ("Ruby", ("Gemfile", "config.ru")),
    ("Java", ("pom.xml", "build.gradle", "build.gradle.kts")),
    (".NET", ("*.csproj", "*.fsproj", "*.sln")),
    ("Deno", ("deno.json", "deno.jsonc")),
    ("Elixir", ("mix.exs",)),
)


def detect_others(source: SourceFolder) -> Iterator[Recipe]:
    """Every other language that has its manifest here."""
    for language, files in _LANGUAGES:
        found = source.matching(*files)
        if found:
            recipe = Recipe(Spec(kind="program", framework=language)).noting(language, found[0])
            yield recipe.blocked(f"This is {language} ({found[0]}), which Fairway runs with Docker only: add a Dockerfile.")
