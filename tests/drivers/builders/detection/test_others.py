"""Other languages: what each folder is, how it is built and started, and why it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.command_line import join_command
from fairway.drivers.builders.contract import Candidate
from fairway.drivers.builders.detection.detect import detect
from tests.drivers.builders.folders import make

RUNS = "shiny::runApp('.', host='{host}', port={port}, launch.browser=FALSE)"
MAIN = "package main"
GO = {"go.mod": "module x\n", "main.go": "package main\n"}
GEMS = "gem 'sinatra'\ngem \"puma\"\n"
VITE = '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "5"}}'
PHP = "<?php"
COMPOSER = "composer install --no-dev --no-interaction --optimize-autoloader"
LARAVEL = '{"require": {"laravel/framework": "11"}}'
RAILS = "bundle install && SECRET_KEY_BASE_DUMMY=1 RAILS_ENV=production bundle exec rails assets:precompile"
KESTREL = '<Project Sdk="Microsoft.NET.Sdk.Web"/>'
FOLDERS: dict[str, tuple[dict[str, str], str, str, str]] = {
    "go": (GO, "Go", "go build -o bin/app .", "bin/app"),
    "go gin in cmd": (
        {"go.mod": "require github.com/gin-gonic/gin v1", "cmd/tool/main.go": MAIN, "cmd/server/main.go": MAIN},
        "Go (Gin)",
        "go build -o bin/app ./cmd/server",
        "bin/app",
    ),
    "go with a frontend": ({**GO, "package.json": VITE}, "Go", "go build -o bin/app .", "bin/app"),
    "rust": (
        {"Cargo.toml": '[package]\nname = "hello"\nversion = "1.2.3"\n', "Cargo.lock": "", "src/main.rs": ""},
        "Rust",
        "cargo install --path . --root . --no-track --locked",
        "bin/hello",
    ),
    "rocket": (
        {"Cargo.toml": '[package]\nname = "x"\n[dependencies]\nrocket = "0.5"\n', "src/main.rs": ""},
        "Rust (Rocket)",
        "cargo install --path . --root . --no-track",
        "ROCKET_PORT={port} ROCKET_ADDRESS={host} bin/x",
    ),
    "rust workspace": (
        {"Cargo.toml": "[workspace]\nmembers = ['web']", "web/Cargo.toml": "axum = '1'", "web/src/main.rs": ""},
        "Rust (Axum)",
        "cargo install --path web --root . --no-track",
        "bin/web",
    ),
    "php": ({"index.php": PHP}, "PHP", "", "php -S {host}:{port} -t ."),
    "laravel": (
        {"package.json": VITE, "composer.json": LARAVEL, "artisan": PHP, "public/index.php": PHP},
        "Laravel",
        f"{COMPOSER} && npm install --no-audit --no-fund && npm run build",
        "php -S {host}:{port} -t public",
    ),
    "wordpress": ({"index.php": PHP, "wp-config-sample.php": PHP}, "WordPress", "", "php -S {host}:{port} -t ."),
    "sinatra": (
        {"Gemfile": GEMS, "app.rb": "require 'sinatra'", "config.ru": "run X"},
        "Sinatra",
        "bundle install",
        "bundle exec puma -b tcp://{host}:{port}",
    ),
    "sinatra alone": ({"app.rb": "require 'sinatra'"}, "Sinatra", "", "ruby app.rb -o {host} -p {port}"),
    "rails": (
        {"Gemfile": 'gem "rails"', "config.ru": "run X"},
        "Rails",
        RAILS,
        "bundle exec rails server -b {host} -p {port}",
    ),
    "ruby by its Procfile": (
        {"Gemfile": GEMS, "Procfile": "web: bundle exec thin -p $PORT"},
        "Sinatra",
        "bundle install",
        "bundle exec thin -p {port}",
    ),
    "php by its Procfile": (
        {"composer.json": "{}", "Procfile": "web: vendor/bin/heroku-php-apache2 web/"},
        "PHP",
        "",
        "php -S {host}:{port} -t web",
    ),
    "maven": ({"pom.xml": "<project/>"}, "Java", "mvn -q -B package -DskipTests", "java -jar app.jar"),
    "spring": (
        {"pom.xml": "spring-boot-starter-web", "mvnw": ""},
        "Spring Boot",
        "./mvnw -q -B package -DskipTests",
        "java -jar app.jar --server.port={port} --server.address={host}",
    ),
    "gradle": (
        {"build.gradle.kts": 'kotlin("jvm")', "gradlew": ""},
        "Kotlin",
        "./gradlew build -x test --no-daemon",
        "java -jar app.jar",
    ),
    "jar": ({"app-1.jar": "PK"}, "Java", "", "SERVER_PORT={port} java -jar app-1.jar"),
    "dotnet": (
        {"src/Web/Web.csproj": KESTREL, "src/Core/Core.csproj": ""},
        "ASP.NET",
        "dotnet publish src/Web/Web.csproj -c Release -o out",
        "dotnet out/Web.dll --urls http://{host}:{port}",
    ),
    "deno": ({"deno.json": "{}", "main.ts": "Deno.serve()"}, "Deno", "", "deno run -A main.ts"),
    "deno that serves": (
        {"deno.json": "{}", "main.ts": "export default {}"},
        "Deno",
        "",
        "deno serve -A --host {host} --port {port} main.ts",
    ),
    "phoenix": ({"mix.exs": "{:phoenix, 1}"}, "Phoenix", "mix deps.get --only prod && mix compile", "mix phx.server"),
    "psgi": (
        {"cpanfile": "", "app.psgi": ""},
        "Perl",
        "cpanm --notest -L local --installdeps .",
        "local/bin/plackup -o {host} -p {port} app.psgi",
    ),
    "mojo": (
        {"app.pl": "use Mojolicious::Lite;"},
        "Mojolicious",
        "",
        "perl app.pl daemon -m production -l http://{host}:{port}",
    ),
    "shiny": ({"app.R": ""}, "Shiny for R", "", join_command(("Rscript", "-e", RUNS))),
    "julia": (
        {"Project.toml": "", "main.jl": ""},
        "Julia",
        "julia --project=. -e 'using Pkg; Pkg.instantiate()'",
        "julia --project=. main.jl",
    ),
    "haskell": (
        {"x.cabal": "executable web\n"},
        "Haskell",
        "cabal update && cabal install exe:web --installdir=bin --install-method=copy",
        "bin/web",
    ),
    "crystal": ({"shard.yml": "name: x\n"}, "Crystal", "shards build --release --production x", "bin/x --port {port}"),
    "cmake": (
        {"CMakeLists.txt": "add_executable(web a.c)", "a.c": ""},
        "C",
        "cmake -S . -B build && cmake --build build",
        "build/web",
    ),
    "scala": ({"build.sbt": 'name := "Web"'}, "Scala", "sbt -batch stage", "target/universal/stage/bin/web"),
    "clojure": ({"project.clj": ""}, "Clojure", "lein uberjar", "java -jar app.jar"),
    "lua": ({"main.lua": ""}, "Lua", "", "lua main.lua"),
    "dart": (
        {"pubspec.yaml": "", "bin/server.dart": ""},
        "Dart",
        "dart pub get && dart compile exe bin/server.dart -o bin/app",
        "bin/app",
    ),
    "gleam": ({"gleam.toml": ""}, "Gleam", "gleam export erlang-shipment", "build/erlang-shipment/entrypoint.sh run"),
    "zig": (
        {"build.zig": 'b.addExecutable(.{ .name = "web" })'},
        "Zig",
        "zig build -Doptimize=ReleaseSafe",
        "zig-out/bin/web",
    ),
    "vapor": (
        {"Package.swift": 'url: "https://github.com/vapor/vapor"\n.executableTarget(name: "App")'},
        "Vapor",
        "swift build -c release",
        ".build/release/App serve --env production --hostname {host} --port {port}",
    ),
    "shell": ({"start.sh": "#!/bin/bash\n"}, "Shell script", "", "bash start.sh"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_what_a_folder_is(tmp_path: Path, name: str) -> None:
    files, framework, build, command = FOLDERS[name]
    best = detect(make(tmp_path, files)).best
    assert best
    spec = best.spec
    said = (spec.kind, spec.framework, join_command(spec.build or ()), join_command(spec.command or ()))
    assert said == ("program", framework, build, command)
    assert best.offer.startswith("FROM "), "it says how it would run anywhere"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"go.mod": "module x", "x.go": "package x"}, "a Go library"),
        ({"Cargo.toml": "[package]\nname='x'", "src/lib.rs": ""}, "a Rust library"),
        ({"composer.json": "{}"}, "without an index.php"),
        ({"Gemfile": "gem 'fastlane'"}, "without a config.ru"),
        ({"Gemfile": "gem 'jekyll'"}, "bundle exec jekyll build"),
        ({"Makefile": "", "a.cpp": ""}, "This is C++ (Makefile)"),
        ({"pubspec.yaml": "dependencies:\n  flutter:\n    sdk: flutter\n"}, "flutter build web"),
        ({"build.gradle": "com.android.application"}, "an Android application"),
        ({"deno.json": "{}"}, "without a main.ts"),
        ({"Project.toml": ""}, "without a main.jl"),
        ({"main.lua": "", "conf.lua": ""}, "a game made with LÖVE"),
    ],
)
def test_what_starts_nothing_is_named_all_the_same(tmp_path: Path, files: dict[str, str], words: str) -> None:
    found = detect(make(tmp_path, files))
    assert found.best is None
    assert words in found.advice


@pytest.mark.parametrize(
    ("files", "port", "advice"),
    [
        ({"go.mod": "", "main.go": 'package main\nhttp.ListenAndServe(":8080", nil)'}, 8080, "os.Getenv"),
        ({"go.mod": "", "main.go": 'package main\nr.Run("0.0.0.0:9000")'}, 9000, "os.Getenv"),
        ({"Cargo.toml": "[package]\nname='x'", "src/main.rs": '.bind(("127.0.0.1", 3000))'}, 3000, "std::env"),
        ({"Cargo.toml": "[package]\nname='x'", "src/main.rs": "SocketAddr::from(([0, 0, 0, 0], 3001))"}, 3001, "std::env"),
        ({"deno.json": "{}", "main.ts": "Deno.serve({ port: 8123 }, h)"}, 8123, "Deno.env"),
        ({"app.pl": "IO::Socket::INET->new(LocalPort => 7000)"}, 7000, "$ENV{PORT}"),
    ],
)  # fmt: skip
def test_a_fixed_port_is_found_and_said(tmp_path: Path, files: dict[str, str], port: int, advice: str) -> None:
    found = detect(make(tmp_path, files))
    assert found.spec
    assert found.spec.port == port
    assert [f"port {port} only" in remark.what and advice in remark.what for remark in found.remarks_on(found.best)] == [
        True
    ]


def test_a_port_of_the_environment_is_no_fixed_one(tmp_path: Path) -> None:
    found = detect(
        make(tmp_path, {**GO, "main.go": 'package main\np := os.Getenv("PORT")\nhttp.ListenAndServe(":8080", nil)'})
    )
    assert found.remarks_on(found.best) == ()


@pytest.mark.parametrize(
    "files",
    [
        {"package.json": VITE, "Gemfile": "gem 'fastlane'"},
        {"package.json": VITE, "Cargo.toml": "[package]\nname='wasm'", "src/lib.rs": ""},
        {"index.html": "x", "Makefile": "", "go.mod": "module tools"},
        {"requirements.txt": "flask", "app.py": "from flask import Flask\napp = Flask(__name__)", "start.sh": ""},
    ],
)
def test_what_starts_nothing_hides_nothing(tmp_path: Path, files: dict[str, str]) -> None:
    best: Candidate | None = detect(make(tmp_path, files)).best
    assert best
    assert best.spec.kind != "program"


def test_a_server_in_a_subfolder_goes_before_the_site_beside_it(tmp_path: Path) -> None:
    files = {"backend/go.mod": "module x", "backend/main.go": MAIN, "backend/package.json": VITE}
    best = detect(make(tmp_path, files)).best
    assert best
    assert (best.spec.framework, best.spec.root) == ("Go", "backend")


def test_notebooks_become_pages_where_nothing_else_is(tmp_path: Path) -> None:
    files = {"one.ipynb": '{"cells": []}', "requirements.txt": "pandas\n"}
    spec = detect(make(tmp_path / "one", files)).spec
    assert spec
    assert (spec.framework, spec.command and spec.command[-1]) == ("Voila", "one.ipynb")
    assert (spec.install["from"], spec.install["add"]) == ("requirements.txt", ["voila", "ipykernel"])
    several = detect(make(tmp_path / "two", {**files, "two.ipynb": '{"cells": []}'})).spec
    assert several
    assert several.command
    assert several.command[-1] == "."
    flask = {"app.py": "from flask import Flask\napp = Flask(__name__)", "requirements.txt": "flask\n"}
    assert [one.spec.framework for one in detect(make(tmp_path / "three", {**files, **flask})).candidates] == [
        "Flask",
        "Voila",
    ]


@pytest.mark.parametrize("text", ["{}", "", "not json", "[]"])
def test_a_file_that_is_called_a_notebook_and_holds_none_is_said(tmp_path: Path, text: str) -> None:
    detection = detect(make(tmp_path / "one", {"one.ipynb": text}))
    assert detection.best is None
    assert detection.advice.startswith("one.ipynb holds no notebook")
    beside = detect(make(tmp_path / "two", {"one.ipynb": text, "two.ipynb": '{"cells": []}'})).best
    assert beside is not None
    assert [one.what for one in beside.remarks] == ["one.ipynb cannot be shown: there is no notebook in it"]
