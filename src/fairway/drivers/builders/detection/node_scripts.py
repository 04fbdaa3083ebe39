"""Finds out what a script of package.json does: start a server, serve a folder of files, help with development, or need a
shell.

Scripts that call others are followed, wrappers are removed (``cross-env``, ``npx``), programs that restart on changes are
replaced by what they run (``nodemon server.js`` → ``node server.js``), and builds before the start are left to the build.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from fairway.drivers.builders.command_line import AND, THEN, Program, programs_of, split_command
from fairway.drivers.builders.detection.node_project import NodeProject
from fairway.shared.names import Invalid

SERVER, FILES, DEVELOPMENT, SHELL, NOTHING = "server", "files", "development", "shell", "nothing"
STARTS = (
    *("start:prod", "start:production", "start-prod", "prod", "production", "serve:prod"),
    *("start", "serve", "server", "start:server", "server:start", "serve:ssr"),
)
_MANAGERS = ("npm", "yarn", "pnpm", "bun")
_WRAPPERS = ("npx", "bunx", "yarn", "pnpm", "pnpx", "bun")
_RESTARTERS = ("nodemon", "node-dev", "ts-node-dev", "tsnd", "supervisor", "forever", "tsc-watch")
_FILE_SERVERS = ("serve", "http-server", "live-server", "lite-server", "browser-sync", "sirv", "static-server")
# Development servers, with the arguments that make the program one ("" stands for no argument, "*" for any).
_DEVELOPS: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split(","))
    for name, words in {
        "vite": ",dev,serve,preview",
        "react-scripts": "start",
        "craco": "start",
        "react-app-rewired": "start",
        "webpack": "serve,-w,--watch",
        "webpack-dev-server": "*",
        "parcel": "*",
        "ng": "serve,s",
        "gatsby": "develop,serve,start",
        "vue-cli-service": "serve",
        "astro": "dev,preview,start",
        "next": "dev,",
        "nuxt": "dev,,preview",
        "nuxi": "dev,,preview",
        "remix": "dev,vite:dev",
        "react-router": "dev",
        "svelte-kit": "dev",
        "vitepress": "dev,serve,preview",
        "vuepress": "dev",
        "docusaurus": "start,serve",
        "storybook": "dev",
        "start-storybook": "*",
        "expo": "start,",
        "ember": "serve,server,s",
        "hexo": "server,s",
        "eleventy": "*",
        "snowpack": "dev,start",
        "rsbuild": "dev,preview",
        "umi": "dev",
        "quasar": "dev",
        "ionic": "serve",
        "wrangler": "dev",
        "vercel": "dev",
        "netlify": "dev",
        "serverless": "offline",
        "electron": "*",
        "electron-forge": "*",
        "gulp": "*",
        "grunt": "*",
        "tauri": "*",
        "vinxi": "dev",
        "wmr": "*",
        "preact": "watch",
        "turbo": "*",
        "nx": "*",
        "lerna": "*",
        "concurrently": "*",
        "run-p": "*",
        "docker": "*",
        "docker-compose": "*",
        "jest": "*",
        "tsc": "*",
        "echo": "*",
    }.items()
}
_BUILDS = re.compile(
    r"^(?:(?:npm|yarn|pnpm|bun) (?:run )?build\S*|tsc\b.*|next build|vite build|nest build|rimraf .*|rm .*)$"
)
_INSTALLS = re.compile(r"^(?:npm|yarn|pnpm|bun) (?:install|ci|i)\b")
_MOST = 6  # how many scripts may call each other in a row


@dataclass(frozen=True)
class Meaning:
    """What a script does. `kind` is one of SERVER, FILES, DEVELOPMENT, SHELL, NOTHING. `words` are its command,
    `environment` the variables it sets. `was` is the command before a program for development was replaced. For a
    server of files, `folder` is what it publishes, and `fallback` says whether it answers every address with the page."""

    kind: str
    name: str = ""
    words: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    was: str = ""
    folder: str = ""
    fallback: bool = False


def start_of(project: NodeProject) -> Meaning:
    """The script that starts the application: the first one that is meant for production. A script that serves files is
    used only if none starts another server."""
    found = [meaning_of(project, name) for name in _candidates(project)]
    order = (SERVER, SHELL, FILES, DEVELOPMENT)
    return next((meaning for kind in order for meaning in found if meaning.kind == kind), Meaning(NOTHING))


def meaning_of(project: NodeProject, name: str, depth: int = 0) -> Meaning:
    """What the script `name` does. `depth` is the number of scripts that led to it."""
    text = project.scripts[name]
    try:
        variables, words = split_command(text)
        programs = [program for program in programs_of(words) if not _is_build(program)]
    except Invalid:
        return Meaning(SHELL, name)
    if not programs:
        return Meaning(NOTHING, name)
    if "npm_" in text or depth > _MOST:
        return Meaning(SHELL, name)
    *before, last = programs
    last = _unwrapped(project, Program(last.argv, {**variables, **last.variables}))
    called = _called(project, last)
    if called and called != name:
        return _with(meaning_of(project, called, depth + 1), before, last.variables, name)
    return _judged(project, name, before, last)


def _candidates(project: NodeProject) -> list[str]:
    others = sorted(name for name in project.scripts if name.startswith("serve:ssr:"))
    return [name for name in (*STARTS, *others) if name in project.scripts]


def _is_build(program: Program) -> bool:
    line = " ".join(program.argv)
    return bool(_BUILDS.match(line) or _INSTALLS.match(line))


def _unwrapped(project: NodeProject, program: Program) -> Program:
    argv, variables = list(program.argv), dict(program.variables)
    while argv:
        if argv[0] in ("cross-env", "cross-env-shell", "env"):
            argv.pop(0)
            while argv and re.match(r"[A-Za-z_]\w*=", argv[0]):
                key, _, value = argv.pop(0).partition("=")
                variables[key] = value
        elif argv[0] in _WRAPPERS and len(argv) > 1 and (rest := _wrapped(project, argv)):
            argv = rest
        else:
            break
    variables.pop("NODE_ENV", None)  # Fairway always sets it to production
    return Program(tuple(argv), variables)


def _wrapped(project: NodeProject, argv: list[str]) -> list[str]:
    """The words that ``npx next start`` or ``yarn next start`` runs; an empty list if the word is a script or belongs to
    an unknown package."""
    rest = list(argv[1:])
    while rest and rest[0] in ("exec", "--", "-y", "--yes", "x", "--bun", "--no-install"):
        rest.pop(0)
    if not rest or rest[0] in ("run", "start", "dlx") or rest[0] in project.scripts:
        return []
    is_known = rest[0] == "node" or rest[0] in project.packages or rest[0] in _DEVELOPS or rest[0] in _FILE_SERVERS
    return rest if is_known else []


def _called(project: NodeProject, program: Program) -> str:
    """The script that a command of a package manager runs; "" if it runs none."""
    match program.argv:
        case (manager, "run" | "run-script", name, *_) if manager in _MANAGERS and name in project.scripts:
            return name
        case (manager, name) if manager in _MANAGERS and name in project.scripts and manager != "bun":
            return name if manager != "npm" or name in ("start",) else ""
        case _:
            return ""


def _with(inner: Meaning, before: list[Program], variables: Mapping[str, str], name: str) -> Meaning:
    if inner.kind == SHELL:
        return Meaning(SHELL, name)
    words = (*_words(before), *inner.words)
    return Meaning(inner.kind, name, words, {**variables, **inner.environment}, inner.was, inner.folder, inner.fallback)


def _words(programs: list[Program]) -> tuple[str, ...]:
    """The words of programs that run before the last one, each followed by its operator."""
    words: list[str] = []
    for program in programs:
        words += [
            *(f"{key}={value}" for key, value in program.variables.items()),
            *program.argv,
            THEN if program.may_fail else AND,
        ]
    return tuple(words)


def _judged(project: NodeProject, name: str, before: list[Program], last: Program) -> Meaning:
    argv = last.argv
    was = " ".join(argv) if argv and (argv[0] in _RESTARTERS or _watches(argv)) else ""
    argv = _without_watching(project, argv)
    if not argv:
        return Meaning(DEVELOPMENT, name)
    program = argv[0].rpartition("/")[2]
    if program in _FILE_SERVERS:
        folder = next(
            (word for word in argv[1:] if not word.startswith("-") and not word.isdigit() and "{" not in word), "."
        )
        fallback = any(word in ("-s", "--single") for word in argv)
        return Meaning(FILES, name, folder=folder.removeprefix("./").rstrip("/") or ".", fallback=fallback)
    if _develops(program, argv):
        return Meaning(DEVELOPMENT, name)
    return Meaning(SERVER, name, (*_words(before), *_with_our_port(argv)), last.variables, was)


def _with_our_port(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The words with Fairway's port in place of a number that follows an option (``json-server db.json --port 3001``)."""
    options = ("--port",) if argv[0] in ("node", "tsx", "ts-node", "bun") else ("--port", "-p")
    found = re.sub(r"(?m)^(--port)=\d{2,5}$", r"\1={port}", "\n".join(argv)).split("\n")
    return tuple("{port}" if at and found[at - 1] in options and word.isdigit() else word for at, word in enumerate(found))


