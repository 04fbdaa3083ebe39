"""Languages whose source is started without compiling it first: PHP, Ruby, Deno, Elixir, Perl, R, Julia, Lua; and shell
scripts."""

from __future__ import annotations

import re

from fairway.drivers.builders.detection.others_common import listening, program
from fairway.drivers.builders.detection.recipe import Recipe
from fairway.drivers.builders.detection.source_folder import SourceFolder

_PHP_ROOTS = ("public", "web", "webroot", "www", "htdocs", "html", "httpdocs", "src")
_LISTENS = r"(?:port\s*(?:=>|[:=])|:port,|listen\()\s*(\d{2,5})\b"
_WORKERS = {"PHP_CLI_SERVER_WORKERS": "4"}
_BUNDLED = {"BUNDLE_PATH": "vendor/bundle", "BUNDLE_WITHOUT": "development:test"}


def detect_php(source: SourceFolder) -> Recipe | None:
    """PHP: its document root, served by PHP's own server with four workers."""
    roots = [f"{path}/index.php" for path in _PHP_ROOTS if source.has(f"{path}/index.php")]
    file = source.first("artisan", "composer.json", "wp-config-sample.php", "index.php") or (roots[0] if roots else None)
    if file is None:
        return None
    framework = _php_framework(source)
    because = "composer.json" if source.has("composer.json") else file
    own = source.has("index.php") and framework not in ("Laravel", "Symfony")
    root = "." if own or not roots else roots[0].rpartition("/")[0]
    build = _php_build(source)
    recipe = program(source, "php", framework, because, build=build, environment=_WORKERS)
    if not own and not roots:
        return recipe.blocked(f"This is PHP ({because}) without an index.php: there is no page to answer visitors with.")
    recipe = recipe.changed(command=("php", "-S", "{host}:{port}", "-t", root), health_path=None)
    recipe = recipe.noting("Served by PHP's own server with four workers", f"{root}/index.php".removeprefix("./"))
    if framework == "Laravel":
        return recipe.changed(requires=("APP_KEY",)).noting("Needs APP_KEY (php artisan key:generate --show)", "artisan")
    if framework == "WordPress":
        return recipe.noting("Needs a MySQL database and a wp-config.php", file)
    return recipe


def _php_framework(source: SourceFolder) -> str:
    wanted = source.text("composer.json")
    if source.has("artisan") or '"laravel/framework"' in wanted:
        return "Laravel"
    if source.first("wp-config-sample.php", "wp-config.php", "wp-load.php"):
        return "WordPress"
    if '"symfony/framework-bundle"' in wanted or source.has("symfony.lock"):
        return "Symfony"
    return "Drupal" if '"drupal/core' in wanted else "Slim" if '"slim/slim"' in wanted else "PHP"


def _php_build(source: SourceFolder) -> tuple[str, ...] | None:
    try:
        required = source.json("composer.json").get("require")
        scripts = source.json("package.json").get("scripts")
    except ValueError:
        return None
    needs = isinstance(required, dict) and any(name != "php" and not name.startswith("ext-") for name in required)
    installs = ("composer", "install", "--no-dev", "--no-interaction", "--optimize-autoloader")
    parts: list[tuple[str, ...]] = [installs] if needs and not source.has("vendor/autoload.php") else []
    if isinstance(scripts, dict) and scripts.get("build"):
        parts += [
            ("npm", "ci" if source.has("package-lock.json") else "install", "--no-audit", "--no-fund"),
            ("npm", "run", "build"),
        ]
    words = [word for part in parts for word in (*part, "&&")]
    return tuple(words[:-1]) or None


