"""Node.js servers: finds the command that starts the application, by its framework or by its start script.

Commands start the program itself, with port and address as arguments if it accepts them, so that signals reach the server
and no package manager stays in memory beside it. Sources: the deployment pages of Next.js, Nuxt, SvelteKit, Astro, Remix,
NestJS.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fairway.drivers.builders.detection import node_scripts
from fairway.drivers.builders.detection.node_compiled import compiled
from fairway.drivers.builders.detection.node_managers import NEWEST
from fairway.drivers.builders.detection.node_project import NodeProject
from fairway.drivers.builders.detection.node_scripts import Meaning
from fairway.drivers.builders.detection.recipe import HOST, PORT, Recipe, health_route

FRAMEWORKS = {
    "next": "Next.js",
    "nuxt": "Nuxt",
    "nuxt3": "Nuxt",
    "@sveltejs/kit": "SvelteKit",
    "@remix-run/node": "Remix",
    "@react-router/node": "React Router",
    "@solidjs/start": "SolidStart",
    "@tanstack/react-start": "TanStack Start",
    "@nestjs/core": "NestJS",
    "@adonisjs/core": "AdonisJS",
    "@strapi/strapi": "Strapi",
    "@keystone-6/core": "Keystone",
    "directus": "Directus",
    "@feathersjs/feathers": "Feathers",
    "@hapi/hapi": "hapi",
    "express": "Express",
    "fastify": "Fastify",
    "koa": "Koa",
    "hono": "Hono",
    "elysia": "Elysia",
    "polka": "Polka",
    "restify": "Restify",
    "@apollo/server": "Apollo Server",
    "socket.io": "Socket.IO",
    "ws": "WebSocket server",
}
MAIN_FILES = (
    *("server.js", "index.js", "app.js", "main.js", "src/server.js", "src/index.js", "src/app.js", "src/main.js"),
    *("server.mjs", "index.mjs", "app.mjs", "main.mjs", "bin/www", "server/index.js", "server/server.js"),
    *("backend/server.js", "backend/index.js", "api/index.js"),
)
TYPED_FILES = (
    *("server.ts", "index.ts", "app.ts", "main.ts", "src/server.ts", "src/index.ts", "src/app.ts", "src/main.ts"),
    *("server/index.ts", "server.mts", "index.mts", "api/index.ts"),
)
SERVES = re.compile(
    r"\.listen\s*\(|createServer\s*\(|Bun\.serve|Deno\.serve|\bserve\s*\(|require\(\s*['\"](?:express|fastify|koa|http)['\"]"
    r"|from\s+['\"](?:express|fastify|koa|hono|elysia|node:http|http)['\"]"
)
BUNDLERS = (
    *(
        "vite",
        "webpack",
        "parcel",
        "parcel-bundler",
        "react-scripts",
        "@angular/cli",
        "@vue/cli-service",
        "rollup",
        "esbuild",
    ),
    *("@rsbuild/core", "snowpack", "laravel-mix", "preact-cli", "ember-cli", "@craco/craco"),
)


_WRANGLER = ("wrangler.toml", "wrangler.json", "wrangler.jsonc")
_FETCHED = re.compile(r"^\s*export\s+default\b", re.M)
_LISTENS = re.compile(r"\.listen\s*\(|createServer\s*\(|Bun\.serve|Deno\.serve|\bserve\s*\(")
_EXPORTED = re.compile(
    r"\b(?P<app>\w+)\s*=\s*(?:express|connect|new\s+Koa)\s*\(.*?"
    r"^\s*(?:module\.exports\s*=|export\s+default)\s*(?P=app)\b",
    re.S | re.M,
)
_VALUE = r"(?P<port>\d{2,5}|[A-Za-z_]\w{0,40})\b"
_PORTS = tuple(
    re.compile(before + _VALUE)
    for before in (
        r"\.listen\s*\(\s*(?:\{[^{}]{0,200}?\bport\s*:\s*)?",
        r"(?:\b[hH]api\.[sS]erver|\bWebSocket\.?Server|\.connection|\bserve)\s*\(\s*\{[^{}]{0,200}?\bport\s*:\s*",
        r"\blisten\s*:\s*\{[^{}]{0,200}?\bport\s*:\s*",
    )
)


def framework_of(project: NodeProject) -> str:
    """The framework's name for people; “Node.js” if no framework is known."""
    known = [title for name, title in FRAMEWORKS.items() if name in project.packages]
    own = [title for name, title in FRAMEWORKS.items() if name in project.runtime_packages]
    return next(iter([*own, *known]), "Node.js")


