"""Sites that Node.js only builds: the command that builds them, the folder that it writes, and how that folder is served.

A development server is never started: the result of the build is served. For applications that render their pages in the
browser (`spa`), every address without a file shows the page. If the build writes another folder than expected, the builder
finds it.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Any

from fairway.drivers.builders.detection import node_scripts
from fairway.drivers.builders.detection.node_project import NodeProject
from fairway.drivers.builders.detection.recipe import Recipe
from fairway.drivers.builders.node_versions import parse_range


@dataclass(frozen=True)
class Tool:
    """One tool that builds sites. `build` is its command, `output` the folder it writes. `spa` says whether its pages are
    rendered in the browser. `config` is the stem of its configuration file, `setting` the name in it that changes the
    folder. With `is_for_docs` the script ``build`` may build something else."""

    package: str
    title: str
    build: str
    output: str
    spa: bool = False
    config: str = ""
    setting: str = ""
    is_for_docs: bool = False


TOOLS = (
    Tool("next", "Next.js", "next build", "out"),
    Tool("nuxt", "Nuxt", "nuxt generate", ".output/public"),
    Tool("@sveltejs/kit", "SvelteKit", "vite build", "build", config="svelte.config", setting="pages"),
    Tool("astro", "Astro", "astro build", "dist", config="astro.config", setting="outDir"),
    Tool("gatsby", "Gatsby", "gatsby build", "public"),
    Tool("@docusaurus/core", "Docusaurus", "docusaurus build", "build", is_for_docs=True),
    Tool("vitepress", "VitePress", "vitepress build", ".vitepress/dist", is_for_docs=True),
    Tool("vuepress", "VuePress", "vuepress build", ".vuepress/dist", is_for_docs=True),
    Tool("@11ty/eleventy", "Eleventy", "eleventy", "_site"),
    Tool("hexo", "Hexo", "hexo generate", "public"),
    Tool("@react-router/dev", "React Router", "react-router build", "build/client", spa=True),
    Tool("@remix-run/dev", "Remix", "remix vite:build", "build/client", spa=True),
    Tool("react-scripts", "Create React App", "react-scripts build", "build", spa=True),
    Tool("@craco/craco", "Create React App", "craco build", "build", spa=True),
    Tool("@angular/core", "Angular", "ng build", "dist", spa=True),
    Tool("@vue/cli-service", "Vue", "vue-cli-service build", "dist", spa=True, config="vue.config", setting="outputDir"),
    Tool("ember-cli", "Ember", "ember build --environment=production", "dist", spa=True),
    Tool("preact-cli", "Preact", "preact build", "build", spa=True),
    Tool("expo", "Expo", "expo export --platform web", "dist", spa=True),
    Tool("@rsbuild/core", "Rsbuild", "rsbuild build", "dist", spa=True),
    Tool("vite", "Vite", "vite build", "dist", spa=True, config="vite.config", setting="outDir"),
    Tool("parcel", "Parcel", "parcel build", "dist", spa=True),
    Tool("parcel-bundler", "Parcel", "parcel build", "dist", spa=True),
    Tool("webpack", "webpack", "webpack", "dist", spa=True, config="webpack.config", setting="path"),
    Tool("storybook", "Storybook", "storybook build", "storybook-static", is_for_docs=True),
)
_SCRIPTS = ("build", "build:prod", "build:production", "docs:build", "build:docs", "generate", "export", "build-storybook")
FIRST_WITH_OPENSSL_3 = 17
_LIBRARY_BUILDS = re.compile(r"^(?:tsc|tsup|rollup|babel|unbuild|microbundle|tshy|ncc|pkgroll|swc|nest|node-gyp)\b")


def site_of(project: NodeProject, recipe: Recipe) -> Recipe | None:
    """The recipe that builds the project's site; None if it builds none."""
    start = node_scripts.start_of(project)
    tool = next((candidate for candidate in TOOLS if project.uses(candidate.package) and _is_one(project, candidate)), None)
    build, text, script = _build(project, tool)
    if start.kind == node_scripts.FILES and (build or start.folder != "."):
        return _served(recipe, build, start.folder, start.fallback or bool(tool and tool.spa), text)
    if not build or (tool is None and not _builds_pages(project, text)):
        return None
    output = _output(project, tool, text) if tool else _unknown_output(project)
    recipe = recipe.changed(framework=tool.title) if tool else recipe.changed(framework="Site built by Node.js")
    recipe = _served(recipe, build, output, bool(tool and tool.spa) or _falls_back(project, tool), text)
    return _for_old_webpack(project, recipe, script)


