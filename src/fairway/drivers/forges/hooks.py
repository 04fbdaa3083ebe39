"""Webhooks of a repository: installed, changed, looked at and removed by Fairway.

Sources: docs.github.com “REST API endpoints for repository webhooks”, “… repository webhook deliveries”; docs.gitlab.com
“Project webhooks API”; docs.gitea.com “repoCreateHook”.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from fairway.drivers.forges.asking import Api, api_of, moment_in, rows_in
from fairway.drivers.forges.statuses import Place
from fairway.drivers.posting import Line
from fairway.drivers.taking import NotTaken, Trouble

PER_PAGE = 100
MOST_PAGES = 10  # of webhooks that are looked through; GitHub allows 20 of a repository
SHOWN = 20  # what was sent last
GONE = frozenset({404, 410})
GOOD = range(200, 300)


@dataclass(frozen=True)
class Hook:
    """A webhook as it shall be: where it posts to, and what it signs with. `is_of_requests`: it tells of pull or merge
    requests instead of pushes."""

    url: str
    secret: str = field(repr=False)
    is_of_requests: bool = False


@dataclass(frozen=True)
class Sent:
    """One request that a forge sent to a webhook. `status` is what it was answered, 0 if there was no answer."""

    number: str
    at: datetime | None
    event: str
    status: int

    @property
    def is_taken(self) -> bool:
        return self.status in GOOD


class Hooks(Protocol):
    """The webhooks of one repository. Every method raises `NotTaken`, and may be called again after it was cut: nothing is
    doubled."""

    def ensure(self, hook: Hook, number: str) -> str:
        """Bring the webhook with this number up to date, or make it; returns its number. Without a number, and if somebody
        deleted it, it is looked for by its URL first."""

    def remove(self, hook: Hook, number: str) -> None:
        """Delete it. It is no error that it is gone."""

    def sent(self, number: str) -> list[Sent] | None:
        """What was sent last, newest first; None if this forge does not tell. Raises `NotTaken` if the webhook is gone."""

    def send_again(self, number: str, sent: str) -> None:
        """Have the forge send the request with the number `sent` once more."""


class _Listed(ABC):
    """Webhooks that are listed, made, changed and deleted below one path."""

    change = "PATCH"

    def __init__(self, api: Api, at: str) -> None:
        self._api, self._at = api, at

    def ensure(self, hook: Hook, number: str) -> str:
        content = self._content(hook)
        for known in filter(None, (number, "" if number else self._found(hook))):
            status, _said = self._api.ask(self.change, self._one(known), content, accepts=GONE)
            if status in GOOD:
                return known
        if number and (other := self._found(hook)):
            self._api.ask(self.change, self._one(other), content)
            return other
        _status, made = self._api.ask("POST", self._at, {**self._first(), **content})
        return _number_of(made)

    def remove(self, hook: Hook, number: str) -> None:
        for known in filter(None, (number, self._found(hook))):
            self._api.ask("DELETE", self._one(known), accepts=GONE)

    def _one(self, number: str) -> str:
        return f"{self._at}/{quote(number, safe='')}"

    def _found(self, hook: Hook) -> str:
        for page in range(1, MOST_PAGES + 1):
            _status, listed = self._api.ask("GET", f"{self._at}?{urlencode({'per_page': PER_PAGE, 'page': page})}")
            rows = rows_in(listed)
            if found := next((one for one in rows if self._url_of(one) == hook.url), None):
                return _number_of(found)
            if len(rows) < PER_PAGE:
                break
        return ""

    @abstractmethod
    def _content(self, hook: Hook) -> dict[str, Any]:
        """The webhook as this forge wants it."""

    def _first(self) -> dict[str, Any]:
        return {}

    def _url_of(self, one: Mapping[str, Any]) -> str:
        config = one.get("config")
        return str(config.get("url", "")) if isinstance(config, dict) else ""


class GitHubHooks(_Listed):
    def __init__(self, line: Line, place: Place) -> None:
        super().__init__(api_of(line, place), f"/repos/{quote(place.project)}/hooks")

    def sent(self, number: str) -> list[Sent] | None:
        _status, found = self._api.ask("GET", f"{self._one(number)}/deliveries?per_page={SHOWN}")
        return [_sent(one, "delivered_at", "event", "status_code") for one in rows_in(found)]

    def send_again(self, number: str, sent: str) -> None:
        self._api.ask("POST", f"{self._one(number)}/deliveries/{quote(sent, safe='')}/attempts")

    def _first(self) -> dict[str, Any]:
        return {"name": "web"}

    def _content(self, hook: Hook) -> dict[str, Any]:
        config = {"url": hook.url, "content_type": "json", "secret": hook.secret, "insecure_ssl": "0"}
        return {"active": True, "events": ["pull_request" if hook.is_of_requests else "push"], "config": config}


class GiteaHooks(_Listed):
    """Gitea and Forgejo. Their API does not tell what was sent."""

    def __init__(self, line: Line, place: Place) -> None:
        super().__init__(api_of(line, place), f"/repos/{quote(place.project)}/hooks")

    def sent(self, number: str) -> list[Sent] | None:
        self._api.ask("GET", self._one(number))
        return None

    def send_again(self, number: str, sent: str) -> None:
        raise NotTaken(Trouble.REFUSED, answer="Gitea sends nothing again")

    def _first(self) -> dict[str, Any]:
        return {"type": "gitea"}

    def _content(self, hook: Hook) -> dict[str, Any]:
        config = {"url": hook.url, "content_type": "json", "secret": hook.secret}
        return {"active": True, "events": ["pull_request" if hook.is_of_requests else "push"], "config": config}


class GitLabHooks(_Listed):
    change = "PUT"

    def __init__(self, line: Line, place: Place) -> None:
        super().__init__(api_of(line, place), f"/projects/{quote(place.project, safe='')}/hooks")

    def sent(self, number: str) -> list[Sent] | None:
        """GitLab tells since version 17.3; what is older does not know the path, as if the webhook were gone."""
        self._api.ask("GET", self._one(number))
        status, found = self._api.ask("GET", f"{self._one(number)}/events?per_page={SHOWN}", accepts=GONE)
        if status in GONE:
            return None
        return [_sent(one, "created_at", "trigger", "response_status") for one in rows_in(found)]

    def send_again(self, number: str, sent: str) -> None:
        self._api.ask("POST", f"{self._one(number)}/events/{quote(sent, safe='')}/resend")

    def _content(self, hook: Hook) -> dict[str, Any]:
        return {
            "url": hook.url,
            "token": hook.secret,
            "push_events": not hook.is_of_requests,
            "tag_push_events": not hook.is_of_requests,
            "merge_requests_events": hook.is_of_requests,
            "enable_ssl_verification": True,
        }

    def _url_of(self, one: Mapping[str, Any]) -> str:
        return str(one.get("url", ""))


def _sent(one: Mapping[str, Any], at: str, event: str, status: str) -> Sent:
    return Sent(_number_of(one), moment_in(one.get(at)), str(one.get(event) or "")[:60], _whole(one.get(status)))


def _number_of(found: Any) -> str:
    number = found.get("id") if isinstance(found, dict) else None
    if not isinstance(number, int):
        raise NotTaken(Trouble.FAILED, answer="no number of the webhook")
    return str(number)


def _whole(text: Any) -> int:
    """A status: GitHub sends a number, GitLab a text, which says “internal error” if there was no answer."""
    return int(str(text)) if str(text).isascii() and str(text).isdigit() and len(str(text)) <= 3 else 0