def server_of(project: NodeProject, recipe: Recipe) -> Recipe | None:
    """The recipe that starts the project's server; None if it has none."""
    start = node_scripts.start_of(project)
    for packages, read in _FRAMEWORKS:
        if project.uses(*packages):
            found = read(project, recipe, start)
            return _completed(project, found) if found else None
    found = _by_script(project, recipe, start)
    return _completed(project, found) if found else None


def _completed(project: NodeProject, recipe: Recipe) -> Recipe:
    """The recipe with the build that the command needs, and the port and health path that its source names."""
    command = recipe.spec.command or ()
    if command[:1] == ("node",) and recipe.spec.build is None and project.uses("typescript"):
        target = next((word for word in command[1:] if not word.startswith("-")), "")
        is_there = any(project.folder.has(f"{target}{ending}") for ending in ("", ".js", ".mjs", "/index.js"))
        if not is_there and project.folder.has("tsconfig.json"):
            recipe = recipe.changed(build=("tsc",)).noting(
                "Built by tsc: nothing else writes what is started", "tsconfig.json"
            )
    return _listening(project, _noting_port(project, recipe))


def _next(project: NodeProject, recipe: Recipe, start: Meaning) -> Recipe | None:
    if re.search(r"\boutput\s*:\s*['\"]export['\"]", project.config("next.config")):
        return None
    recipe = recipe if recipe.spec.build else recipe.changed(build=("next", "build"))
    words = start.words
    if start.kind == node_scripts.SERVER and words and "next" not in words:
        return _started(project, recipe, start)
    before = words[: words.index("next")] if "next" in words else ()
    recipe = recipe.changed(command=(*before, "next", "start", "-p", PORT, "-H", HOST))
    return recipe.noting("Started by next start", "package.json depends on next")


def _nuxt(project: NodeProject, recipe: Recipe, start: Meaning) -> Recipe | None:
    if project.major("nuxt") == 2:
        recipe = recipe if recipe.spec.build else recipe.changed(build=("nuxt", "build"))
        if re.search(r"\btarget\s*:\s*['\"]static['\"]", project.config("nuxt.config")):
            return None
        return recipe.changed(command=("nuxt", "start", "--hostname", HOST, "--port", PORT))
    build = project.scripts.get("build", "nuxt build")
    if re.search(r"\b(?:nuxt|nuxi) generate\b", build):
        return None
    return _nitro(project, recipe, "nuxt.config", ("nuxt", "build"))


def _nitro(project: NodeProject, recipe: Recipe, config: str, build: tuple[str, ...]) -> Recipe:
    """The recipe for an application that Nitro builds. A preset for a hosting platform is replaced by the one for a
    server."""
    words = recipe.spec.build or build
    preset = re.search(r"\bpreset\s*:\s*['\"]([\w-]+)['\"]", project.config(config))
    if preset and preset[1] not in ("node", "node-server", "node_server"):
        words = ("NITRO_PRESET=node-server", *words)
        recipe = recipe.noting(f"Built for a server instead of “{preset[1]}”", project.config_file(config))
    return recipe.changed(build=words, command=("node", ".output/server/index.mjs")).noting(
        "Started by node .output/server/index.mjs", "Nitro writes it there"
    )


def _sveltekit(project: NodeProject, recipe: Recipe, start: Meaning) -> Recipe | None:
    config = project.config("svelte.config")
    adapter = _adapter(project, config)
    if adapter == "static":
        return None
    recipe = recipe if recipe.spec.build else recipe.changed(build=("vite", "build"))
    # Environment variables decide which adapter adapter-auto chooses; with this one it is the adapter for servers.
    if adapter == "auto":
        recipe = recipe.changed(build=("GCP_BUILDPACKS=1", *(recipe.spec.build or ())))
        recipe = recipe.noting("Built with adapter-node, which adapter-auto takes for servers", "svelte.config.js")
    elif adapter != "node":
        return recipe.blocked(
            f"This SvelteKit application is built for {adapter.title()} (svelte.config.js): use @sveltejs/adapter-node "
            f"instead of @sveltejs/adapter-{adapter}."
        )
    out = re.search(r"\bout\s*:\s*['\"]([\w./-]+)['\"]", config)
    environment = {**recipe.spec.environment, "PROTOCOL_HEADER": "x-forwarded-proto", "HOST_HEADER": "x-forwarded-host"}
    path = out[1].removeprefix("./") if out else "build"
    return recipe.changed(command=("node", path), environment=environment).noting(
        f"Started by node {path}", "adapter-node writes it there"
    )


def _adapter(project: NodeProject, config: str) -> str:
    named = re.search(r"@sveltejs/adapter-(\w+)", config)
    if named:
        return named[1]
    known = [name.rpartition("-")[2] for name in project.packages if name.startswith("@sveltejs/adapter-")]
    return known[0] if known else "auto"


