"""The repositories that a token may read at a forge.

Sources: docs.github.com “List repositories for the authenticated user”; docs.gitlab.com “List all projects”; docs.gitea.com
“userCurrentListRepos”.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from fairway.drivers.forges.asking import api_of, moment_in, rows_in
from fairway.drivers.forges.contract import Forge
from fairway.drivers.forges.statuses import Place
from fairway.drivers.posting import Line

MOST_PAGES = 10  # that are looked through: a thousand repositories at GitHub and GitLab, 500 at Gitea


@dataclass(frozen=True)
class Repository:
    """One repository. `url` is the address to clone from by https, `branch` its default branch ("" if it is empty)."""

    path: str
    url: str
    branch: str
    is_private: bool
    description: str
    moved_at: datetime | None


@dataclass(frozen=True)
class Found:
    """The repositories that match, those that changed last first. `is_all`: there are no more than were looked through."""

    repositories: tuple[Repository, ...]
    is_all: bool


def repositories(line: Line, place: Place, search: str = "", most: int = 50) -> Found:
    """At most `most` repositories that the token of `place` may read and whose path or description contains `search`;
    archived ones are left out. Raises `NotTaken`."""
    ask, read = {
        Forge.GITHUB: (_github, _of_github),
        Forge.GITEA: (_gitea, _of_github),
        Forge.GITLAB: (_gitlab, _of_gitlab),
    }[place.forge]
    wanted = search.strip().lower()
    found: list[Repository] = []
    for rows, is_last in ask(line, place, search.strip()):
        for row in rows:
            one = read(row)
            if one is None or row.get("archived") is True or not _matches(one, wanted):
                continue
            if len(found) == most:
                return Found(tuple(found), is_all=False)
            found.append(one)
        if is_last:
            return Found(tuple(found), is_all=True)
    return Found(tuple(found), is_all=False)


Pages = Iterator[tuple[list[Mapping[str, Any]], bool]]


def _github(line: Line, place: Place, _search: str) -> Pages:
    return _pages(line, place, "/user/repos", {"sort": "pushed", "per_page": 100}, 100)


def _gitea(line: Line, place: Place, _search: str) -> Pages:
    return _pages(line, place, "/user/repos", {"limit": 50}, 50)


def _gitlab(line: Line, place: Place, search: str) -> Pages:
    asked = {"membership": "true", "archived": "false", "order_by": "last_activity_at", "per_page": 100}
    found_by = {"search": search, "search_namespaces": "true"} if search else {}
    return _pages(line, place, "/projects", {**asked, **found_by}, 100)


def _pages(line: Line, place: Place, path: str, asked: Mapping[str, object], size: int) -> Pages:
    api = api_of(line, place)
    for page in range(1, MOST_PAGES + 1):
        _status, found = api.ask("GET", f"{path}?{urlencode({**asked, 'page': page})}")
        rows = rows_in(found)
        yield rows, len(rows) < size
        if len(rows) < size:
            return


def _matches(one: Repository, wanted: str) -> bool:
    return wanted in f"{one.path} {one.description}".lower()


def _of_github(row: Mapping[str, Any]) -> Repository | None:
    moved = row.get("pushed_at") or row.get("updated_at")
    return _repository(row, "full_name", "clone_url", is_private=row.get("private") is True, moved=moved)


def _of_gitlab(row: Mapping[str, Any]) -> Repository | None:
    is_private = row.get("visibility", "private") != "public"
    return _repository(
        row, "path_with_namespace", "http_url_to_repo", is_private=is_private, moved=row.get("last_activity_at")
    )


def _repository(row: Mapping[str, Any], path: str, url: str, *, is_private: bool, moved: Any) -> Repository | None:
    if not (row.get(path) and str(row.get(url, "")).startswith("https://")):
        return None
    return Repository(
        path=_line(row.get(path))[:250],
        url=_line(row.get(url))[:500],
        branch=_line(row.get("default_branch"))[:250],
        is_private=is_private,
        description=_line(row.get("description"))[:200],
        moved_at=moment_in(moved),
    )


def _line(text: Any) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in str(text or "")).strip()
