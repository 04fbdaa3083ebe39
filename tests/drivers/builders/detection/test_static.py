"""What detection says about sites: those that Node.js or Hugo build, and folders that are served as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairway.drivers.builders.detection.detect import detect

from ..folders import make
from .test_node import package, spec_of


def angular(builder: str) -> str:
    """An angular.json with one application."""
    build = {"builder": f"@angular-devkit/build-angular:{builder}", "options": {"outputPath": "dist/shop"}}
    return json.dumps({"projects": {"shop": {"architect": {"build": build}}}})


BUILT: dict[str, tuple[dict[str, str], str, bool]] = {
    # the files, the folder that is published, whether every address shows the page
    "create react app": (
        {
            "package.json": package(
                "react-scripts@5.0.0", scripts={"start": "react-scripts start", "build": "react-scripts build"}
            ),
            "src/index.js": "",
            "public/index.html": "%PUBLIC_URL%",
        },
        "build",
        True,
    ),
    "vite with a main.js": (
        {"package.json": package("vite", scripts={"dev": "vite", "build": "vite build"}), "index.html": "", "main.js": ""},
        "dist",
        True,
    ),
    "vite elsewhere": (
        {
            "package.json": package("vite", scripts={"build": "vite build"}),
            "index.html": "",
            "vite.config.ts": "export default {build: {outDir: './public'}}",
        },
        "public",
        True,
    ),
    "vite previews are for development": (
        {"package.json": package("vite", scripts={"start": "vite preview", "build": "vite build"}), "index.html": ""},
        "dist",
        True,
    ),
    "angular 17": (
        {
            "package.json": package("@angular/core@17.0.0", scripts={"start": "ng serve", "build": "ng build"}),
            "angular.json": angular("application"),
        },
        "dist/shop/browser",
        True,
    ),
    "angular 14": (
        {"package.json": package("@angular/core@14.0.0", scripts={"build": "ng build"}), "angular.json": angular("browser")},
        "dist/shop",
        True,
    ),
    "vue cli": (
        {
            "package.json": package(
                "@vue/cli-service@5.0.0", scripts={"serve": "vue-cli-service serve", "build": "vue-cli-service build"}
            )
        },
        "dist",
        True,
    ),
    "gatsby": (
        {
            "package.json": package(
                "gatsby", scripts={"start": "gatsby develop", "build": "gatsby build", "serve": "gatsby serve"}
            )
        },
        "public",
        False,
    ),
    "next that is exported": (
        {
            "package.json": package("next", scripts={"start": "next start", "build": "next build"}),
            "next.config.mjs": "export default {\n  output: 'export'\n}",
        },
        "out",
        False,
    ),
    "nuxt that is generated": (
        {"package.json": package("nuxt@3.0.0", scripts={"build": "nuxt generate"})},
        ".output/public",
        False,
    ),
    "astro": ({"package.json": package("astro", scripts={"start": "astro dev", "build": "astro build"})}, "dist", False),
    "sveltekit with a fallback": (
        {
            "package.json": package("@sveltejs/kit", "@sveltejs/adapter-static", scripts={"build": "vite build"}),
            "svelte.config.js": "adapter({fallback: '200.html'})",
        },
        "build",
        True,
    ),
    "react router in the browser": (
        {
            "package.json": package(
                "@react-router/dev", scripts={"build": "react-router build", "start": "react-router-serve x"}
            ),
            "react-router.config.ts": "export default {ssr: false}",
        },
        "build/client",
        True,
    ),
    "docusaurus": (
        {"package.json": package("@docusaurus/core", scripts={"start": "docusaurus start", "build": "docusaurus build"})},
        "build",
        False,
    ),
    "vitepress": (
        {
            "package.json": package(
                "vitepress", scripts={"docs:build": "vitepress build docs", "docs:dev": "vitepress dev docs"}
            )
        },
        "docs/.vitepress/dist",
        False,
    ),
    "eleventy": ({"package.json": package("@11ty/eleventy")}, "_site", False),
    "a script of one's own": ({"package.json": package(scripts={"build": "node make.js"})}, "dist", False),
    "a build that completes a page": (
        {"package.json": package("tailwindcss", scripts={"build": "tailwindcss -i a.css -o out.css"}), "index.html": ""},
        ".",
        False,
    ),
    "served by serve": (
        {"package.json": package("serve", scripts={"start": "serve -s build -l 3000", "build": "node make.js"})},
        "build",
        True,
    ),
    "hugo": ({"hugo.toml": "baseURL='x'", "content/_index.md": "x"}, "public", False),
    "hugo of old": ({"config.toml": "baseURL='x'\npublishDir = 'web'", "content/_index.md": "x"}, "web", False),
}


@pytest.mark.parametrize("name", BUILT)
def test_the_site_that_is_built(tmp_path: Path, name: str) -> None:
    files, publish, spa = BUILT[name]
    found = spec_of(tmp_path, files)
    assert (found.kind, found.command) == ("static", None)
    assert found.build
    assert (found.install["publish"], found.install.get("spa", False)) == (publish, spa)


def test_webpack_4_is_built_as_it_needs(tmp_path: Path) -> None:
    files = {"package.json": package("react-scripts@4.0.3", scripts={"build": "react-scripts build"})}
    assert spec_of(tmp_path, files).build == ("NODE_OPTIONS=--openssl-legacy-provider", "npm", "run", "build")
    assert spec_of(tmp_path, {**files, ".nvmrc": "16"}).build == ("npm", "run", "build")  # which does not know the option


SERVED: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "a folder": ({"www/index.html": ""}, {"publish": "www"}),
    "a script beside it": ({"index.html": "", "generate.py": "open('x', 'w')"}, {"publish": "."}),
    "a script of the page": (
        {"index.html": "", "package.json": package("prettier"), "index.js": "document.title = 'x'"},
        {"publish": "."},
    ),
    "one page with another name": ({"game.html": "", "game.js": ""}, {"publish": ".", "index": "game.html"}),
    "what jekyll wrote": ({"_config.yml": "", "index.html": "---\n---\n", "_site/index.html": ""}, {"publish": "_site"}),
}


@pytest.mark.parametrize("name", SERVED)
def test_the_folder_that_is_served(tmp_path: Path, name: str) -> None:
    files, install = SERVED[name]
    found = spec_of(tmp_path, files)
    assert (found.kind, found.build, dict(found.install)) == ("static", None, install)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"_config.yml": "theme: minima", "_posts/a.md": "", "index.html": "---\n---\n", "Gemfile": "gem 'jekyll'"},
            "This is a Jekyll site",
        ),
        ({"a.html": "", "b.html": ""}, "none is called index.html"),
        ({"index.html": '<script type="module" src="/src/main.ts"></script>', "go.mod": ""}, "This is a Go library"),
        ({"hugo.toml": "theme='x'", ".gitmodules": "path = themes/x"}, "commit the theme's files"),
    ],
)
def test_what_is_no_site_yet_says_what_to_do(tmp_path: Path, files: dict[str, str], words: str) -> None:
    detection = detect(make(tmp_path, files))
    assert detection.spec is None
    assert words in detection.advice


def test_the_files_of_an_application_that_cannot_run_do_not_pass_for_it(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "tornado",
        "runtime.txt": "python-2.7.18",
        "main.py": "import tornado.web\nimport os\ntornado.web.Application([]).listen(os.environ['PORT'])\n",
        "static/index.html": "<h1>hi</h1>",
    }
    detection = detect(make(tmp_path, files))
    assert detection.best is None
    assert detection.advice.startswith("runtime.txt asks for Python “python-2.7.18”")
    assert any("choose “static”" in one.problem for one in detection.candidates)