def _served(recipe: Recipe, build: tuple[str, ...] | None, output: str, spa: bool, text: str) -> Recipe:
    framework = "Static site" if recipe.spec.framework == "Node.js" else recipe.spec.framework
    recipe = recipe.changed(kind="static", framework=framework, port=8080, health_path="/", build=build, command=None)
    recipe = recipe.with_install(publish=output, **({"spa": True} if spa else {}))
    if not build:
        return recipe.noting(f"Served from {output}/", "package.json starts a server of files")
    recipe = recipe.noting(f"Built by {' '.join(build)}, served from {output}/", f"the build is “{text}”")
    return (
        recipe.noting("Every address without a file shows the page: it is drawn in the browser", output) if spa else recipe
    )


def _is_one(project: NodeProject, tool: Tool) -> bool:
    """Whether the tool builds a site here: some of these packages are used for other things, too."""
    match tool.package:
        case "vite" | "webpack":
            return _has_page(project) or (not project.place and not project.package.get("exports"))
        case "storybook":
            return "build-storybook" in project.scripts and "build" not in project.scripts
        case "expo":
            return project.uses("react-native-web")
        case "nuxt":
            return bool(re.search(r"generate|static", f"{project.scripts.get('build', '')} {project.config('nuxt.config')}"))
        case "@remix-run/dev" | "@react-router/dev":
            return True
        case _:
            return True


def _has_page(project: NodeProject) -> bool:
    paths = ("index.html", "src/index.html", "public/index.html", "app/index.html", "client/index.html")
    return project.folder.first(*paths) is not None or "HtmlWebpackPlugin" in project.config("webpack.config")


def _build(project: NodeProject, tool: Tool | None) -> tuple[tuple[str, ...] | None, str, str]:
    """(the command, what it does, the name of the script): a script of the project that runs the tool, the build script,
    or the tool's own command."""
    fitting = [name for name, text in project.scripts.items() if tool and tool.build.split(" --")[0] in text]
    fitting = [name for name in fitting if not re.search(r"dev|watch|preview|analy|deploy|test", name)]
    known = [name for name in _SCRIPTS if name in project.scripts]
    usual = [name for name in ("build", "build:prod", "build:production") if name in known]
    order = [*fitting, *usual] if tool and tool.is_for_docs else [*usual, *fitting, *(known if tool else ())]
    if order:
        return project.manager.run(order[0]), project.scripts[order[0]], order[0]
    if tool and tool.package not in ("vite", "webpack", "parcel", "parcel-bundler", "storybook"):
        return tuple(tool.build.split()), tool.build, ""
    if tool and tool.package == "vite" and _has_page(project):
        return ("vite", "build"), "vite build", ""
    return None, "", ""


def _builds_pages(project: NodeProject, text: str) -> bool:
    """Whether the build of an unknown tool may build a site: it does not if it builds a library or one package of a
    workspace."""
    if project.place or project.orchestrates:
        return _has_page(project) and not _LIBRARY_BUILDS.match(text)
    is_library = any(project.package.get(key) for key in ("exports", "types", "typings", "bin", "files"))
    return _has_page(project) or not (is_library or _LIBRARY_BUILDS.match(text))


def _unknown_output(project: NodeProject) -> str:
    """The folder that an unknown tool may write: the top folder if it has a page, which the build then completes;
    otherwise ``dist``."""
    return "." if project.folder.has("index.html") and not project.folder.has("src/index.html") else "dist"


