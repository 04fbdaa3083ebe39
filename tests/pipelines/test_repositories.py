"""A repository for a new application is chosen from those that a stored credential may read."""

from __future__ import annotations

from typing import Any

import pytest

from fairway.accounts.rules import SYSTEM, Actor, Blocked, NotVisible
from fairway.applications.credential_commands import save_credential
from fairway.drivers.forges.statuses import api_url_at
from fairway.pipelines import repositories as ours
from fairway.pipelines.repositories import credentials_to_choose_from, forge_at, repositories_of
from fairway.shared.failures import Refused
from tests.pipelines.conftest import forge
from tests.services.forge import TOKEN, FakeForge, Trick

pytestmark = pytest.mark.django_db
__all__ = ["forge"]  # fixture
HOSTS = {"github": "github.com", "gitlab": "gitlab.example.com", "gitea": "gitea.example.com:3000"}
KINDS = pytest.mark.parametrize("kind", list(HOSTS))


def repository(path: str, **more: Any) -> dict[str, Any]:
    """A repository as both GitHub and GitLab tell of it."""
    url = f"https://git.example.com/{path}.git"
    told = {
        "full_name": path, "path_with_namespace": path, "clone_url": url, "http_url_to_repo": url, "private": True,
        "visibility": "private", "default_branch": "main", "description": "About it", "archived": False,
        "pushed_at": "2026-11-30T10:00:00Z", "last_activity_at": "2026-11-30T10:00:00Z",
    }  # fmt: skip
    return {**told, **more}


def store(forge: FakeForge, monkeypatch: pytest.MonkeyPatch, kind: str = "github", **more: Any) -> None:
    """A credential of a forge that is played by `forge`."""
    api = {"github": "", "gitlab": "/api/v4", "gitea": "/api/v1"}[kind]
    monkeypatch.setattr(ours, "api_url_at", lambda *_: f"{forge.address}{api}")
    values = {"kind": "https", "host": HOSTS[kind], "username": "bot", "secret": TOKEN, **more}
    save_credential(actor=SYSTEM, name="bot", **values)


@KINDS
def test_they_are_listed_with_what_is_needed_to_choose(
    forge: FakeForge, deployer: Actor, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    store(forge, monkeypatch, kind)
    forge.repositories = [
        repository("acme/shop"),
        repository("acme/old", archived=True),
        repository("acme/empty", default_branch=None, private=False, visibility="public", description=None),
        {"full_name": "acme/odd"},
        repository("acme/file", clone_url="file:///etc", http_url_to_repo="file:///etc"),
    ]
    found = repositories_of(deployer, "bot")
    shop, empty = found.repositories
    assert (shop.path, shop.url, shop.branch, shop.is_private) == (
        "acme/shop", "https://git.example.com/acme/shop.git", "main", True,
    )  # fmt: skip
    assert (empty.branch, empty.is_private, empty.description) == ("", False, "")
    assert found.is_all


@KINDS
def test_one_of_many_is_found(forge: FakeForge, deployer: Actor, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    store(forge, monkeypatch, kind)
    forge.repositories = [repository(f"acme/app-{number}") for number in range(230)]
    assert [one.path for one in repositories_of(deployer, "bot", " APP-217 ").repositories] == ["acme/app-217"]
    some = repositories_of(deployer, "bot")
    assert (len(some.repositories), some.is_all) == (50, False)


def test_a_forge_without_end_is_not_read_for_ever(
    forge: FakeForge, deployer: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(forge, monkeypatch)
    forge.repositories = [repository(f"acme/app-{number}") for number in range(1500)]
    found = repositories_of(deployer, "bot", "app-1499")
    assert (found.repositories, found.is_all, len(forge.asked)) == ((), False, 10)


@pytest.mark.parametrize(
    ("trick", "words"),
    [
        (Trick(status=401), "does not accept the token"),
        (Trick(status=403), "Give it the right to read them"),
        (Trick(status=403, headers={"X-RateLimit-Remaining": "0"}), "asks to wait"),
        (Trick(status=502), "could not take it"),
        (Trick(), "cannot be reached"),
        (Trick(status=200, body="<html>"), ""),
    ],
)
def test_what_goes_wrong_is_said(
    forge: FakeForge, deployer: Actor, monkeypatch: pytest.MonkeyPatch, trick: Trick, words: str
) -> None:
    store(forge, monkeypatch)
    forge.will(trick)
    if not words:
        assert repositories_of(deployer, "bot").repositories == ()
        return
    with pytest.raises(Refused, match=words) as refused:
        repositories_of(deployer, "bot")
    assert TOKEN not in str(refused.value)


def test_only_those_of_credentials_that_the_new_application_could_use(
    forge: FakeForge, deployer: Actor, viewer: Actor, staging: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(forge, monkeypatch)
    save_credential(actor=SYSTEM, kind="https", name="unknown", host="git.example.com", username="x", secret="s")
    save_credential(
        actor=SYSTEM, kind="https", name="narrow", host="github.com", username="x", secret="s", scopes=[("", "staging")]
    )
    save_credential(actor=SYSTEM, kind="registry", name="images", host="registry.github.com", username="x", secret="s")
    assert [one.name for one in credentials_to_choose_from(deployer)] == ["bot"]
    for name in ("unknown", "narrow", "images", "nothing"):
        with pytest.raises(NotVisible):
            repositories_of(deployer, name)
    with pytest.raises(Blocked):
        repositories_of(viewer, "bot")
    assert forge.asked == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("github.com", "https://api.github.com"),
        ("github.acme.example", "https://github.acme.example/api/v3"),
        ("gitlab.com", "https://gitlab.com/api/v4"),
        ("gitlab.acme.example:8443", "https://gitlab.acme.example:8443/api/v4"),
        ("codeberg.org", "https://codeberg.org/api/v1"),
        ("git.example.com", ""),
    ],
)
def test_the_forge_follows_from_the_name_of_its_host(host: str, expected: str) -> None:
    found = forge_at(host)
    assert (api_url_at(found, host) if found else "") == expected
