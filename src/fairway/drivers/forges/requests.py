"""Reads what a webhook says about a pull or merge request, after its signature was verified. Pure.

Whoever opens a request writes most of it, so every word is checked, and what is missing about where it comes from counts
against it: then it comes from a fork.

Sources: docs.github.com “Webhook events and payloads: pull_request”, docs.gitlab.com “Merge request events”, docs.gitea.com
“Webhooks”.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from fairway.drivers.forges.contract import ChangeRequest, Forge, NotAccepted, Told
from fairway.drivers.forges.payloads import COMMIT, ref_name
from fairway.shared import facts

LARGEST = 999_999_999
# What changes a request's commit, its target, or whether it is open. Labels, reviews and comments do not.
_ACTIONS = frozenset({"opened", "synchronize", "synchronized", "reopened", "closed", "edited"})
_GITLAB = frozenset({"open", "update", "reopen", "close", "merge"})


def is_request(told: Told) -> bool:
    """Whether this is about a pull or merge request itself."""
    return told.event in ({"Merge Request Hook"} if told.forge is Forge.GITLAB else {"pull_request", "pull_request_sync"})


def parse_request(told: Told, payload: Mapping[str, Any]) -> ChangeRequest | None:
    """The request as it is now; None if what happened to it changes no preview. Raises `NotAccepted` if it cannot be
    read."""
    return _of_gitlab(payload) if told.forge is Forge.GITLAB else _of_github(payload)


def _of_github(payload: Mapping[str, Any]) -> ChangeRequest | None:
    if payload.get("action") not in _ACTIONS:
        return None
    found = _part(payload, "pull_request")
    head, base = _part(found, "head"), _part(found, "base")
    origin, target = _part(head, "repo"), _part(base, "repo")
    same = origin.get("id")
    return ChangeRequest(
        number=_number(found.get("number")),
        is_merge=False,
        is_open=found.get("state") == "open",
        commit=_commit(head.get("sha")),
        branch=ref_name(_text(head, "ref")),
        target=ref_name(_text(base, "ref")),
        is_fork=not _is_number(same) or same != target.get("id"),
        title=facts.one_line(_text(found, "title"), 200),
        author=facts.one_line(_text(_part(found, "user"), "login"), 100),
        page=_page(found, "html_url"),
        at=_time(found.get("updated_at")),
    )


def _of_gitlab(payload: Mapping[str, Any]) -> ChangeRequest | None:
    found = _part(payload, "object_attributes")
    if found.get("action") not in _GITLAB:
        return None
    source = found.get("source_project_id")
    return ChangeRequest(
        number=_number(found.get("iid")),
        is_merge=True,
        is_open=found.get("state") in ("opened", "reopened"),
        commit=_commit(_part(found, "last_commit").get("id")),
        branch=ref_name(_text(found, "source_branch")),
        target=ref_name(_text(found, "target_branch")),
        is_fork=not _is_number(source) or source != found.get("target_project_id"),
        title=facts.one_line(_text(found, "title"), 200),
        author=facts.one_line(_text(_part(payload, "user"), "username"), 100),
        page=_page(found, "url"),
        at=_time(found.get("updated_at")),
    )


def _part(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _text(holder: Mapping[str, Any], name: str) -> str:
    found = holder.get(name)
    return found if isinstance(found, str) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> int:
    """Raises `NotAccepted`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST:
        raise NotAccepted("bad_number", f"The number of its request is not a whole number from 1 to {LARGEST}.")
    return value


def _commit(value: object) -> str:
    """Raises `NotAccepted`."""
    commit = value.lower() if isinstance(value, str) else ""
    if not COMMIT.fullmatch(commit):
        raise NotAccepted("no_commit", "It does not say which commit the request has: that is not a full commit id.")
    return commit


def _page(holder: Mapping[str, Any], name: str) -> str:
    """The address of the request's page, "" unless it is one that a page may link to."""
    url = _text(holder, name)
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_good = parts.scheme in ("https", "http") and parts.hostname and len(url) <= 500 and url.isprintable()
    return url if is_good and not any(sign in url for sign in " \"'<>\\") else ""


def _time(value: object) -> datetime | None:
    """GitHub and Gitea say ``2026-11-30T12:00:00Z``; GitLab says that or ``2026-11-30 12:00:00 UTC``."""
    text = value.strip().removesuffix(" UTC") if isinstance(value, str) else ""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if 1970 < found.year < 9000 else None
