"""Which forge a repository is at, where its API is, and how it compares two commits."""

from __future__ import annotations

import pytest

from fairway.drivers.forges.contract import Forge
from fairway.drivers.forges.statuses import Place, api_url_of, compare_url, forge_of, project_of


@pytest.mark.parametrize(
    ("address", "forge", "api", "project"),
    [
        ("https://github.com/Acme/Shop.git", Forge.GITHUB, "https://api.github.com", "Acme/Shop"),
        ("git@github.com:Acme/Shop.git", Forge.GITHUB, "https://api.github.com", "Acme/Shop"),
        ("https://github.acme.test/a/b", Forge.GITHUB, "https://github.acme.test/api/v3", "a/b"),
        ("https://gitlab.com/a/b/c.git/", Forge.GITLAB, "https://gitlab.com/api/v4", "a/b/c"),
        ("ssh://git@gitlab.acme.test:2222/a/b.git", Forge.GITLAB, "https://gitlab.acme.test/api/v4", "a/b"),
        ("https://gitea.acme.test:3000/a/b", Forge.GITEA, "https://gitea.acme.test:3000/api/v1", "a/b"),
        ("https://codeberg.org/a/b", Forge.GITEA, "https://codeberg.org/api/v1", "a/b"),
    ],
)
def test_a_repository_tells_its_forge(address: str, forge: Forge, api: str, project: str) -> None:
    assert forge_of(address) is forge
    assert api_url_of(forge, address) == api
    assert project_of(address) == project


@pytest.mark.parametrize("address", ["https://code.acme.test/a/b.git", "https://github.com", "", "nonsense"])
def test_others_are_not_guessed(address: str) -> None:
    assert forge_of(address) is None or project_of(address) == ""


def test_each_forge_compares_in_its_own_way() -> None:
    at_github = compare_url("git@github.com:acme/shop.git", "1" * 40, "main", Forge.GITHUB)
    assert at_github == f"https://github.com/acme/shop/compare/{'1' * 40}...main"
    at_gitlab = compare_url("https://gitlab.com/acme/shop", "1", "2", Forge.GITLAB)
    assert at_gitlab == "https://gitlab.com/acme/shop/-/compare/1...2"
    assert compare_url("https://codeberg.org/a/b", "1", "2", Forge.GITEA) == "https://codeberg.org/a/b/compare/1...2"
    assert compare_url("https://gitlab.com/acme/shop", "1", "1", Forge.GITLAB) == ""
    assert compare_url("https://gitlab.com/acme/shop", "", "1", Forge.GITLAB) == ""
    assert '"' not in compare_url("https://github.com/a/b", "1", 'x"><script>', Forge.GITHUB)


def test_a_place_does_not_show_its_token() -> None:
    assert "hush" not in repr(Place(Forge.GITHUB, "https://api.github.com", "a/b", "hush"))
