"""Detects applications in other languages, with the commands that build and start them.

They run on machines that have their toolchain, otherwise from the Dockerfile that each recipe offers. Sources of the rules:
the providers of Railpack and Nixpacks, and Heroku's buildpacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.others_compiled import COMPILED
from fairway.drivers.builders.detection.others_jvm import JVM
from fairway.drivers.builders.detection.others_scripted import SCRIPTED, detect_shell
from fairway.drivers.builders.detection.recipe import Recipe
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.toolchains import TOOLCHAINS, dockerfile_of

PROGRAMS = frozenset(  # programs that show to which language a line of a Procfile belongs
    {
        "bundle",
        "ruby",
        "rails",
        "rackup",
        "puma",
        "unicorn",
        "thin",
        "php",
        "java",
        "dotnet",
        "mix",
        "iex",
        "cargo",
        "go",
        "deno",
    }
    | {"perl", "plackup", "starman", "hypnotoad", "Rscript", "R", "julia", "lua", "dart", "swift", "sbt", "lein", "clojure"}
)


def detect_others(source: SourceFolder) -> Iterator[Recipe]:
    """The recipes for all other languages with a manifest here, each with a Dockerfile to add. A shell script counts only
    if there is nothing else."""
    is_empty = True
    for read in (*COMPILED, *JVM, *SCRIPTED):
        recipe = read(source)
        if recipe is not None:
            is_empty = False
            yield offered(recipe)
    if is_empty and (recipe := detect_shell(source)) is not None:
        yield offered(recipe)


FRONTEND = "This is the frontend of the {name} application beside it; choose “static” to publish it alone."
BESIDE = "These are files of the {name} application beside them; choose “static” to publish them alone."


def servers_first(recipes: list[Recipe]) -> list[Recipe]:
    """The recipes with servers of other languages before a site that Node.js only builds. That site is then the frontend
    of the server and gets a problem, so that it is not published by itself. Folders of plain files that belong to an
    application that cannot be run get a problem, too."""
    recipes = _without_its_files(recipes)
    is_served = any(_is_server(recipe) for recipe in recipes)
    built = [recipe for recipe in recipes if is_served and recipe.spec.kind == "static" and recipe.spec.build]
    rest = [recipe for recipe in recipes if recipe not in built]
    last = max((index for index, recipe in enumerate(rest) if _is_server(recipe)), default=-1) + 1
    names = [recipe.spec.framework for recipe in rest if _is_server(recipe)][:1]
    frontends = [recipe.blocked(FRONTEND.format(name=names[0])) if recipe.spec.root == "." else recipe for recipe in built]
    return [*rest[:last], *frontends, *rest[last:]]


def _without_its_files(recipes: list[Recipe]) -> list[Recipe]:
    """The recipes in which folders of plain files are blocked if they belong to an application that is itself blocked:
    published alone, they would look like the application."""
    own = [recipe for recipe in recipes if recipe.spec.kind in ("python", "node") and recipe.spec.root == "."]
    if not own or any(not recipe.problem for recipe in own):
        return recipes
    sentence = BESIDE.format(name=own[0].spec.framework or own[0].spec.kind.title())
    return [recipe.blocked(sentence) if _is_folder_of_files(recipe) else recipe for recipe in recipes]


def _is_folder_of_files(recipe: Recipe) -> bool:
    is_below = recipe.spec.root != "." or recipe.spec.install.get("publish") != "."
    return recipe.spec.kind == "static" and not recipe.spec.build and is_below and not recipe.problem


def _is_server(recipe: Recipe) -> bool:
    return recipe.spec.kind == "program" and not recipe.problem


def offered(recipe: Recipe) -> Recipe:
    """The recipe with the Dockerfile that would run it anywhere with Docker."""
    if recipe.offer or recipe.spec.install.get("toolchain") not in TOOLCHAINS or not recipe.spec.command:
        return recipe
    return replace(recipe, offer=dockerfile_of(recipe.spec))


def unblocked(recipe: Recipe) -> Recipe:
    """The recipe without its problem, because somebody says how to start it."""
    return replace(recipe, problem="", offer="")


def command_of(spec: Spec, words: tuple[str, ...]) -> tuple[str, ...]:
    """The web line of a Procfile. Servers that only Heroku's PHP images have are replaced by PHP's own, with the same
    folder."""
    if spec.install.get("toolchain") != "php" or not any("heroku-php-" in word for word in words):
        return words
    folders = [
        word.rstrip("/") for word in words[1:] if not word.startswith("-") and not word.endswith(".conf") and word != "--"
    ]
    return ("php", "-S", "{host}:{port}", "-t", folders[-1] if folders else ".")
