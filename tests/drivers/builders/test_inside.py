"""What a source names lies inside it: every package manager's files, every way to write a path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairway.drivers.builders.inside import Source
from fairway.drivers.builders.inside_node import check_node
from fairway.drivers.builders.inside_python import check_python
from fairway.shared.failures import Refused
from tests.drivers.builders.folders import make

OUT = (
    "/etc/passwd",
    "../secret",
    "a/../../secret",
    "file:///etc/passwd",
    "file:../secret",
    "file:/etc/passwd",
    "~/x",
    "./out/x",
)


def source(tmp_path: Path, files: dict[str, str]) -> Source:
    folder = make(tmp_path / "source", files)
    (folder / "out").symlink_to(tmp_path)
    return Source(folder)


def refusal(tmp_path: Path, files: dict[str, str], start: str = "requirements.txt") -> str:
    """The sentence, or "" when the source may be built."""
    one = source(tmp_path, files)
    try:
        check_python(one, start)
        check_node(one)
    except Refused as refused:
        return refused.sentence
    return ""


@pytest.mark.parametrize("path", OUT)
@pytest.mark.parametrize(
    "form",
    [
        *("-r {}", "-r{}", "--requirement={}", "--requirement {}", "-c {}", "--constraint={}", "-e {}", "--editable {}"),
        *("-f {}", "--find-links={}", "--find-links {}", "thing @ {}", "thing[extra] @ {} ; python_version > '3'", "{}"),
        *("--index-url {}", "--extra-index-url={}", "-r \\\n  {}", "flask --find-links={}"),
    ],
)
def test_no_line_of_a_requirements_file_leads_out(tmp_path: Path, form: str, path: str) -> None:
    said = refusal(tmp_path, {"requirements.txt": f"flask==3.0\n\n{form.format(path)}\n"})
    assert said.startswith("requirements.txt, line 3: “")
    assert "leads out of the source" in said


def test_includes_are_followed_and_named(tmp_path: Path) -> None:
    files = {"requirements.txt": "-r deps/base.txt", "deps/base.txt": "six\n-c ../limits.txt", "limits.txt": "\n-r ../../x"}
    assert refusal(tmp_path, files).startswith("limits.txt, line 2: “../../x” leads out of the source")


def test_includes_in_a_circle_end_and_are_all_told(tmp_path: Path) -> None:
    one = source(tmp_path, {"requirements.txt": "-r deps/base.txt", "deps/base.txt": "-r ../requirements.txt"})
    assert check_python(one, "requirements.txt") == {"requirements.txt", "deps/base.txt"}


def test_an_include_from_elsewhere_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, {"requirements.txt": "-r https://example.com/requirements.txt"})
    assert "is included from elsewhere" in said


def test_a_requirements_file_that_is_a_link_out_is_refused(tmp_path: Path) -> None:
    one = source(tmp_path, {"main.py": ""})
    (one.folder / "requirements.txt").symlink_to("/etc/passwd")
    with pytest.raises(Refused, match=r"requirements.txt, line 1: .* is a link that leads out"):
        check_python(one, "requirements.txt")


TOML = {
    "pyproject.toml": [
        '[tool.uv.sources]\nthing = {{ path = "{}" }}',
        '[tool.uv.sources]\nthing = {{ path = "{}", editable = true }}',
        '[tool.uv.sources]\nthing = [{{ path = "{}", marker = "x" }}]',
        '[tool.uv]\nfind-links = ["{}"]',
        '[tool.uv.workspace]\nmembers = ["{}"]',
        '[[tool.uv.index]]\nurl = "{}"',
        '[tool.uv.pip]\nfind-links = ["{}"]',
        '[project]\nname = "x"\ndependencies = ["thing @ {}"]',
        '[project.optional-dependencies]\nx = ["thing @ {}"]',
        '[dependency-groups]\nx = ["thing @ {}"]',
        '[build-system]\nrequires = ["thing @ {}"]',
        '[build-system]\nbackend-path = ["{}"]',
        '[project]\nname = "x"\nreadme = "{}"',
        '[project]\nname = "x"\nlicense = {{ file = "{}" }}',
        '[tool.poetry.dependencies]\nthing = {{ path = "{}" }}',
        '[tool.poetry.group.dev.dependencies]\nthing = {{ path = "{}" }}',
        '[[tool.poetry.source]]\nname = "x"\nurl = "{}"',
        '[[tool.pdm.source]]\nname = "x"\nurl = "{}"',
        '[tool.setuptools.dynamic]\ndependencies = {{ file = ["{}"] }}',
    ],
    "uv.toml": ['find-links = ["{}"]', '[[index]]\nurl = "{}"', '[pip]\nfind-links = ["{}"]'],
    "uv.lock": [
        '[[package]]\nname = "x"\nsource = {{ directory = "{}" }}',
        '[[package]]\nname = "x"\nsource = {{ editable = "{}" }}',
        '[[package]]\nname = "x"\nsource = {{ virtual = "{}" }}',
        '[[package]]\nname = "x"\nsource = {{ path = "{}" }}',
        '[[package]]\nname = "x"\nsource = {{ registry = "{}" }}',
        '[[package]]\nname = "x"\nwheels = [{{ path = "{}" }}]',
        '[[package]]\nname = "x"\nsdist = {{ url = "{}" }}',
    ],
    "pdm.lock": ['[[package]]\nname = "x"\npath = "{}"'],
    "Pipfile": ['[packages]\nthing = {{ path = "{}" }}', '[packages]\nthing = {{ file = "{}", editable = true }}'],
    "Pipfile.lock": ['{{"default": {{"thing": {{"path": "{}"}}}}}}'],
    "environment.yml": ["dependencies:\n- pip:\n  - -r {}\n", "dependencies:\n- pip:\n  - thing @ {}\n"],
    "setup.cfg": ["[options]\ninstall_requires = file: {}"],
    "poetry.lock": ['[[package]]\nname = "x"\n[package.source]\ntype = "directory"\nurl = "{}"'],
}


@pytest.mark.parametrize("path", OUT)
@pytest.mark.parametrize(("file", "form"), [(file, form) for file, forms in TOML.items() for form in forms])
def test_no_project_or_lock_file_leads_out(tmp_path: Path, file: str, form: str, path: str) -> None:
    said = refusal(tmp_path, {file: form.format(path)}, "")
    assert said.startswith(f"{file}, line ")
    assert path in said
    assert "leads out of the source" in said


@pytest.mark.parametrize("setting", ['cache-dir = "x"', 'target = "x"', "[pip]\nprefix = 'x'"])
def test_uvs_settings_do_not_move_what_is_fairways(tmp_path: Path, setting: str) -> None:
    assert "is Fairway's to decide" in refusal(tmp_path / "alone", {"uv.toml": setting})
    moved = setting.replace("[pip]", "[tool.uv.pip]")
    assert "is Fairway's to decide" in refusal(tmp_path, {"pyproject.toml": f"[tool.uv]\n{moved}"})


PACKAGES = [
    {"dependencies": {"thing": "<path>"}},
    {"devDependencies": {"thing": "<path>"}},
    {"optionalDependencies": {"thing": "<path>"}},
    {"peerDependencies": {"thing": "<path>"}},
    {"overrides": {"thing": {"other": "<path>"}}},
    {"workspaces": ["<path>"]},
    {"workspaces": {"packages": ["<path>"]}},
]
LOCKED = [
    {"packages": {"": {}, "<path>": {"version": "1.0.0"}}},
    {"packages": {"node_modules/thing": {"resolved": "<path>", "link": True}}},
    {"packages": {"": {"dependencies": {"thing": "<path>"}}}},
    {"dependencies": {"thing": {"version": "<path>"}}},
    {"dependencies": {"a": {"version": "1.0.0", "dependencies": {"thing": {"version": "<path>"}}}}},
]


@pytest.mark.parametrize("path", [*OUT, "link:../secret", "link:/etc"])
@pytest.mark.parametrize(
    ("file", "form"),
    [
        *(("package.json", form) for form in PACKAGES),
        *((lock, form) for lock in ("package-lock.json", "npm-shrinkwrap.json") for form in LOCKED),
    ],
    ids=str,
)
def test_no_package_or_lock_file_of_npm_leads_out(tmp_path: Path, file: str, form: object, path: str) -> None:
    said = refusal(tmp_path, {file: json.dumps(form, indent=1).replace("<path>", path)})
    assert said.startswith(f"{file}, line ")
    assert "leads out of the source" in said


@pytest.mark.parametrize(
    "line",
    [
        "cache=/x",
        "prefix = /x",
        "userconfig=/x",
        "globalconfig=x",
        "script-shell=/x",
        "node-options=--require ./x",
        "git=/x",
    ],
)
def test_npms_settings_do_not_move_what_is_fairways(tmp_path: Path, line: str) -> None:
    assert refusal(tmp_path, {".npmrc": f"# ours\n{line}"}).startswith(".npmrc, line 2: “")


@pytest.mark.parametrize(
    "line", ["cafile=/etc/shadow", "//registry.example/:certfile=../x", "registry=file:///etc", "cafile=${HOME}/x"]
)
def test_npms_settings_do_not_lead_out(tmp_path: Path, line: str) -> None:
    assert "leads out of the source" in refusal(tmp_path, {".npmrc": line})


OTHERS = {
    "pnpm-workspace.yaml": ["packages:\n  - <path>", "overrides:\n  thing: <path>", "patchedDependencies: {thing: <path>}"],
    "pnpm-lock.yaml": [
        "importers:\n  .:\n    version: link:<path>",
        "packages:\n  thing@file:<path>:\n    resolution: {directory: <path>, type: directory}",
        "packages:\n  x:\n    resolution: {tarball: file:<path>}",
    ],
    "yarn.lock": ['"thing@file:<path>":\n  version "1"', 'thing@1:\n  resolved "file:<path>"'],
    "bun.lock": ['{"packages": {"thing": ["thing@file:<path>"]}}'],
    ".yarnrc.yml": ["yarnPath: <path>", "plugins:\n  - path: <path>", "npmScopes: {x: {httpsCaFilePath: <path>}}"],
    "bunfig.toml": ['[install]\ncafile = "<path>"', '[install.cache]\ndir = "<path>"'],
}


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret", "a/../../secret", "./out/x"])
@pytest.mark.parametrize(("file", "form"), [(file, form) for file, forms in OTHERS.items() for form in forms])
def test_no_file_of_the_other_package_managers_leads_out(tmp_path: Path, file: str, form: str, path: str) -> None:
    said = refusal(tmp_path, {"package.json": "{}", file: form.replace("<path>", path)})
    assert said.startswith(f"{file}, line ")
    assert "leads out of the source" in said


def test_packages_of_a_workspace_are_checked_too(tmp_path: Path) -> None:
    member = json.dumps({"name": "b", "dependencies": {"a": "file:../../out"}})
    files = {"package.json": '{"workspaces": ["packages/*"]}', "packages/b/package.json": member}
    assert refusal(tmp_path, files).startswith("packages/b/package.json, line 1: “file:../../out” leads out of the source")


@pytest.mark.parametrize(("file", "line"), [("pnpm-workspace.yaml", "storeDir: x"), (".yarnrc.yml", "cacheFolder: x")])
def test_where_caches_lie_is_fairways_to_decide(tmp_path: Path, file: str, line: str) -> None:
    assert refusal(tmp_path, {file: f"# ours\n{line}"}).startswith(f"{file}, line 2: “")


def test_what_lies_inside_is_nobodys_business(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "-r deps/base.txt\n-e ./lib\nflask[async]>=3 ; python_version > '3' # why not\n"
        "--extra-index-url https://user:pass@index.example/simple\nthing @ https://example.com/thing-1.0.whl\n"
        "other @ git+https://example.com/x.git@v1\n--find-links ./wheels\nsix==1.0 --hash=sha256:ab/c\n./lib\nfile:lib\n",
        "deps/base.txt": "-c ../constraints.txt\n../lib\n",
        "constraints.txt": "six<2",
        "lib/pyproject.toml": "",
        "wheels/x": "",
        "README.md": "",
        "pyproject.toml": '[project]\nname = "x"\nreadme = "README.md"\nlicense = "MIT"\n'
        '[tool.uv.sources]\nlib = { path = "lib" }\nx = { git = "https://example.com/x" }\n'
        '[tool.uv.workspace]\nmembers = ["lib/*"]\n'
        '[[tool.uv.index]]\nurl = "https://index.example/simple"\n',
        "uv.lock": '[[package]]\nname = "x"\nsource = { editable = "." }\n[[package]]\nname = "y"\n'
        'source = { registry = "https://pypi.org/simple" }\nwheels = [{ url = "https://x.example/y.whl" }]\n',
        "poetry.lock": '[[package]]\nname = "x"\nfiles = [{ file = "x-1.0.whl", hash = "sha256:x" }]\n',
        "package.json": json.dumps(
            {"dependencies": {"a": "^1.0.0", "b": "file:lib", "c": "user/repo", "d": "npm:x@1", "e": "*", "f": "git+ssh://git@x/y"},
             "workspaces": ["packages/*"], "scripts": {"build": "../../anything"}}
        ),
        "package-lock.json": json.dumps(
            {"packages": {"": {}, "lib": {}, "node_modules/b": {"resolved": "lib", "link": True},
                          "node_modules/a": {"version": "1.0.0", "resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz"}}}
        ),
        "pnpm-workspace.yaml": "packages: ['packages/*', '!packages/x']\ncatalog: {react: ^18.0.0}\nonlyBuilt: [esbuild]\n",
        "pnpm-lock.yaml": "lockfileVersion: '9.0'\nimporters:\n  packages/a:\n    dependencies:\n      b:\n"
        "        specifier: workspace:*\n        version: link:lib\npackages:\n  a@1.0.0:\n"
        "    resolution: {integrity: sha512-a/b==, tarball: https://x.example/a.tgz}\n",
        "yarn.lock": '"a@npm:^1":\n  resolution: "a@npm:1.0.0"\n  checksum: 10c0/../x\n"b@workspace:lib":\n  version: 0\n',
        ".yarnrc.yml": "yarnPath: .yarn/releases/yarn-4.1.0.cjs\nnodeLinker: pnp\nnpmRegistryServer: 'https://registry.example'\n",
        "bunfig.toml": '[install]\nregistry = "https://registry.example"\n',
        "packages/a/package.json": '{"name": "a", "dependencies": {"b": "workspace:*", "c": "catalog:"}}',
        ".npmrc": "registry=https://registry.example/\n//registry.example/:_authToken=${TOKEN}\nsave-exact=true\ncafile=ca.pem\n",
    }  # fmt: skip
    assert refusal(tmp_path, files) == ""