def detect_ruby(source: SourceFolder) -> Recipe | None:
    """Ruby: Rails, any application with a ``config.ru``, or a Sinatra file."""
    file = source.first("Gemfile", "config.ru") or next(
        (name for name in source.matching("*.rb") if "sinatra" in source.text(name)), None
    )
    if file is None:
        return None
    gems = source.text("Gemfile")
    wants = re.findall(r"""^[ \t]*gem\s*\(?\s*['"]([\w-]+)['"]""", gems, re.M)
    framework = next(
        (word for gem, word in (("rails", "Rails"), ("hanami", "Hanami"), ("sinatra", "Sinatra")) if gem in wants), "Ruby"
    )
    prefix, build = (("bundle", "exec"), ["bundle", "install"]) if wants else ((), [])
    recipe = program(source, "ruby", framework, file, environment=_BUNDLED if wants else {})
    if framework == "Rails":
        build += ["&&", "SECRET_KEY_BASE_DUMMY=1", "RAILS_ENV=production", "bundle", "exec", "rails", "assets:precompile"]
        environment = {**_BUNDLED, "RAILS_ENV": "production", "RAILS_LOG_TO_STDOUT": "1", "RAILS_SERVE_STATIC_FILES": "1"}
        serves = ("bundle", "exec", "rails", "server", "-b", "{host}", "-p", "{port}")
        recipe = recipe.changed(environment=environment, requires=("SECRET_KEY_BASE",)).noting(
            "Needs SECRET_KEY_BASE", "Gemfile"
        )
        return recipe.changed(build=tuple(build), command=serves)
    recipe = recipe.changed(build=tuple(build) or None)
    script = next(
        (name for name in source.matching("app.rb", "server.rb", "main.rb", "*.rb") if "sinatra" in source.text(name)), None
    )
    if source.has("config.ru"):
        serve: tuple[str, ...] = (
            ("puma", "-b", "tcp://{host}:{port}") if "puma" in wants else ("rackup", "-o", "{host}", "-p", "{port}")
        )
        return recipe.changed(command=(*prefix, *serve)).noting("Started by Rack", "config.ru")
    if script:
        command = (*prefix, "ruby", script, "-o", "{host}", "-p", "{port}")
        return recipe.changed(command=command, framework="Sinatra").noting("Started by Sinatra", script)
    if "jekyll" in wants:
        return recipe.changed(framework="Jekyll").blocked(
            "This is a Jekyll site (Gemfile): run “bundle exec jekyll build” and deploy the folder _site as files."
        )
    if main := source.first("server.rb", "app.rb", "main.rb"):
        return listening(
            recipe.changed(command=(*prefix, "ruby", main)), source.text(main), main, _LISTENS, "let it read ENV['PORT']"
        )
    return recipe.blocked(f"This is Ruby ({file}) without a config.ru: say how to start it, or add one.")


def detect_deno(source: SourceFolder) -> Recipe | None:
    """Deno: the task ``start``, or a file with a usual name."""
    file = source.first("deno.json", "deno.jsonc", "deno.lock")
    if file is None:
        return None
    tasks = source.text(file)
    entry = source.first("main.ts", "server.ts", "mod.ts", "index.ts", "src/main.ts", "main.js", "server.js")
    if re.search(r'"start"\s*:', tasks):
        return program(source, "deno", "Deno", file, command=("deno", "task", "start"))
    recipe = program(source, "deno", "Deno", file)
    if entry is None:
        return recipe.blocked(f"This is Deno ({file}) without a main.ts: add a task “start”, or say how to start it.")
    is_served = re.search(r"^export default\b", source.text(entry), re.M)
    words = (
        ("deno", "serve", "-A", "--host", "{host}", "--port", "{port}", entry) if is_served else ("deno", "run", "-A", entry)
    )
    return listening(recipe.changed(command=words), source.text(entry), entry, _LISTENS, "let it read Deno.env.get(“PORT”)")


def detect_elixir(source: SourceFolder) -> Recipe | None:
    """Elixir: Phoenix, or a Mix project that keeps running."""
    if not source.has("mix.exs"):
        return None
    is_phoenix = ":phoenix," in source.text("mix.exs")
    build: tuple[str, ...] = ("mix", "deps.get", "--only", "prod", "&&", "mix", "compile")
    if is_phoenix and source.has_folder("assets"):
        build = (*build, "&&", "mix", "assets.deploy")
    command = ("mix", "phx.server") if is_phoenix else ("mix", "run", "--no-halt")
    recipe = program(
        source,
        "elixir",
        "Phoenix" if is_phoenix else "Elixir",
        "mix.exs",
        build=build,
        command=command,
        environment={"MIX_ENV": "prod"},
    )
    if is_phoenix:
        return recipe.changed(requires=("SECRET_KEY_BASE",)).noting("Needs SECRET_KEY_BASE (mix phx.gen.secret)", "mix.exs")
    return recipe


