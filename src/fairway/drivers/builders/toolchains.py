"""Toolchains of other languages: the programs a machine needs, how to install them, and a Dockerfile that has them.

Detection does not look at what is installed on this machine; `missing_toolchain` does, when a way to run is chosen.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fairway.drivers.builders.command_line import programs_of
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.surroundings import machine_path
from fairway.drivers.runtimes.docker.plan import ANYWHERE, filled
from fairway.shared.failures import Refused

USER: Final = "10001:10001"
LAUNCHED: Final = ("{caddy}", "{python}", "sh", "cd", "export", "set", "source", ".")  # programs that belong to no toolchain


@dataclass(frozen=True)
class Toolchain:
    """What a language needs: its programs, how to install them (`get`), and base images to build and to run in
    (`run_image` "" means the same)."""

    language: str
    programs: tuple[str, ...]
    get: str
    image: str
    run_image: str = ""
    prepare: tuple[str, ...] = ()  # lines of a Dockerfile that install what the image lacks


TOOLCHAINS: Final = {
    "go": Toolchain("Go", ("go",), "apt install golang", "golang:1", "debian:stable-slim"),
    "rust": Toolchain("Rust", ("cargo",), "apt install cargo", "rust:1", "debian:stable-slim"),
    "php": Toolchain("PHP", ("php",), "apt install php-cli composer", "composer:2", "php:8-cli"),
    "ruby": Toolchain("Ruby", ("ruby",), "apt install ruby-full ruby-bundler build-essential", "ruby:3"),
    "java": Toolchain("Java", ("java",), "apt install default-jre-headless", "eclipse-temurin:21"),
    "maven": Toolchain("Java", ("java", "mvn"), "apt install maven", "maven:3-eclipse-temurin-21", "eclipse-temurin:21-jre"),
    "gradle": Toolchain("Java", ("java", "gradle"), "apt install gradle", "gradle:8-jdk21", "eclipse-temurin:21-jre"),
    "jdk": Toolchain("Java", ("javac",), "apt install default-jdk-headless", "eclipse-temurin:21", "eclipse-temurin:21-jre"),
    "sbt": Toolchain(
        "Scala", ("sbt", "java"), "see scala-sbt.org", "sbtscala/scala-sbt:eclipse-temurin-21.0.8_9_1.11.7_3.7.4"
    ),
    "lein": Toolchain("Clojure", ("lein", "java"), "apt install leiningen", "clojure:lein", "eclipse-temurin:21-jre"),
    "clojure": Toolchain("Clojure", ("clojure",), "see clojure.org", "clojure:tools-deps"),
    "dotnet": Toolchain(
        ".NET",
        ("dotnet",),
        "see dotnet.microsoft.com",
        "mcr.microsoft.com/dotnet/sdk:9.0",
        "mcr.microsoft.com/dotnet/aspnet:9.0",
    ),
    "deno": Toolchain("Deno", ("deno",), "npm install -g deno", "denoland/deno:2"),
    "elixir": Toolchain(
        "Elixir",
        ("mix",),
        "apt install elixir",
        "elixir:1",
        prepare=("RUN mix local.hex --force && mix local.rebar --force",),
    ),
    "perl": Toolchain("Perl", ("perl",), "apt install perl cpanminus", "perl:5"),
    "r": Toolchain("R", ("Rscript",), "apt install r-base-core", "rocker/shiny-verse:4"),
    "julia": Toolchain("Julia", ("julia",), "see julialang.org", "julia:1"),
    "haskell": Toolchain("Haskell", ("cabal", "ghc"), "apt install cabal-install", "haskell:9", "debian:stable-slim"),
    "crystal": Toolchain("Crystal", ("crystal", "shards"), "apt install crystal", "crystallang/crystal:1"),
    "c": Toolchain("C", ("make", "cc"), "apt install build-essential", "gcc:14", "debian:stable-slim"),
    "lua": Toolchain("Lua", ("lua",), "apt install lua5.4", "nickblah/lua:5.4-luarocks"),
    "dart": Toolchain("Dart", ("dart",), "see dart.dev", "dart:stable", "debian:stable-slim"),
    "gleam": Toolchain(
        "Gleam", ("gleam", "erl"), "see gleam.run", "ghcr.io/gleam-lang/gleam:v1.5.1-erlang", "erlang:27-slim"
    ),
    "zig": Toolchain(
        "Zig", ("zig",), "see ziglang.org", "debian:stable-slim", prepare=("RUN apt-get update && apt-get install -y zig",)
    ),
    "swift": Toolchain("Swift", ("swift",), "see swift.org", "swift:6", "swift:6-slim"),
    "hugo": Toolchain("Hugo", ("hugo",), "apt install hugo", "hugomods/hugo:exts"),
    "sh": Toolchain("a shell script", ("sh",), "", "debian:stable-slim"),
}


def missing_toolchain(spec: Spec) -> str:
    """Why a ``program`` cannot be built on this machine, in one or two sentences with what to do; "" if it can."""
    if spec.kind != "program":
        return ""
    toolchain = TOOLCHAINS.get(str(spec.install.get("toolchain") or ""))
    lacking = [program for program in _needed(spec, toolchain) if not _is_here(program)]
    if not lacking:
        return ""
    if toolchain is None:
        return f"The program “{lacking[0]}” is not on this machine: install it, or choose another command."
    named, get = toolchain.language, f" ({toolchain.get})" if toolchain.get else ""
    because = str(spec.install.get("because") or "")
    description = named if spec.framework in ("", named) else f"{spec.framework}, written in {named}"
    first = f"This is {description} ({because})." if because else f"This is {description}."
    lack = f"no {named} toolchain" if lacking[0] == toolchain.programs[0] else f"no “{lacking[0]}”"
    return (
        f"{first} This machine has {lack}: install it{get}, or add the Dockerfile below and deploy to an environment with "
        "Docker."
    )


def dockerfile_of(spec: Spec, *, for_people: bool = True) -> str:
    """A Dockerfile for a ``program``: it builds in one image and runs in another, as a user without a name, and listens on
    ``PORT``.

    With `for_people` it is meant for their repository, so its command may use a shell to read ``PORT``. Raises `Refused` if
    no toolchain is known.
    """
    toolchain = TOOLCHAINS.get(str(spec.install.get("toolchain") or ""))
    if toolchain is None:
        raise Refused("No image can be built for this language: add a Dockerfile.")
    runs_in = toolchain.run_image or toolchain.image
    lines = [f"FROM {toolchain.image} AS build", *toolchain.prepare, "WORKDIR /app", "COPY . ."]
    lines += [_variable(name, text) for name, text in spec.environment.items()]
    lines += [_run(words) for words in _build_of(spec)]
    result = collected(spec)
    lines += [f"RUN cp {result[0]} {result[1]}"] if result and for_people else []
    if runs_in != toolchain.image:
        lines += ["", f"FROM {runs_in}", "WORKDIR /app", f"COPY --from=build --chown={USER} /app /app"]
        lines += [_variable(name, text) for name, text in spec.environment.items()]
    else:
        lines += [f"RUN chown -R {USER} /app"]
    if result and not for_people:
        lines += [f"COPY --from=build --chown={USER} {json.dumps([f'/app/{result[0]}', f'/app/{result[1]}'])}"]
    lines += [f"USER {USER}", f"ENV HOME=/tmp HOST={ANYWHERE} PORT={spec.port}", f"EXPOSE {spec.port}"]
    return "\n".join([*lines, *_command(spec, for_people)]) + "\n"


def collected(spec: Spec) -> tuple[str, str] | None:
    """(pattern, name): a pattern for the file that a build makes under a name not known before, and the name to which it
    is copied."""
    value = spec.install.get("collect")
    return (str(value[0]), str(value[1])) if value else None


def _needed(spec: Spec, toolchain: Toolchain | None) -> Iterable[str]:
    words = [program.argv[0] for command in (spec.build, spec.command) if command for program in programs_of(command)]
    own = list(toolchain.programs) if toolchain else []
    if any("/" in word and word.rpartition("/")[2] in ("mvnw", "gradlew") for word in words):
        own = [name for name in own if name not in ("mvn", "gradle")]
    return dict.fromkeys([*own, *(word for word in words if "/" not in word and word not in LAUNCHED)])


def _is_here(program: str) -> bool:
    return shutil.which(program, path=machine_path(os.environ)) is not None


def _build_of(spec: Spec) -> list[tuple[str, ...]]:
    programs = programs_of(spec.build) if spec.build else ()
    return [
        ("env", *(f"{k}={v}" for k, v in program.variables.items()), *program.argv) if program.variables else program.argv
        for program in programs
    ]


def _run(words: tuple[str, ...]) -> str:
    return f"RUN {json.dumps(list(words))}"


def _variable(name: str, text: str) -> str:
    return f"ENV {name}={json.dumps(text)}"


def _command(spec: Spec, for_people: bool) -> list[str]:
    if not spec.command:
        return []
    programs = programs_of(spec.command)
    if len(programs) > 1 or "{caddy}" in spec.command:
        return []
    last = programs[0]
    if not for_people:
        fixed = {name: filled([text], spec.port)[0] for name, text in last.variables.items()}
        return [*(_variable(name, text) for name, text in fixed.items()), f"CMD {json.dumps(filled(last.argv, spec.port))}"]
    if not last.variables and not any("{port}" in word for word in last.argv):
        return [f"CMD {json.dumps([word.replace('{host}', ANYWHERE) for word in last.argv])}"]
    line = " ".join([*(f"{name}={text}" for name, text in last.variables.items()), "exec", shlex.join(last.argv)])
    line = line.replace("'{host}:{port}'", "{host}:{port}").replace("'", '"') if '"' not in line else line
    return [f"CMD {line.replace('{host}', ANYWHERE).replace('{port}', '${PORT}')}"]
