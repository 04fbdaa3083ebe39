"""What detection says about Node.js projects: package managers, versions of Node.js, servers by framework and by script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.detect import detect
from fairway.drivers.builders.detection.node_servers import fixed_port
from fairway.drivers.builders.spec_rules import parse_spec

from ..folders import make

NEXT = ("next", "start", "-p", "{port}", "-H", "{host}")


def package(*wanted: str, scripts: dict[str, str] | None = None, **more: Any) -> str:
    """A package.json that depends on `wanted` (``name`` or ``name@version``)."""
    named = dict(word.rpartition("@")[::2] if "@" in word[1:] else (word, "*") for word in wanted)
    return json.dumps({"name": "x", "version": "1.0.0", "scripts": scripts or {}, "dependencies": named, **more})


def spec_of(folder: Path, files: dict[str, str]) -> Spec:
    detection = detect(make(folder, files))
    assert detection.spec is not None, detection.advice
    assert parse_spec(detection.spec.to_json()) == detection.spec
    return detection.spec


SCRIPTS: dict[str, tuple[tuple[str, ...], dict[str, str], tuple[str, ...]]] = {
    # what it depends on, its scripts, the command
    "a plain one": ((), {"start": "node server.js"}, ("node", "server.js")),
    "variables before it": ((), {"start": "NODE_ENV=production node server.js"}, ("node", "server.js")),
    "cross-env": ((), {"start": "cross-env NODE_ENV=production MODE=a node server.js"}, ("node", "server.js")),
    "what only a shell understands": ((), {"start": "node server.js | tee log"}, ("npm", "start")),
    "two programs": ((), {"start": "node migrate.js && node server.js"}, ("node", "migrate.js", "&&", "node", "server.js")),
    "the build before the start is the build's": (
        (),
        {"start": "npm run build && node server.js", "build": "x"},
        ("node", "server.js"),
    ),
    "a script that calls another": ((), {"start": "npm run web", "web": "node server.js"}, ("node", "server.js")),
    "scripts that call each other": ((), {"start": "npm run a", "a": "npm run b", "b": "npm run a"}, ("npm", "start")),
    "production before development": ((), {"start": "nodemon x.js", "start:prod": "node server.js"}, ("node", "server.js")),
    "nodemon": ((), {"start": "nodemon server.js"}, ("node", "server.js")),
    "nodemon with options": (
        (),
        {"start": "nodemon -r dotenv/config --watch src server.js"},
        ("node", "-r", "dotenv/config", "server.js"),
    ),
    "nodemon with another program": (("tsx",), {"start": "nodemon --exec tsx src/index.ts"}, ("tsx", "src/index.ts")),
    "node that watches": ((), {"start": "node --watch server.js"}, ("node", "server.js")),
    "tsx that watches": (("tsx",), {"start": "tsx watch src/index.ts"}, ("tsx", "src/index.ts")),
    "npx": (("tsx",), {"start": "npx tsx src/index.ts"}, ("tsx", "src/index.ts")),
    "ts-node, built by tsc": (("ts-node",), {"start": "ts-node src/index.ts", "build": "tsc"}, ("node", "dist/index.js")),
    "ts-node, only checked by tsc": (
        ("ts-node",),
        {"start": "ts-node src/index.ts", "build": "tsc --noEmit"},
        ("ts-node", "src/index.ts"),
    ),
    "nest": (
        ("@nestjs/core",),
        {"start": "nest start", "build": "nest build", "start:prod": "node dist/main"},
        ("node", "dist/main"),
    ),
    "nest without a script for production": (("@nestjs/core",), {"start": "nest start"}, ("node", "dist/main")),
    "next": (("next",), {"dev": "next dev", "build": "next build", "start": "next start"}, NEXT),
    "next with a port of its own": (("next",), {"start": "next start -p 4000"}, NEXT),
    "next without scripts": (("next",), {}, NEXT),
    "next behind a server of its own": (
        ("next",),
        {"start": "node server.js", "build": "next build"},
        ("node", "server.js"),
    ),
    "nuxt": (("nuxt@4.0.0",), {"build": "nuxt build", "dev": "nuxt dev"}, ("node", ".output/server/index.mjs")),
    "nuxt 2": (("nuxt@2.15.0",), {"start": "nuxt start"}, ("nuxt", "start", "--hostname", "{host}", "--port", "{port}")),
    "sveltekit": (("@sveltejs/kit", "@sveltejs/adapter-node"), {"build": "vite build"}, ("node", "build")),
    "astro for a server": (
        ("astro", "@astrojs/node"),
        {"build": "astro build", "start": "astro dev"},
        ("node", "dist/server/entry.mjs"),
    ),
    "remix": (
        ("@remix-run/node", "@remix-run/serve"),
        {"start": "remix-serve ./build/server/index.js"},
        ("remix-serve", "./build/server/index.js"),
    ),
    "react router": (
        ("@react-router/dev", "@react-router/serve", "@react-router/node"),
        {"build": "react-router build"},
        ("react-router-serve", "./build/server/index.js"),
    ),
    "adonis": (
        ("@adonisjs/core",),
        {"build": "node ace build", "start": "node bin/server.js"},
        ("node", "build/bin/server.js"),
    ),
    "strapi": (("@strapi/strapi",), {"start": "strapi start", "build": "strapi build"}, ("strapi", "start")),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_command_of_a_server(tmp_path: Path, name: str) -> None:
    wanted, scripts, command = SCRIPTS[name]
    astro = "export default {output: 'server', adapter: node()} // @astrojs/node"
    found = spec_of(
        tmp_path, {"package.json": package(*wanted, scripts=scripts), "server.js": "", "astro.config.mjs": astro}
    )
    assert (found.kind, found.command) == ("node", command)


FILES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "a main file": ({"package.json": '{"main": "lib/run"}', "lib/run.js": ""}, ("node", "lib/run.js")),
    "a usual name": ({"package.json": "{}", "app.js": "require('http').createServer().listen(1)"}, ("node", "app.js")),
    "a server beside a page": (
        {"package.json": package("express"), "index.html": "x", "server.js": "require('express')().listen(1)"},
        ("node", "server.js"),
    ),
    "bun needs no start script": (
        {"package.json": '{"module": "index.ts"}', "bun.lock": "", "index.ts": "Bun.serve({})"},
        ("bun", "run", "index.ts"),
    ),
    "TypeScript without a build": (
        {"package.json": package("tsx", "hono"), "src/index.ts": "import {serve} from 'x'; serve({})"},
        ("tsx", "src/index.ts"),
    ),
    "where tsconfig puts it": (
        {
            "package.json": package("ts-node", scripts={"start": "ts-node src/app/index.ts", "build": "tsc"}),
            "tsconfig.json": '{// comments\n"compilerOptions": {"outDir": "./lib",\n"rootDir": "src"}}',
        },
        ("node", "lib/app/index.js"),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_the_file_that_is_started(tmp_path: Path, name: str) -> None:
    files, command = FILES[name]
    assert spec_of(tmp_path, files).command == command


@pytest.mark.parametrize(
    ("files", "manager", "build"),
    [
        ({"package-lock.json": "{}"}, "", ("npm", "run", "build")),
        ({"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}, "pnpm@9", ("pnpm", "run", "build")),
        ({"pnpm-lock.yaml": "lockfileVersion: '6.0'\n"}, "pnpm@8", ("pnpm", "run", "build")),
        (
            {"pnpm-lock.yaml": "lockfileVersion: '9.0'\n", "pnpm-workspace.yaml": "onlyBuiltDependencies: [x]"},
            "pnpm@10",
            ("pnpm", "run", "build"),
        ),
        ({"yarn.lock": "# yarn lockfile v1\n"}, "yarn@1", ("yarn", "run", "build")),
        ({"yarn.lock": "__metadata:\n  version: 8\n"}, "yarn@4", ("yarn", "run", "build")),
        ({"yarn.lock": "__metadata:\n  version: 6\n"}, "yarn@3", ("yarn", "run", "build")),
        ({"bun.lockb": "\x00"}, "bun@1", ("bun", "run", "build")),
        (
            {
                "yarn.lock": "",
                "package.json": package(scripts={"start": "node x", "build": "x"}, packageManager="pnpm@8.6.1+sha512.abc"),
            },
            "pnpm@8.6.1",
            ("pnpm", "run", "build"),
        ),
        (
            {"package.json": package(scripts={"start": "node x", "build": "x"}, engines={"yarn": ">=1"})},
            "yarn@1",
            ("yarn", "run", "build"),
        ),
    ],
)
def test_the_package_manager(tmp_path: Path, files: dict[str, str], manager: str, build: tuple[str, ...]) -> None:
    start = {"package.json": package(scripts={"start": "node x", "build": "x"})}
    found = spec_of(tmp_path, {**start, **files})
    assert (found.install.get("manager", ""), found.build) == (manager, build)


@pytest.mark.parametrize(
    ("files", "asked"),
    [
        ({".nvmrc": "v22\n"}, "v22"),
        ({".nvmrc": "# ours\nlts/iron\n", ".node-version": "18"}, "lts/iron"),
        ({".node-version": "20.11.1"}, "20.11.1"),
        ({".tool-versions": "python 3.12\nnodejs 20.1.0\n"}, "20.1.0"),
        ({"package.json": package(scripts={"start": "node x"}, volta={"node": "18.2.0"})}, "18.2.0"),
        ({"package.json": package(scripts={"start": "node x"}, engines={"node": "^20 || ^22"})}, "^20 || ^22"),
        ({".nvmrc": "what is this"}, ""),
    ],
)
def test_the_node_that_is_asked_for(tmp_path: Path, files: dict[str, str], asked: str) -> None:
    found = spec_of(tmp_path, {"package.json": package(scripts={"start": "node x"}), **files})
    assert found.install.get("node", "") == asked


def test_what_platforms_call_a_build_is_one(tmp_path: Path) -> None:
    scripts = {"start": "node server.js", "heroku-postbuild": "npm install --prefix client && npm run build --prefix client"}
    found = spec_of(tmp_path, {"package.json": package("express", scripts=scripts), "server.js": ""})
    assert (found.build, found.command) == (("npm", "run", "heroku-postbuild"), ("node", "server.js"))


def test_a_workspace_offers_its_applications(tmp_path: Path) -> None:
    files = {
        "package.json": package("turbo", scripts={"dev": "turbo dev", "build": "turbo build", "start": "turbo start"}),
        "pnpm-workspace.yaml": "packages:\n  - apps/*\n  - packages/**\n",
        "pnpm-lock.yaml": "lockfileVersion: '9.0'\n",
        "turbo.json": "{}",
        "apps/web/package.json": package("next", scripts={"start": "next start", "build": "next build"}),
        "apps/api/package.json": package("express", scripts={"start": "node index.js"}),
        "apps/shop/package.json": package("vite", scripts={"build": "vite build"}),
        "apps/shop/index.html": "x",
        "packages/ui/package.json": package("vite", scripts={"build": "tsup"}, exports={".": "./x.js"}),
    }
    found = [one.spec for one in detect(make(tmp_path, files)).candidates]
    assert [(one.root, one.framework) for one in found] == [
        ("apps/api", "Express"),
        ("apps/web", "Next.js"),
        ("apps/shop", "Vite"),
    ]
    assert {one.install.get("manager") for one in found} == {"pnpm@9"}
    assert detect(tmp_path, root="apps/web").spec == found[1]


def test_a_platforms_adapter_is_named_with_what_to_use(tmp_path: Path) -> None:
    kit = package("@sveltejs/kit", "@sveltejs/adapter-vercel", scripts={"build": "vite build"})
    assert "use @sveltejs/adapter-node instead" in detect(make(tmp_path / "a", {"package.json": kit})).advice
    auto = package("@sveltejs/kit", "@sveltejs/adapter-auto", scripts={"build": "vite build"})
    found = spec_of(tmp_path / "b", {"package.json": auto, "svelte.config.js": "import a from '@sveltejs/adapter-auto'"})
    assert found.build == ("GCP_BUILDPACKS=1", "npm", "run", "build")


@pytest.mark.parametrize("beside", ["manage.py", "requirements.txt"])
def test_what_only_builds_something_for_a_python_application_is_no_site(tmp_path: Path, beside: str) -> None:
    files = {"package.json": package("vite", scripts={"build": "vite build", "dev": "vite"}), beside: ""}
    assert detect(make(tmp_path, files)).spec is None


@pytest.mark.parametrize(
    ("source", "port"),
    [
        ("app.listen(3000)", 3000),
        ("fastify.listen({ host: 'x', port: 3001 })", 3001),
        ("const port = 8080\napp.listen(port, () => {})", 8080),
        ("let PORT = 5000; server.listen({port: PORT})", 5000),
        ("const port = process.env.PORT || 3000; app.listen(port)", None),
        ("app.listen(env['PORT'] ?? 3000)", None),
        ("app.listen(config.port)", None),
        ("const PORT = 3000 || process.env.PORT; app.listen(PORT)", 3000),
        ("app.listen(99999)", None),
        ("const s = Hapi.server({ host: 'x', port: 3000 })", 3000),
        ("startStandaloneServer(server, { listen: { port: 4000 } })", 4000),
        ("new WebSocketServer({ port: 8081 })", 8081),
        ("serve({ fetch: app.fetch, port: 3002 })", 3002),
    ],
)
def test_the_port_in_the_code_is_found(source: str, port: int | None) -> None:
    assert fixed_port(source) == port


HONO = "import { Hono } from 'hono'\nconst app = new Hono()\nexport default app\n"
WORKER = "export default { async fetch(request) { return new Response('hi') } }\n"


@pytest.mark.parametrize(("file", "text"), [("src/index.ts", HONO), ("src/index.js", WORKER)])
def test_what_a_platform_would_call_is_served_by_bun(tmp_path: Path, file: str, text: str) -> None:
    files = {"package.json": package("hono", scripts={"dev": "wrangler dev"}), file: text, "wrangler.toml": "name = 'x'\n"}
    one = detect(make(tmp_path, files)).best
    assert one is not None
    assert (one.spec.command, one.spec.install["manager"]) == (("bun", "run", file), "bun@1")
    assert "without what Cloudflare binds to it" in one.remarks[0].what


def test_hono_with_a_server_of_its_own_stays_with_node(tmp_path: Path) -> None:
    serves = HONO + "import { serve } from '@hono/node-server'\nserve(app)\n"
    files = {"package.json": package("hono", "@hono/node-server", "tsx"), "src/index.ts": serves}
    assert spec_of(tmp_path, files).command == ("tsx", "src/index.ts")


def test_an_application_that_is_only_exported_is_made_to_listen(tmp_path: Path) -> None:
    exports = "const express = require('express')\nconst app = express()\nmodule.exports = app\n"
    command = spec_of(tmp_path / "a", {"package.json": package("express"), "index.js": exports}).command
    assert command is not None
    assert command[:2] == ("node", "-e")
    assert "import('./index.js')" in command[2]
    listens = {"package.json": package("express"), "index.js": exports + "if (require.main) app.listen(process.env.PORT)\n"}
    assert spec_of(tmp_path / "b", listens).command == ("node", "index.js")


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("json-server --watch db.json --port 3001", "json-server --watch db.json --port {port}"),
        ("http-echo --port=3001", "http-echo --port={port}"),
        ("node -p 3001", "node -p 3001"),
    ],
)
def test_a_script_that_names_a_port_gets_the_one_that_is_given(tmp_path: Path, script: str, command: str) -> None:
    found = spec_of(tmp_path, {"package.json": package("x", scripts={"start": script})})
    assert " ".join(found.command or ()) == command


@pytest.mark.parametrize(
    ("scripts", "manager"),
    [
        ({"build": "pnpm exec tsc", "start": "node x.js"}, "pnpm@10"),
        ({"start": "node x.js", "all": "yarn build && yarn start"}, "yarn@1"),
        ({"build": "npm run x && pnpm y", "start": "node x.js"}, None),
    ],
)
def test_without_a_lock_the_scripts_tell_the_package_manager(tmp_path: Path, scripts: dict[str, str], manager: str) -> None:
    assert spec_of(tmp_path, {"package.json": package(scripts=scripts)}).install.get("manager") == manager