def _output(project: NodeProject, tool: Tool, text: str) -> str:
    named = re.search(r"(?:--outDir|--out-dir|--output-path|--output|--dist-dir|-d|-o|--dest)[ =]([\w./-]+)", text)
    if named and tool.package not in ("webpack",):
        return _clean(named[1]) or tool.output
    if tool.package == "@angular/core":
        return _angular(project)
    if tool.is_for_docs and tool.output.startswith("."):
        folder = re.search(rf"{tool.build} ([\w./-]+)", text)
        return _clean(posixpath.join(folder[1] if folder else ".", tool.output))
    if tool.package == "react-scripts" and (
        moved := re.search(r"BUILD_PATH=['\"]?([\w./-]+)", _surroundings(project, text))
    ):
        return _clean(moved[1]) or tool.output
    return _configured(project, tool) or ("dist" if tool.package == "nuxt" and project.major("nuxt") == 2 else tool.output)


def _configured(project: NodeProject, tool: Tool) -> str:
    config = project.config(tool.config) if tool.config else ""
    moved = re.search(rf"\b{tool.setting}\s*:\s*['\"]([\w./-]+)['\"]", config) if tool.setting else None
    root = re.search(r"\broot\s*:\s*['\"]([\w./-]+)['\"]", config) if tool.package == "vite" else None
    path = posixpath.join(root[1] if root else ".", moved[1] if moved else tool.output)
    return _clean(path) if moved or root else ""


def _angular(project: NodeProject) -> str:
    """The folder of the first application. Since Angular 17 its pages lie in ``browser`` inside of it."""
    try:
        projects = project.folder.json("angular.json").get("projects")
    except ValueError:
        projects = None
    for name, project_settings in projects.items() if isinstance(projects, dict) else ():
        target = _down(project_settings, "architect", "build") or _down(project_settings, "targets", "build")
        path = _down(target, "options", "outputPath")
        base = path.get("base") if isinstance(path, dict) else path
        browser = path.get("browser", "browser") if isinstance(path, dict) else "browser"
        builder = str(target.get("builder", "")) if isinstance(target, dict) else ""
        output = _clean(base) if isinstance(base, str) and base else f"dist/{name}"
        is_new = "application" in builder and "browser-esbuild" not in builder
        return posixpath.join(output, str(browser)).rstrip("/") if is_new else output
    name = str(project.package.get("name") or "").rpartition("/")[2]
    return f"dist/{name}/browser" if project.major("@angular/core") >= 17 and name else "dist"


def _down(value: Any, *names: str) -> Any:
    """The value at a path in JSON; an empty object if a key is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value or {}


def _falls_back(project: NodeProject, tool: Tool | None) -> bool:
    """Whether SvelteKit's static adapter writes a page for all other addresses."""
    is_kit = tool is not None and tool.package == "@sveltejs/kit"
    return is_kit and re.search(r"\bfallback\s*:\s*['\"]", project.config("svelte.config")) is not None


def _for_old_webpack(project: NodeProject, recipe: Recipe, script: str) -> Recipe:
    """The recipe with an option of Node.js if its webpack is older than 5: such a webpack uses a digest that OpenSSL 3
    offers only with that option."""
    majors = (("react-scripts", 5), ("@vue/cli-service", 5), ("webpack", 5), ("@angular/cli", 12), ("gatsby", 3))
    old = next((name for name, first in majors if 0 < project.major(name) < first), "")
    if not old or "openssl-legacy" in project.scripts.get(script, "") or (old == "webpack" and project.uses("gatsby")):
        return recipe
    asked = parse_range(project.node()[0])
    if asked and not any(major >= FIRST_WITH_OPENSSL_3 for major in asked.majors()):
        return recipe  # such an old Node.js does not have the option
    build = ("NODE_OPTIONS=--openssl-legacy-provider", *(recipe.spec.build or ()))
    return recipe.changed(build=build).noting(
        "Built with --openssl-legacy-provider: its webpack is older than this Node.js", f"package.json asks for {old}"
    )


def _surroundings(project: NodeProject, text: str) -> str:
    return "\n".join([text, *(project.folder.text(name) for name in (".env", ".env.production"))])


def _clean(given: str) -> str:
    """A normalized path inside the source; "" for one that leaves it."""
    path = posixpath.normpath(given.lstrip("/"))
    return "" if path.startswith("..") or path == "." else path