def _develops(program: str, argv: tuple[str, ...]) -> bool:
    words = _DEVELOPS.get(program)
    if words is None:
        return False
    verb = argv[1] if len(argv) > 1 and not argv[1].startswith("-") else ""
    return "*" in words or verb in words or any(word in words for word in argv[1:] if word.startswith("-"))


def _watches(argv: tuple[str, ...]) -> bool:
    return bool(argv) and argv[0] in ("node", "tsx", "bun") and any(_is_watch(word) for word in argv[1:])


def _is_watch(word: str) -> bool:
    return word in ("watch", "--watch", "--hot", "-w") or word.startswith("--watch-path")


def _without_watching(project: NodeProject, argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command without the program that restarts it after every change."""
    if _watches(argv):
        return tuple(word for at, word in enumerate(argv) if at == 0 or not _is_watch(word))
    if not argv or argv[0] not in _RESTARTERS:
        return argv
    rest = list(argv[1:])
    if executed := _option(rest, "--exec", "-x"):
        words = executed.split()
        file = next((word for word in rest if re.search(r"\.[cm]?[jt]sx?$", word)), "")
        return tuple([*words, file] if file and file not in words else words)
    file = next((word for word in rest if re.search(r"\.[cm]?[jt]sx?$", word)), "") or next(
        (word for word in rest if word.startswith("./") or (word and project.folder.has(f"{word}.js"))), ""
    )
    if not file:
        main = project.package.get("main")
        file = (
            main if isinstance(main, str) and project.folder.has(main) else project.folder.first("index.js", "app.js") or ""
        )
    if not file:
        return ()
    required = [word for pair in pairwise(rest) if pair[0] in ("-r", "--require") for word in pair]
    if not file.endswith((".ts", ".mts", ".cts", ".tsx")):
        return ("node", *required, file)
    return (*(("ts-node", *required) if argv[0] != "nodemon" or not project.uses("tsx") else ("tsx",)), file)


def _option(words: list[str], *names: str) -> str:
    for at, word in enumerate(words):
        if word in names and at + 1 < len(words):
            return words[at + 1]
        if word.startswith("--exec="):
            return word.partition("=")[2]
    return ""