def _astro(project: NodeProject, recipe: Recipe, start: Meaning) -> Recipe | None:
    config = project.config("astro.config")
    is_server = re.search(r"\boutput\s*:\s*['\"](?:server|hybrid)['\"]", config) is not None
    if re.search(r"\bmode\s*:\s*['\"]middleware['\"]", config):
        return _by_script(project, recipe, start)
    if project.uses("@astrojs/node") and (is_server or "@astrojs/node" in config):
        recipe = recipe if recipe.spec.build else recipe.changed(build=("astro", "build"))
        return recipe.changed(command=("node", "dist/server/entry.mjs"), framework="Astro").noting(
            "Started by node dist/server/entry.mjs", "@astrojs/node writes it there"
        )
    other = next((name for name in ("vercel", "netlify", "cloudflare") if f"@astrojs/{name}" in config), "")
    if is_server and other:
        return recipe.changed(framework="Astro").blocked(
            f"This Astro application is built for {other.title()} (astro.config): use @astrojs/node instead of "
            f"@astrojs/{other}."
        )
    return None


def _remix(project: NodeProject, recipe: Recipe, start: Meaning) -> Recipe | None:
    config = project.config("vite.config") + project.config("react-router.config")
    if re.search(r"\bssr\s*:\s*false\b", config):
        return None
    if start.kind == node_scripts.SERVER:
        return _started(project, recipe, start)
    if project.uses("@react-router/serve"):
        return recipe.changed(command=("react-router-serve", "./build/server/index.js"))
    if project.uses("@remix-run/serve"):
        path = "./build/server/index.js" if project.uses("vite") else "./build/index.js"
        return recipe.changed(command=("remix-serve", path))
    return _by_script(project, recipe, start)


def _nest(project: NodeProject, recipe: Recipe, start: Meaning) -> Recipe | None:
    recipe = recipe if recipe.spec.build else recipe.changed(build=("nest", "build"))
    if start.kind == node_scripts.SERVER and start.words[0] != "nest":
        return _started(project, recipe, start)
    return recipe.changed(command=("node", "dist/main")).noting("Started by node dist/main", "NestJS writes it there")


def _adonis(project: NodeProject, recipe: Recipe, start: Meaning) -> Recipe | None:
    recipe = recipe if recipe.spec.build else recipe.changed(build=("node", "ace", "build"))
    path = "build/server.js" if project.folder.has("server.ts") else "build/bin/server.js"
    return recipe.changed(command=("node", path)).noting(f"Started by node {path}", "AdonisJS writes it there")


def _vinxi(project: NodeProject, recipe: Recipe, start: Meaning) -> Recipe | None:
    return _nitro(project, recipe, "app.config", ("vinxi", "build"))


_FRAMEWORKS: tuple[tuple[tuple[str, ...], Callable[[NodeProject, Recipe, Meaning], Recipe | None]], ...] = (
    (("next",), _next),
    (("nuxt", "nuxt3", "nuxt-edge"), _nuxt),
    (("@sveltejs/kit",), _sveltekit),
    (("astro",), _astro),
    (("@remix-run/*", "@react-router/dev"), _remix),
    (("@solidjs/start", "vinxi"), _vinxi),
    (("@nestjs/core",), _nest),
    (("@adonisjs/core",), _adonis),
)


def _by_script(project: NodeProject, recipe: Recipe, start: Meaning) -> Recipe | None:
    if start.kind == node_scripts.SERVER:
        return _started(project, recipe, start)
    if start.kind == node_scripts.SHELL:
        command = project.manager.start() if start.name == "start" else project.manager.run(start.name)
        line = " ".join(command)
        return recipe.changed(command=command).noting(
            f"Started by {line}", f"the {start.name} script is “{project.scripts[start.name]}”"
        )
    return _by_main(project, recipe, start)


def _started(project: NodeProject, recipe: Recipe, start: Meaning) -> Recipe:
    words, because = compiled(project, recipe.spec.build, start.words)
    recipe = recipe.changed(command=words, environment={**recipe.spec.environment, **start.environment})
    if start.was:
        recipe = recipe.noting(f"“{start.was}” is for development: the program itself is started", "package.json")
    if because:
        return recipe.noting(f"Started by {' '.join(words)}", because)
    return recipe.noting(f"Started by {' '.join(words)}", f"the {start.name} script of package.json")


