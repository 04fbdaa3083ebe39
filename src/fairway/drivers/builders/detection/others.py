"""Other languages: named for what they are, with what builds and starts them.

They run where their toolchain is on the machine, else from the Dockerfile that each recipe offers. Sources of the rules: the
providers of Railpack and Nixpacks, Heroku's buildpacks.
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

PROGRAMS = frozenset(  # that say which language a Procfile's line belongs to
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
    """Every other language that has its manifest here, with a Dockerfile to add; a shell script where nothing else is."""
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
    """The recipes with each server of another language before the site that Node only builds, which is the server's own
    frontend then and nothing to publish by itself; neither is a folder inside an application that cannot be run."""
    recipes = _without_its_files(recipes)
    is_served = any(_is_server(one) for one in recipes)
    built = [one for one in recipes if is_served and one.spec.kind == "static" and one.spec.build]
    rest = [one for one in recipes if one not in built]
    last = max((index for index, one in enumerate(rest) if _is_server(one)), default=-1) + 1
    names = [one.spec.framework for one in rest if _is_server(one)][:1]
    frontends = [one.blocked(FRONTEND.format(name=names[0])) if one.spec.root == "." else one for one in built]
    return [*rest[:last], *frontends, *rest[last:]]


def _without_its_files(recipes: list[Recipe]) -> list[Recipe]:
    """With the folders of plain files blocked that belong to an application which itself is blocked: published alone, they
    would pass for it."""
    own = [one for one in recipes if one.spec.kind in ("python", "node") and one.spec.root == "."]
    if not own or any(not one.problem for one in own):
        return recipes
    sentence = BESIDE.format(name=own[0].spec.framework or own[0].spec.kind.title())
    return [one.blocked(sentence) if _is_folder_of_files(one) else one for one in recipes]


def _is_folder_of_files(recipe: Recipe) -> bool:
    is_below = recipe.spec.root != "." or recipe.spec.install.get("publish") != "."
    return recipe.spec.kind == "static" and not recipe.spec.build and is_below and not recipe.problem


def _is_server(recipe: Recipe) -> bool:
    return recipe.spec.kind == "program" and not recipe.problem


def offered(recipe: Recipe) -> Recipe:
    """The recipe with the Dockerfile that would run it anywhere."""
    if recipe.offer or recipe.spec.install.get("toolchain") not in TOOLCHAINS or not recipe.spec.command:
        return recipe
    return replace(recipe, offer=dockerfile_of(recipe.spec))


def unblocked(recipe: Recipe) -> Recipe:
    """The recipe without what kept it from being run: somebody says how to start it."""
    return replace(recipe, problem="", offer="")


def command_of(spec: Spec, said: tuple[str, ...]) -> tuple[str, ...]:
    """A Procfile's web line. The servers that only Heroku's PHP images have give way to PHP's own, with their folder."""
    if spec.install.get("toolchain") != "php" or not any("heroku-php-" in word for word in said):
        return said
    folders = [
        word.rstrip("/") for word in said[1:] if not word.startswith("-") and not word.endswith(".conf") and word != "--"
    ]
    return ("php", "-S", "{host}:{port}", "-t", folders[-1] if folders else ".")
