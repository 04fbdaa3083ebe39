"""What detection says of a source, as templates like those in `failure_templates.py`; `failure_words.py` uses both.

`FOUND` are short notes and the reasons beside them, which only findings and remarks are compared with; `DETECTED` are
remarks, problems and advice, which may also say why a deployment failed. A test finds what has no template here.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

FOUND = (
    # what was found
    gettext_noop("The image {image}"),
    gettext_noop("Runs beside it: {names}"),
    gettext_noop("Started with it: {names}"),
    gettext_noop("this environment runs no images"),
    gettext_noop("Release command from “{name}”"),
    gettext_noop("Built from its Dockerfile"),
    gettext_noop("Built from {file}"),
    gettext_noop("Variables from {file}"),
    gettext_noop("Variables: {names}"),
    gettext_noop("As it is told"),
    gettext_noop("Listens on port {port}"),
    gettext_noop("Port {port} is assumed"),
    gettext_noop("{file} has no EXPOSE; PORT is set to it"),
    gettext_noop("The application in {folder}"),
    gettext_noop("{file} goes there"),
    gettext_noop("Started by the web line"),
    gettext_noop("Started by the start command"),
    gettext_noop("Started by {what}"),
    gettext_noop("Runs once before each new version starts: the release line"),
    gettext_noop("Runs once before each new version starts"),
    gettext_noop("Dependencies from {file}"),
    gettext_noop("the command runs code of that folder"),
    gettext_noop("Python without dependencies"),
    gettext_noop("only the Procfile speaks of Python"),
    gettext_noop("A package of a workspace, installed from its lock file"),
    gettext_noop("Exact dependencies, installed with {manager}"),
    gettext_noop("Dependencies without a lock file: commit {file}"),
    gettext_noop("Built by tsc: nothing else writes what is started"),
    gettext_noop("package.json depends on next"),
    gettext_noop("{tool} writes it there"),
    gettext_noop("Built for a server instead of “{preset}”"),
    gettext_noop("Built with adapter-node, which adapter-auto takes for servers"),
    gettext_noop("the {name} script is “{text}”"),
    gettext_noop("“{text}” is for development: the program itself is started"),
    gettext_noop("the {name} script of package.json"),
    gettext_noop("Health at {path}"),
    gettext_noop("It listens on port {port}, and gets another one where several applications share a machine"),
    gettext_noop("Started with listen(PORT): the file listens nowhere"),
    gettext_noop("Served from {folder}/"),
    gettext_noop("package.json starts a server of files"),
    gettext_noop("Built by {command}, served from {folder}/"),
    gettext_noop("the build is “{text}”"),
    gettext_noop("Every address without a file shows the page: it is drawn in the browser"),
    gettext_noop("Built with --openssl-legacy-provider: its webpack is older than this Node.js"),
    gettext_noop("package.json asks for {name}"),
    gettext_noop("Notebooks, shown as pages by Voila (installed in addition)"),
    gettext_noop("A ready archive, told its port by PORT and SERVER_PORT"),
    gettext_noop("Served by PHP's own server with four workers"),
    gettext_noop("Needs a MySQL database and a wp-config.php"),
    gettext_noop("Needs {name}"),
    gettext_noop("A PSGI application"),
    gettext_noop("Served by Django's development server: add the wsgi.py that startproject makes"),
    gettext_noop("there is none beside {file}"),
    gettext_noop("Served by {server}"),
    gettext_noop("Static files are collected in the build"),
    gettext_noop("Migrations run at each start"),
    gettext_noop("the settings name a file of SQLite"),
    gettext_noop("Migrations run once before each new version starts"),
    gettext_noop("DJANGO_SETTINGS_MODULE is {name}"),
    gettext_noop("the routes of the file"),
    gettext_noop("{file} does not list it"),
    gettext_noop("{names} is added, because the code imports it"),
    gettext_noop("{names} are added, because the code imports it"),
    gettext_noop("{package} is added"),
    gettext_noop("a route of that name"),
    gettext_noop("Python dependencies"),
    gettext_noop("no requirements.txt or pyproject.toml lists any"),
    gettext_noop("Installed as well: {names}"),
    gettext_noop("the {kind} of pyproject.toml that it needs"),
    gettext_noop("A script that listens on {variable}"),
    gettext_noop("A script that takes {option}"),
    gettext_noop("Built by Hugo"),
    gettext_noop("A folder of files, served as they are, with {file} as its first page"),
    gettext_noop("A folder of files, served as they are"),
    gettext_noop("Serves the folder {folder}"),
    gettext_noop("Built as it says"),
    gettext_noop("An image from a registry"),
    gettext_noop("Its port is read from the image when it is fetched; 8080 if it exposes none"),
    # why something was left out
    gettext_noop("such a program ends when its work is done"),
    gettext_noop("it starts in another folder than the web line"),
    # what it is, where that is no name
    gettext_noop("Static site"),
    gettext_noop("Site built by Node.js"),
    gettext_noop("WebSocket server"),
    gettext_noop("Python script"),
    gettext_noop("Shell script"),
    gettext_noop("Shiny for R"),
)
DETECTED = (
    # remarks: what is in the source and not used
    gettext_noop("Not used here: {names}"),
    gettext_noop("Not started: {names}; give their addresses as variables"),
    gettext_noop("Not started: {names}"),
    gettext_noop("Why “{name}” is not started: {why}"),
    gettext_noop("Not mounted here: “{name}”, from which the image is built"),
    gettext_noop("{file}: “{name}” mounts more than {count} files and {size} KiB of the source; build them into an image."),
    gettext_noop("is not in the source; a folder that the service writes to must be a named volume"),
    gettext_noop("has {name}, which is no text or too large; build it into an image"),
    gettext_noop("is not a named volume (“name:/folder”) and no path in the source; files of the host are never mounted."),
    gettext_noop("is not a named volume; use one, or a file of the source."),
    gettext_noop("uses “{name}”, which is not declared at the top level."),
    gettext_noop("mounts at “{path}”; use an absolute path such as “/etc/app.conf”."),
    gettext_noop("“{name}” has no named volume: what it stores goes when its service changes"),
    gettext_noop("“{name}” is not in the source; set its variables on the configuration page"),
    gettext_noop("Installed with {manager}: {file} is not read; delete it"),
    gettext_noop("Written for a platform that calls its “fetch”: Bun serves it here"),
    gettext_noop(
        "Written for a platform that calls its “fetch”: Bun serves it here, without what Cloudflare binds to it (KV, D1, R2)"
    ),
    gettext_noop("Listens on port {port} only: {advice}"),
    gettext_noop("let it read the environment's PORT (os.Getenv)"),
    gettext_noop("let it read {variable}"),
    gettext_noop("Not used: it cannot be read"),
    gettext_noop(
        "“{command}” is not run: it is for another language than the {kind} application; run it yourself and commit what it"
        " makes"
    ),
    gettext_noop("Its start command is not used: it {why}"),
    gettext_noop(
        "Fairway starts programs without a shell: use “&&” and “;” only, or put the line into a script that starts with "
        "“#!/bin/sh”."
    ),
    gettext_noop("$NAME or ${NAME:-default}"),
    gettext_noop("write e.g. https://github.com/team/app.git or git@github.com:team/app.git"),
    gettext_noop("“{command}” is not run: put what it does after installing into “build” of fairway.yaml"),
    gettext_noop("“{command}” is not run after the first deployment; run it yourself"),
    gettext_noop("Functions are not run: Fairway runs one server that answers every path"),
    gettext_noop("{names} cannot be shown: there is no notebook in it"),
    gettext_noop(
        "Pages come without their styles, because gunicorn and uvicorn serve no static files: add whitenoise to {file}, its"
        " middleware to MIDDLEWARE, and STATIC_ROOT"
    ),
    gettext_noop(
        "ALLOWED_HOSTS is empty, so Django answers with error 400 under any address but localhost: name the hosts, or read "
        "them from the environment"
    ),
    gettext_noop("It starts with the settings {name}: set DJANGO_SETTINGS_MODULE to {live} for production"),
    gettext_noop("Served by Chalice's own local server, which is for trying out: Chalice is made for AWS Lambda"),
    gettext_noop("{names} is added: list what the code imports in {file}"),
    gettext_noop("{names} are added: list what the code imports in {file}"),
    gettext_noop("It imports {names}, and {file} has nothing of that name: list what provides it"),
    gettext_noop("Served by the framework's development server: make the application where a server can import it"),
    gettext_noop("{file} says “{text}”, which is no version of Python"),
    # why it cannot be run as it is
    gettext_noop(
        "{file} runs {image} only, a service that an application uses and no application that answers visitors; choose it "
        "all the same, or add the application beside it."
    ),
    gettext_noop(
        "This SvelteKit application is built for {platform} (svelte.config.js): use @sveltejs/adapter-node instead of "
        "@sveltejs/adapter-{adapter}."
    ),
    gettext_noop(
        "This Astro application is built for {platform} (astro.config): use @astrojs/node instead of @astrojs/{adapter}."
    ),
    gettext_noop("This is the frontend of the {name} application beside it; choose “static” to publish it alone."),
    gettext_noop("These are files of the {name} application beside them; choose “static” to publish them alone."),
    gettext_noop("This is a Go library ({file}): no file says “package main”, so there is no program to start."),
    gettext_noop("This is a Rust library (Cargo.toml): there is no src/main.rs, so there is no program to start."),
    gettext_noop(
        "This is {language} ({file}), which does not say which program it builds: say how to start it, e.g. “./server”."
    ),
    gettext_noop(
        "This is a Flutter application (pubspec.yaml): run “flutter build web” and deploy the folder build/web as files."
    ),
    gettext_noop(
        "This is Zig (build.zig), which names no program to start: say how to start it, e.g. “zig-out/bin/server”."
    ),
    gettext_noop("This is an Android application ({file}): it is installed on phones, and nothing of it answers visitors."),
    gettext_noop("This is Scala (build.sbt), which gives the project no name: say how to start it."),
    gettext_noop("This is PHP ({file}) without an index.php: there is no page to answer visitors with."),
    gettext_noop("This is Ruby ({file}) without a config.ru: say how to start it, or add one."),
    gettext_noop("This is a Jekyll site (Gemfile): run “bundle exec jekyll build” and deploy the folder _site as files."),
    gettext_noop("This is Deno ({file}) without a main.ts: add a task “start”, or say how to start it."),
    gettext_noop("This is Perl ({file}) without an app.psgi or app.pl: say how to start it, e.g. “perl app.pl”."),
    gettext_noop("This is Julia (Project.toml) without a main.jl: say how to start it, e.g. “julia --project=. main.jl”."),
    gettext_noop("This is a game made with LÖVE (conf.lua): nothing of it answers visitors."),
    gettext_noop("{file} holds no notebook (it has no cells): open it in Jupyter, save it, and commit it again."),
    gettext_noop(
        "This is Reflex (rxconfig.py), which builds its pages with Node.js in a step of its own: add the Dockerfile that "
        "its documentation gives (docker-example/production-one-port), and deploy that."
    ),
    gettext_noop(
        "{factory}() in {file} makes the application, but needs {names}: call it in a file such as wsgi.py (app = "
        "{factory}(…)), or say how to start it."
    ),
    gettext_noop("{file} asks for “{wish}”; Fairway runs CPython 3: write a version such as 3.12 there."),
    gettext_noop("{file} asks for Python “{wish}”, which is no version of Python 3; write e.g. 3.12 or >=3.11."),
    gettext_noop(
        "This is a Jekyll site (_config.yml), which only Ruby builds: commit what “jekyll build” writes (the folder _site) "
        "and publish that folder, or add a Dockerfile and choose an environment with the docker runtime."
    ),
    gettext_noop(
        "The theme of this Hugo site is a Git submodule (.gitmodules), which Fairway does not fetch: commit the theme's "
        "files into themes/."
    ),
    gettext_noop("There are pages here ({names}), but none is called index.html: rename the first page to it."),
    gettext_noop(
        "{intro} This machine has no {language} toolchain: install it (see {site}), or add the Dockerfile below and deploy "
        "to an environment with Docker."
    ),
    gettext_noop(
        "{intro} This machine has no “{program}”: install it (see {site}), or add the Dockerfile below and deploy to an "
        "environment with Docker."
    ),
    # what to do where nothing was found
    gettext_noop(
        "Nothing here says how to run it. Say how to start it, or add one of: a Dockerfile; a Procfile with “web: …”; "
        "requirements.txt or pyproject.toml beside a Python application; a package.json with a start script; or an "
        "index.html."
    ),
    gettext_noop("The folder is empty."),
    gettext_noop(
        "package.json starts nothing: add “start” under “scripts”, e.g. “node server.js”, or “build” for a static site."
    ),
    gettext_noop(
        "This is a {service} bot: it answers no visitors, and Fairway runs what answers over HTTP. Let it serve a page "
        "beside it, or take its webhook as that page."
    ),
    gettext_noop(
        "This is {what}, which only its platform calls: Fairway runs one server that answers over HTTP. Put a web framework"
        " around it, e.g. Flask or FastAPI."
    ),
    gettext_noop("a function for AWS Lambda or the like ({name} in {file})"),
    gettext_noop("a function for Vercel (handler in {file})"),
    gettext_noop("a function for Azure ({file})"),
    gettext_noop(
        "This is a program for the command line ({name} in pyproject.toml), and answers no visitors: Fairway runs what "
        "answers over HTTP. If it has a command that serves pages, say it as the start command."
    ),
    gettext_noop(
        "This is a Python library (pyproject.toml): it starts nothing. Say how to start it, or deploy an application that "
        "uses it."
    ),
    gettext_noop(
        "{file} is an MCP server that speaks with the program which starts it: let it answer over HTTP instead, with "
        "FastMCP(host=“0.0.0.0”, port=int(os.environ[“PORT”])) and run(transport=“streamable-http”)."
    ),
    gettext_noop(
        "{file} answers no visitors: nothing here starts a web server, and Fairway runs what answers over HTTP. Let it "
        "serve a page beside what it does; if something else serves pages, say how to start it."
    ),
    gettext_noop(
        "There is Python here, but no application that was recognised: say how to start it, let a script read PORT from the"
        " environment, or write a Procfile with “web: python …”."
    ),
    # what is wrong in a file, by line and key
    gettext_noop("names “{name}”, which is no service of this file."),
    gettext_noop("makes “{name}” wait for itself; remove one of the dependencies."),
    gettext_noop("must be one of {names}."),
    gettext_noop("has {count} services ({names}); keep exactly one per application."),
    gettext_noop("names the volume “{name}”, and another one is called so, too, once it is “{slug}”."),
    gettext_noop("gives options to a volume; write only its name."),
    gettext_noop("needs either “image” or “build”, and not both."),
    gettext_noop("uses a variable; ${VAR} is read under “environment” only, write the value here."),
    gettext_noop("“{folder}” leaves the folder; use a relative path without “..”."),
    gettext_noop("sets {names} before the program; write them under “environment”."),
    gettext_noop("uses a variable; only $PORT is replaced in a command."),
    gettext_noop("opens several ports ({names}); Fairway routes one, keep that."),
    gettext_noop("must name one TCP port, e.g. “8080” or “80:8080”."),
    gettext_noop("has the mode “{mode}”; only writable volumes are supported, remove it."),
    gettext_noop("uses the volume “{name}”, which is not declared; add it under the top-level “volumes”."),
    gettext_noop("mounts at “{folder}”; use an absolute folder such as “/data”."),
    gettext_noop("must be “always”: Fairway restarts what dies; remove it."),
    gettext_noop("is not a size; write e.g. “512m” or “1g”."),
    gettext_noop("is not a number of CPUs; write e.g. “0.5”."),
    gettext_noop("must be a path that starts with “/”, e.g. “/health”."),
    gettext_noop("must be a list that starts with CMD, CMD-SHELL or NONE."),
    gettext_noop("is run without a shell, and {why}."),
    gettext_noop("is run without a shell; write one program with its words, e.g. [CMD, pg_isready, -q]."),
    gettext_noop("is not a duration; write e.g. “10s” or “1m30s”."),
    gettext_noop("must be a number from 1 to 999."),
    gettext_noop("must be a number."),
    gettext_noop("has a “$” that starts no ${VAR}; write “$$” for a dollar sign"),
    gettext_noop("has far too many lists or objects inside each other"),
    gettext_noop("is not a JSON object"),
    gettext_noop("must be one value."),
    gettext_noop("must be a list."),
    gettext_noop("must be a mapping (key: value)."),
    gettext_noop("has a key that Fairway does not read (merges are not supported); write it out."),
    gettext_noop("is written twice; keep one."),
    gettext_noop("needs the key “{name}”."),
    gettext_noop("is not supported; known here are: {names}."),
    gettext_noop("is not supported; {hint}."),
    gettext_noop("applications never run privileged; remove it"),
    gettext_noop("each application gets a network of its own; remove it"),
    gettext_noop("scale on the application's page"),
)
