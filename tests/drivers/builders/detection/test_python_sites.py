"""Static sites that a Python program builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from .told import best

SPHINX = "project = 'x'\nextensions = []\n"
CASES: dict[str, tuple[dict[str, str], str, str, str, list[str]]] = {
    "mkdocs": (
        {"requirements.txt": "mkdocs-material", "mkdocs.yml": "site_name: x\n"},
        "MkDocs",
        "mkdocs build -d site",
        "site",
        [],
    ),
    "mkdocs without a list": (
        {"mkdocs.yml": "site_name: x\n", "docs/index.md": "# x"},
        "MkDocs",
        "mkdocs build -d site",
        "site",
        ["mkdocs"],
    ),
    "mkdocs with a theme": (
        {"mkdocs.yml": "site_name: x\ntheme:\n  features: [a]\n  name: material\n"},
        "MkDocs",
        "mkdocs build -d site",
        "site",
        ["mkdocs-material"],
    ),
    "sphinx": (
        {"docs/conf.py": SPHINX, "docs/index.rst": "x"},
        "Sphinx",
        "sphinx-build -b html docs _site",
        "_site",
        ["sphinx"],
    ),
    "sphinx with a list": (
        {"requirements.txt": "sphinx\nfuro", "docs/source/conf.py": SPHINX},
        "Sphinx",
        "sphinx-build -b html docs/source _site",
        "_site",
        [],
    ),
    "pelican": (
        {"requirements.txt": "pelican[markdown]\nmarkdown", "pelicanconf.py": "SITENAME = 'x'", "publishconf.py": "x = 1"},
        "Pelican",
        "pelican content -o output -s publishconf.py",
        "output",
        [],
    ),
}


def test_the_list_of_the_documentation_is_installed(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "flask",
        "docs/requirements.txt": "Sphinx>=7\nfuro",
        "docs/conf.py": SPHINX,
        "docs/index.rst": "x",
    }
    spec = best(tmp_path, files).spec
    assert spec.install == {"from": "docs/requirements.txt", "publish": "_site", "by": "python"}


@pytest.mark.parametrize("name", CASES)
def test_a_site_is_built_by_its_program(tmp_path: Path, name: str) -> None:
    files, framework, command, publish, packages = CASES[name]
    spec = best(tmp_path, files).spec
    assert (spec.kind, spec.framework, " ".join(spec.build or ())) == ("static", framework, command)
    assert (spec.install["publish"], spec.install["by"], spec.install.get("add", [])) == (publish, "python", packages)