def _by_main(project: NodeProject, recipe: Recipe, start: Meaning) -> Recipe | None:
    """The recipe that starts the file named by the package, or one with a usual name. Files that belong to a page in the
    browser do not count."""
    page = project.folder.has("index.html") or project.folder.has("public/index.html") or project.uses(*BUNDLERS)
    named = [str(project.package[key]).removeprefix("./") for key in ("main", "module") if project.package.get(key)]
    binaries = project.package.get("bin")
    named += [
        str(entry).removeprefix("./") for entry in (binaries.values() if isinstance(binaries, dict) else [binaries]) if entry
    ]
    paths = [name for entry in named for name in (entry, f"{entry}.js", f"{entry.rstrip('/')}/index.js")]
    for name in dict.fromkeys(name for name in (*paths, *MAIN_FILES, *TYPED_FILES) if project.folder.has(name)):
        text = project.folder.text(name)
        is_typed = name.endswith(("ts", "tsx"))
        is_meant = not page and not is_typed and (name in paths[:3] or not project.package.get("exports"))
        if SERVES.search(text) or is_meant:
            words = _interpreter(project, name, text)
            words, because = compiled(project, recipe.spec.build, words)
            return recipe.changed(command=words).noting(f"Started by {' '.join(words)}", because or name)
    return None


def _interpreter(project: NodeProject, name: str, text: str) -> tuple[str, ...]:
    if project.manager.name == "bun" or is_handed_over(text):
        return ("bun", "run", name)
    if name.endswith((".ts", ".mts", ".tsx")):
        tool = next((tool for tool in ("tsx", "ts-node") if project.uses(tool)), "node")
        return (tool, name)
    return ("node", name)


def _noting_port(project: NodeProject, recipe: Recipe) -> Recipe:
    script = _script(project, recipe)
    source = project.folder.text(script) if script else ""
    health = health_route(source)
    if health:
        recipe = recipe.changed(health_path=health).noting(f"Health at {health}", script)
    port = fixed_port(source)
    if port is None:
        return recipe
    what = f"It listens on port {port}, and gets another one where several applications share a machine"
    return recipe.changed(port=port).with_install(listens=port).noting(what, script)


def _script(project: NodeProject, recipe: Recipe) -> str:
    """The file that the command runs; "" if it names none."""
    command = recipe.spec.command or ()
    script = next((word.removeprefix("./") for word in command if re.search(r"\.[cm]?[jt]sx?$", word)), "")
    if not script:
        last = command[-1] if command[:1] == ("node",) else ""
        script = f"{last}.js" if last and project.folder.has(f"{last}.js") else last
    return script


def _listening(project: NodeProject, recipe: Recipe) -> Recipe:
    """The recipe for a file that exports an application without listening, for platforms that do so themselves."""
    script = _script(project, recipe)
    source = project.folder.text(script) if script else ""
    command = recipe.spec.command or ()
    if command[:1] == ("bun",) and is_handed_over(source):
        what = "Written for a platform that calls its “fetch”: Bun serves it here"
        without = ", without what Cloudflare binds to it (KV, D1, R2)" if project.folder.first(*_WRANGLER) else ""
        if project.manager.name != "bun":  # Bun reads the lock files of the others, too
            recipe = recipe.with_install(**{"from": "package.json", "manager": f"bun@{NEWEST['bun']}"})
        return recipe.remarking(f"{what}{without}", script) if without else recipe.noting(what, script)
    if command != ("node", script) or not _EXPORTED.search(source) or re.search(r"\blisten\b", source):
        return recipe
    words = f"import('./{script}').then((its) => (its.default ?? its).listen(process.env.PORT))"
    return recipe.changed(command=("node", "-e", words)).noting(
        "Started with listen(PORT): the file listens nowhere", script
    )


def is_handed_over(source: str) -> bool:
    """Whether a file exports an application with ``fetch``, as Cloudflare, Deno and Bun expect it, and does not listen
    itself."""
    is_fetched = re.search(r"\bfetch\s*[(:]|\bnew\s+(?:Hono|OpenAPIHono|Elysia)\b|\bAutoRouter\s*\(", source)
    return bool(_FETCHED.search(source) and is_fetched and not _LISTENS.search(source))


def fixed_port(source: str) -> int | None:
    """The port in the code of a server: ``listen(3000)``, ``listen({port: 3000})``, or a constant used there. None if the
    program also reads PORT."""
    # The number before “||” is always used.
    never_asked = re.search(r"=\s*(?P<port>\d{2,5})\s*\|\|\s*process\.env\.PORT\b", source)
    if never_asked is None and re.search(r"\benv(?:\.|\[['\"])PORT\b", source):
        return None
    found = never_asked or next((match for pattern in _PORTS if (match := pattern.search(source))), None)
    if found and not found["port"].isdigit():
        name = re.escape(found["port"])
        found = re.search(rf"\b(?:const|let|var)\s+{name}\s*=\s*(?P<port>\d{{2,5}})\b", source)
    port = int(found["port"]) if found else 0
    return port if 1 <= port <= 65535 else None
