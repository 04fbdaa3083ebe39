"""Real builds of Node.js projects: each package manager, a Node.js that is fetched, a workspace, a site that Vite writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.inventory import of_bundle
from fairway.drivers.builders.node_install import Installer
from fairway.drivers.builders.node_members import built_before, compiled_place
from fairway.drivers.runtimes.process.bundle import Bundle
from fairway.shared.failures import NeedsPerson, Refused

from .conftest import Heard
from .folders import make
from .serving import served
from .test_bundle import build, place_of

SERVER = (
    "const ms = require('{}'), http = require('http')\n"
    "http.createServer((_, r) => r.end(process.version + ' ' + ms('1h'))).listen(process.env.PORT, process.env.HOST)\n"
)
YARN_LOCK = (
    '# yarn lockfile v1\n\n\nms@2.1.3:\n  version "2.1.3"\n'
    '  resolved "https://registry.yarnpkg.com/ms/-/ms-2.1.3.tgz#574c8138ce1d2b5861f0b44579dbadd60c6615b2"\n'
)


def package(**more: object) -> str:
    plain = {"name": "x", "version": "1.0.0", "scripts": {"start": "node server.js"}, "dependencies": {"ms": "2.1.3"}}
    return json.dumps({**plain, **more})


@pytest.mark.node
@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"package.json": package(packageManager="pnpm@9.15.0")}, "$ pnpm install"),
        ({"package.json": package(), "yarn.lock": YARN_LOCK}, "--frozen-lockfile"),
        ({"package.json": package(packageManager="yarn@4.9.1"), ".yarnrc.yml": "nodeLinker: pnp\n"}, "$ yarn install"),
    ],
    ids=["pnpm", "yarn classic", "yarn that links in its own way"],
)
def test_a_project_is_installed_by_its_own_package_manager(
    npm: str, built_data: Path, heard: Heard, tmp_path: Path, files: dict[str, str], line: str
) -> None:
    built = build(built_data, make(tmp_path / "app", {**files, "server.js": SERVER.format("ms")}), heard)
    assert any(line in one for one in heard.lines)
    assert "pkg:npm/ms@2.1.3" in [one.purl for one in of_bundle(place_of(built))]
    with served(place_of(built), tmp_path) as client:
        assert client.get("/").text.endswith(" 3600000")


@pytest.mark.node
def test_bun_runs_its_own_project(npm: str, built_data: Path, heard: Heard, tmp_path: Path) -> None:
    source = (
        "import ms from 'ms'\n"
        "Bun.serve({port: process.env.PORT, hostname: process.env.HOST, fetch: () => new Response('bun ' + ms('1h'))})\n"
    )
    wanted = {"name": "x", "module": "index.ts", "dependencies": {"ms": "2.1.3"}}
    built = build(
        built_data, make(tmp_path / "app", {"package.json": json.dumps(wanted), "bun.lock": "", "index.ts": source}), heard
    )
    with served(place_of(built), tmp_path) as client:
        assert client.get("/").text == "bun 3600000"


def test_a_node_that_is_not_here_is_fetched_and_goes_with_the_bundle(built_data: Path, heard: Heard, tmp_path: Path) -> None:
    files = {"package.json": package(), ".nvmrc": "22.20.0", "server.js": SERVER.format("ms")}
    built = build(built_data, make(tmp_path / "app", files), heard)
    assert Bundle.read(place_of(built)).path == ("app/node_modules/.bin", "node/bin")
    with served(place_of(built), tmp_path) as client:
        assert client.get("/").text == "v22.20.0 3600000"


def test_a_node_that_nobody_has_is_told_before_the_build(built_data: Path, heard: Heard, tmp_path: Path) -> None:
    folder = make(tmp_path / "app", {"package.json": package(engines={"node": ">=99"}), "server.js": ""})
    with pytest.raises(NeedsPerson, match=r"asks for Node\.js >=99, which can neither be found .* nor fetched"):
        build(built_data, folder, heard)


@pytest.mark.node
def test_a_package_of_a_workspace_is_installed_above_and_started_in_its_folder(
    npm: str, built_data: Path, heard: Heard, tmp_path: Path
) -> None:
    write = "require('fs').writeFileSync('built.js', `module.exports = require('ms')`)"
    library = {"name": "@x/lib", "main": "built.js", "scripts": {"build": "node make.js"}, "dependencies": {"ms": "2.1.3"}}
    api = {"name": "api", "scripts": {"start": "node index.js"}, "dependencies": {"@x/lib": "*"}}
    files = {
        "package.json": json.dumps({"private": True, "workspaces": ["apps/*", "packages/*"]}),
        "apps/api/package.json": json.dumps(api),
        "apps/api/index.js": f"require('fs').readFileSync('index.js')\n{SERVER.format('@x/lib')}",
        "packages/lib/package.json": json.dumps(library),
        "packages/lib/make.js": write,
    }
    built = build(built_data, make(tmp_path / "app", files), heard)
    assert "packages/lib is built first: the application depends on it." in heard.lines
    with served(place_of(built), tmp_path) as client:
        assert client.get("/").text.endswith(" 3600000")


@pytest.mark.node
def test_a_site_of_vite_is_found_where_it_was_written(npm: str, built_data: Path, heard: Heard, tmp_path: Path) -> None:
    wanted = {"name": "x", "scripts": {"dev": "vite", "build": "vite build"}, "devDependencies": {"vite": "5.4.19"}}
    files = {
        "package.json": json.dumps(wanted),
        "index.html": '<div id="app"></div><script type="module" src="/main.js"></script>',
        "main.js": "document.title = 'made by vite'",
        "vite.config.js": "export default {base: '/repo/', build: {outDir: ['some', 'where'].join('')}}",
    }
    built = build(built_data, make(tmp_path / "app", files), heard)
    assert "Published is somewhere/: the build wrote its page there, not into dist/." in heard.lines
    with served(place_of(built), tmp_path) as client:
        page = client.get("/repo/any/address")
        assert page.status_code == 200
        script = page.text.partition('src="')[2].partition('"')[0]
        assert "made by vite" in client.get(script).text


@pytest.mark.node
def test_a_build_may_write_to_its_copies_of_packages(npm: str, built_data: Path, heard: Heard, tmp_path: Path) -> None:
    """Nuxt copies packages with the modes of their files, and changes them. Twice: the second finds a cached layer."""
    copy = "const fs = require('fs'); fs.copyFileSync('node_modules/ms/package.json', 'own.json');"
    for number in "12":
        files = {
            "package.json": package(scripts={"build": "node build.js", "start": "node server.js"}),
            "build.js": f"{copy} fs.writeFileSync('own.json', '{number}')",
            "server.js": SERVER.format("ms").replace("ms('1h')", "require('./own.json')"),
        }
        with served(place_of(build(built_data, make(tmp_path / number, files), heard)), tmp_path) as client:
            assert client.get("/").text.endswith(f" {number}")


@pytest.mark.node
def test_packages_that_disagree_are_installed_and_pruned_all_the_same(
    npm: str, built_data: Path, heard: Heard, tmp_path: Path
) -> None:
    disagree = {"ms": "2.1.3", "react": "19.0.0", "use-sync-external-store": "1.2.0"}
    scripts = {"build": "node -e 1", "start": "node server.js"}
    wanted = package(scripts=scripts, dependencies=disagree, devDependencies={"nanoid": "3.3.7"})
    built = build(built_data, make(tmp_path, {"package.json": wanted, "server.js": SERVER.format("ms")}), heard)
    assert "$ npm prune --omit=dev --ignore-scripts --legacy-peer-deps" in heard.lines
    assert sorted(place.name for place in (place_of(built) / "app/node_modules").glob("[n-r]*")) == ["react"]


@pytest.mark.parametrize("manager", ["curl@1", "npm@", "pnpm", "pnpm@9;id"])
def test_what_is_no_package_manager_is_refused(tmp_path: Path, heard: Heard, manager: str) -> None:
    spec = Spec(kind="node", command=("node", "x.js"), install={"manager": manager})
    with pytest.raises(Refused, match="is not a package manager"):
        build(tmp_path, make(tmp_path / "app", {"package.json": package()}), heard, spec)


def test_an_installation_is_tried_less_strictly_only_where_a_person_would(tmp_path: Path) -> None:
    npm = Installer("npm", "10.0.0", tmp_path)
    make(tmp_path, {"package-lock.json": "{}", "bun.lock": "{}", "pnpm-lock.yaml": "", "yarn.lock": ""})
    words = npm.install(tmp_path, development=True)
    assert "ci" in words
    looser = npm.loosened(words, "npm error code EUSAGE")
    assert looser is not None
    assert "install" in looser[0]
    peers = npm.loosened(looser[0], "npm error code ERESOLVE")
    assert peers is not None
    assert peers[0][-1] == "--legacy-peer-deps"
    assert npm.loosened(peers[0], "npm error code ERESOLVE") is None
    assert npm.loosened(words, "npm error 404 no-such-package") is None
    for name, version, said in (
        ("pnpm", "9.0.0", "ERR_PNPM_OUTDATED_LOCKFILE"),
        ("yarn", "1.22.22", "Your lockfile needs to be updated"),
        ("yarn", "4.9.1", "YN0028: The lockfile would have been modified"),
        ("bun", "1.2.0", "error: lockfile had changes, but lockfile is frozen"),
    ):
        one = Installer(name, version, tmp_path)
        strict = one.install(tmp_path, development=True)
        other = one.loosened(strict, said)
        assert other is not None, name
        assert not {"--frozen-lockfile", "--immutable"} & set(other[0])
        assert one.loosened(other[0], said) is None


def test_packages_are_built_after_what_they_need(tmp_path: Path) -> None:
    def member(name: str, *wanted: str, builds: bool = True) -> str:
        scripts = {"build": "x"} if builds else {}
        return json.dumps({"name": name, "scripts": scripts, "dependencies": dict.fromkeys(wanted, "workspace:*")})

    files = {
        "package.json": '{"workspaces": ["p/*"]}',
        "p/app/package.json": member("app", "ui", "react"),
        "p/ui/package.json": member("ui", "core", "app"),
        "p/core/package.json": member("core", "types"),
        "p/types/package.json": member("types", builds=False),
        "p/other/package.json": member("other"),
    }
    assert built_before(SourceFolder(make(tmp_path, files)), "p/app") == ("p/core", "p/ui")


@pytest.mark.parametrize(
    ("files", "command", "started"),
    [
        (["dist/index.js"], ("node", "dist/index.js"), "dist/index.js"),
        (["dist/main.js"], ("node", "dist/main"), "dist/main"),
        (["dist/src/main.js"], ("node", "dist/main"), "dist/src/main.js"),
        (["lib/index.js", "dist/server/index.js"], ("node", "dist/index.js"), "dist/server/index.js"),
        (["build/index.js", "node_modules/x/index.js"], ("node", "dist/index.js"), "build/index.js"),
        (["x.js"], ("node", "dist/index.js"), "dist/index.js"),
    ],
)
def test_the_file_that_a_build_wrote_is_started(
    tmp_path: Path, heard: Heard, files: list[str], command: tuple[str, ...], started: str
) -> None:
    assert compiled_place(make(tmp_path, dict.fromkeys(files, "")), command, heard) == ("node", started)