def detect_perl(source: SourceFolder) -> Recipe | None:
    """Perl: a PSGI application, a Mojolicious application, or a script with a server."""
    scripts = source.matching("app.psgi", "*.psgi", "app.pl", "server.pl", "main.pl", "script/*", "*.pl", "bin/app.psgi")
    file = source.first("cpanfile", "Makefile.PL") or next(
        (name for name in scripts if name.endswith((".psgi", ".pl"))), None
    )
    if file is None:
        return None
    build = ("cpanm", "--notest", "-L", "local", "--installdeps", ".") if source.has("cpanfile") else None
    environment = {"PERL5LIB": "lib:local/lib/perl5"} if build or source.has_folder("lib") else {}
    recipe = program(source, "perl", "Perl", file, build=build, environment=environment)
    psgi = next((name for name in scripts if name.endswith(".psgi")), None)
    if psgi:
        plackup = "local/bin/plackup" if build else "plackup"
        return recipe.changed(command=(plackup, "-o", "{host}", "-p", "{port}", psgi)).noting("A PSGI application", psgi)
    mojo = next((name for name in scripts if "Mojolicious" in source.text(name)), None)
    if mojo:
        command = ("perl", mojo, "daemon", "-m", "production", "-l", "http://{host}:{port}")
        return recipe.changed(command=command, framework="Mojolicious").noting("Mojolicious", mojo)
    main = source.first("app.pl", "server.pl", "main.pl")
    if main is None:
        return recipe.blocked(
            f"This is Perl ({file}) without an app.psgi or app.pl: say how to start it, e.g. “perl app.pl”."
        )
    recipe = recipe.changed(command=("perl", main)).noting("Started by perl", main)
    return listening(
        recipe, source.text(main), main, r"(?:LocalPort|[Pp]ort)\s*(?:=>|=)\s*[\"']?(\d{2,5})", "let it read $ENV{PORT}"
    )


def detect_r(source: SourceFolder) -> Recipe | None:
    """R: Shiny and Plumber."""
    plumber = source.first("plumber.R", "api.R")
    shiny = source.first("app.R", "server.R", "ui.R")
    if shiny:
        call = "shiny::runApp('.', host='{host}', port={port}, launch.browser=FALSE)"
        return program(source, "r", "Shiny for R", shiny, command=("Rscript", "-e", call))
    if plumber:
        call = f"plumber::pr_run(plumber::pr('{plumber}'), host='{{host}}', port={{port}})"
        return program(source, "r", "Plumber", plumber, command=("Rscript", "-e", call))
    return None


def detect_julia(source: SourceFolder) -> Recipe | None:
    """Julia: a file with a usual name."""
    file = source.first("Project.toml", "JuliaProject.toml")
    main = source.first("main.jl", "server.jl", "app.jl", "src/main.jl", "src/server.jl", "bin/server.jl", "routes.jl")
    if file is None and main is None:
        return None
    build = ("julia", "--project=.", "-e", "using Pkg; Pkg.instantiate()") if file else None
    recipe = program(source, "julia", "Julia", file or str(main), build=build)
    if main is None:
        return recipe.blocked(
            "This is Julia (Project.toml) without a main.jl: say how to start it, e.g. “julia --project=. main.jl”."
        )
    return recipe.changed(command=("julia", "--project=.", main))


def detect_lua(source: SourceFolder) -> Recipe | None:
    """Lua: a file with a usual name. A game made with LÖVE gets a problem."""
    main = source.first("main.lua", "app.lua", "server.lua")
    if main is None:
        return None
    if source.has("conf.lua"):
        return program(source, "lua", "LÖVE", "conf.lua").blocked(
            "This is a game made with LÖVE (conf.lua): nothing of it answers visitors."
        )
    return program(source, "lua", "Lua", main, command=("lua", main))


def detect_shell(source: SourceFolder) -> Recipe | None:
    """A shell script with a name such as ``start.sh``."""
    script = source.first("start.sh", "run.sh", "server.sh")
    if script is None:
        return None
    shell = "bash" if "bash" in source.text(script).partition("\n")[0] else "sh"
    return program(source, "sh", "Shell script", script, command=(shell, script))


SCRIPTED = (*(detect_php, detect_ruby, detect_deno, detect_elixir, detect_perl, detect_r, detect_julia, detect_lua),)
