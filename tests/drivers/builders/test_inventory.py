"""What is in an artifact: as others list it, and never more than a list with less in it where something is odd."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from fairway.drivers.builders import inventory
from fairway.drivers.builders.inventory import Component, of_bundle, of_source

CADDY = Path(sys.prefix) / "bin" / "caddy"


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def names(found: list[Component]) -> list[str]:
    return [one.purl for one in found]


def test_pythons_own_list_of_an_environment_is_the_same():
    found = {one.purl for one in of_bundle(Path(sys.prefix)) if one.purl.startswith("pkg:pypi/")}
    normal = {
        f"pkg:pypi/{re.sub(r'[-_.]+', '-', one.name).lower()}@{one.version}"
        for one in distributions(path=[str(next(Path(sys.prefix).glob("lib/python3*/site-packages")))])
    }
    assert found == normal
    assert len(found) > 50


def test_caddys_own_list_of_its_modules_is_the_same(tmp_path):
    (tmp_path / "app").mkdir()
    os.link(CADDY, tmp_path / "app" / "server") if os.stat(CADDY).st_dev == os.stat(tmp_path).st_dev else (
        (tmp_path / "app" / "server").write_bytes(CADDY.read_bytes()),
        (tmp_path / "app" / "server").chmod(0o755),
    )
    told = subprocess.run([CADDY, "build-info"], capture_output=True, text=True, check=True).stdout
    modules = {}
    last = ""
    for line in told.splitlines():
        kind, *words = line.split() or [""]
        if kind == "dep":
            last = words[0]
            modules[last] = words[1]
        elif kind == "=>":
            modules.pop(last)
            modules[words[0]] = words[1]
    found = {one.name: one.version for one in of_bundle(tmp_path)}
    stdlib = found.pop("stdlib")
    assert found == modules
    assert len(found) > 20
    assert re.fullmatch(r"1\.\d+(\.\d+)?", stdlib)


def test_installed_packages_of_node_count_and_files_of_theirs_do_not(tmp_path):
    put(
        tmp_path / "app",
        {
            "package.json": '{"name": "mine", "version": "1.0.0"}',
            "node_modules/left-pad/package.json": '{"name": "left-pad", "version": "1.3.0", "license": "WTFPL"}',
            "node_modules/left-pad/test/package.json": '{"name": "no", "version": "1.0.0"}',
            "node_modules/@scope/it/package.json": '{"name": "@scope/it", "version": "2.0.0", "license": {"type": "MIT"}}',
            "node_modules/@scope/it/node_modules/left-pad/package.json": '{"name": "left-pad", "version": "1.1.0"}',
            "node_modules/broken/package.json": "{",
            "node_modules/odd/package.json": "[1]",
            "node_modules/nameless/package.json": '{"version": "1"}',
        },
    )
    assert of_bundle(tmp_path) == [
        Component("pkg:npm/%40scope/it@2.0.0", "@scope/it", "2.0.0"),
        Component("pkg:npm/left-pad@1.1.0", "left-pad", "1.1.0"),
        Component("pkg:npm/left-pad@1.3.0", "left-pad", "1.3.0", "WTFPL"),
    ]


def test_lock_files_of_a_source_are_read(tmp_path):
    lock = {"packages": {
        "": {"name": "mine", "version": "1.0.0"},
        "node_modules/a": {"version": "1.0.0", "license": "MIT"},
        "node_modules/b/node_modules/@s/c": {"version": "2.0.0"},
        "node_modules/d": {"version": "3.0.0", "dev": True},
        "node_modules/e": {"resolved": "packages/e", "link": True},
    }}  # fmt: skip
    put(
        tmp_path,
        {
            "web/package-lock.json": json.dumps(lock),
            "uv.lock": '[[package]]\nname = "mine"\nversion = "0"\nsource = { virtual = "." }\n'
            '[[package]]\nname = "Flask"\nversion = "3.1.0"\nsource = { registry = "https://pypi.org/simple" }\n',
            "requirements.txt": "requests[socks]==2.32.0 ; python_version > '3'\nnumpy>=1\n-r other.txt\n"
            "httpx == 0.28.1 # why\n",
            "go.sum": "golang.org/x/text v0.3.0 h1:abc=\ngolang.org/x/text v0.3.0/go.mod h1:def=\nrubbish\n",
            "poetry.lock": "not = [toml",
            "Cargo.lock": '[[package]]\nname = "mine"\nversion = "0.1.0"\n'
            '[[package]]\nname = "serde"\nversion = "1.0.1"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\n',
            "composer.lock": json.dumps(
                {
                    "packages": [{"name": "monolog/monolog", "version": "3.0.0"}],
                    "packages-dev": [{"name": "phpunit/phpunit", "version": "11.0.0"}],
                }
            ),
            "Gemfile.lock": "GEM\n  remote: https://rubygems.org/\n  specs:\n    rack (3.1.0)\n    rails (8.0.0)\n"
            "      rack (>= 2.2)\n\nDEPENDENCIES\n  rails (~> 8.0)\n",
            "node_modules/x/package-lock.json": json.dumps(lock).replace("1.0.0", "9.9.9"),
        },
    )
    assert names(of_source(tmp_path)) == [
        "pkg:cargo/serde@1.0.1",
        "pkg:composer/monolog/monolog@3.0.0",
        "pkg:gem/rack@3.1.0",
        "pkg:gem/rails@8.0.0",
        "pkg:golang/golang.org/x/text@v0.3.0",
        "pkg:npm/%40s/c@2.0.0",
        "pkg:npm/a@1.0.0",
        "pkg:pypi/flask@3.1.0",
        "pkg:pypi/httpx@0.28.1",
        "pkg:pypi/requests@2.32.0",
    ]


def test_links_lead_nowhere_and_odd_files_end_nothing(tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text("Name: secret\nVersion: 1\n\n")
    bundle = put(tmp_path / "bundle", {"app/x": "1", ".venv/lib/a-1.dist-info/METADATA": "Name: a\nVersion: 1\n\n"})
    (bundle / ".venv/lib/b-1.dist-info").mkdir()
    (bundle / ".venv/lib/b-1.dist-info/METADATA").symlink_to(secret)
    (bundle / "app/round").symlink_to(bundle)
    (bundle / "app/go").write_bytes(b"x" * 100 + inventory.GO_MAGIC + b"\x08\x02" + b"\0" * 16 + b"\xff" * 20)
    (bundle / "app/go").chmod(0o755)
    (bundle / "app/empty").touch(0o755)
    os.mkfifo(bundle / "app/package.json")
    assert names(of_bundle(bundle)) == ["pkg:pypi/a@1"]
    monkeypatch.setattr(inventory, "LARGEST", 3)
    assert of_bundle(bundle) == []


@pytest.mark.parametrize("text", ["version = 3.12.4", "version_info = 3.12.4.final.0"])
def test_the_python_of_an_environment_counts(tmp_path, text):
    put(tmp_path, {".venv/pyvenv.cfg": f"home = /usr/bin\n{text}\n"})
    assert names(of_bundle(tmp_path)) == ["pkg:generic/cpython@3.12.4"]
