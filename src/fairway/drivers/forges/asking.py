"""Requests to the API of a forge: one by one, with the token, through the guard of addresses, and what refusals mean."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fairway.drivers.forges.contract import Forge
from fairway.drivers.forges.statuses import Place
from fairway.drivers.posting import Answer, Line, as_json, judge
from fairway.drivers.taking import NotTaken, Trouble

MOST_BYTES = 2_000_000  # of an answer; a list of a hundred deployments has a tenth of it
USUAL_WAIT = 60.0  # seconds to wait after a limit that does not say how long


class Api:
    """The API of one place."""

    def __init__(self, line: Line, place: Place, headers: Mapping[str, str]) -> None:
        self._line, self._place, self._headers = line, place, headers

    def ask(
        self,
        method: str,
        path: str,
        content: Mapping[str, Any] | None = None,
        *,
        accepts: frozenset[int] = frozenset(),
    ) -> tuple[int, Any]:
        """The status and the JSON of the answer, None if it has no JSON. Raises `NotTaken` for a status that is neither good
        nor in `accepts`."""
        body = None if content is None else as_json(content)
        answer = self._line.request(method, f"{self._place.api_url}{path}", body, self._headers, most_bytes=MOST_BYTES)
        found = _json(answer)
        if not 200 <= answer.status < 300 and (answer.status not in accepts or _is_limit(answer)):
            raise self._problem(answer, found)
        return answer.status, found

    def _problem(self, answer: Answer, found: Any) -> NotTaken:
        said = _message(found) or answer.said(self._place.token)
        said = answer.masked(said, self._place.token)
        if _is_limit(answer):
            problem = answer.not_taken(Trouble.TOO_MANY, said)
            problem.retry_after = problem.retry_after or _until_reset(answer.headers)
            return problem
        troubles = {
            HTTPStatus.UNAUTHORIZED: Trouble.TOKEN_REFUSED,
            HTTPStatus.FORBIDDEN: Trouble.FORBIDDEN,
            HTTPStatus.NOT_FOUND: Trouble.NOT_FOUND,
        }
        if answer.status in troubles:
            return answer.not_taken(troubles[HTTPStatus(answer.status)], " ".join(filter(None, (said, _needed(answer)))))
        try:
            judge(answer, said)
        except NotTaken as problem:
            return problem
        return answer.not_taken(Trouble.REFUSED, said)


def api_of(line: Line, place: Place) -> Api:
    """The API of a place, with the headers that its forge wants."""
    plain = {"Accept": "application/json"}
    headers = {
        Forge.GITHUB: {
            "Accept": "application/vnd.github+json, application/json",
            "Authorization": f"Bearer {place.token}",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        Forge.GITLAB: {**plain, "PRIVATE-TOKEN": place.token},
        Forge.GITEA: {**plain, "Authorization": f"token {place.token}"},
    }
    return Api(line, place, headers[place.forge])


def rows_in(found: Any) -> list[Mapping[str, Any]]:
    """The objects of an answer that should be a list of objects."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def moment_in(text: Any) -> datetime | None:
    """A time of an answer, None if it is none or has no zone."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _is_limit(answer: Answer) -> bool:
    """Whether the forge asks to wait. GitHub says so with 403, too."""
    if answer.status != HTTPStatus.FORBIDDEN:
        return answer.status == HTTPStatus.TOO_MANY_REQUESTS
    is_spent = answer.headers.get("x-ratelimit-remaining") == "0"
    return is_spent or "retry-after" in answer.headers or b"rate limit" in answer.body[:MOST_BYTES].lower()


def _until_reset(headers: Mapping[str, str]) -> float:
    """The seconds until the limit ends; GitHub and GitLab say when in a header of their own."""
    if headers.get("x-ratelimit-remaining") == "0" or "ratelimit-reset" in headers:
        text = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset", "")
        if text.isascii() and text.isdigit():
            return max(1.0, int(text[:12]) - time.time())
    return USUAL_WAIT


def _needed(answer: Answer) -> str:
    """The right that the token would need, where the forge says it."""
    permissions = answer.headers.get("x-accepted-github-permissions", "")
    scopes = answer.headers.get("x-accepted-oauth-scopes", "")
    needed = permissions or scopes
    return f"({needed[:100]})" if needed and needed.isprintable() else ""


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _message(found: Any) -> str:
    """What an answer says in words."""
    if not isinstance(found, dict):
        return ""
    said = [found.get(name) for name in ("message", "error_description", "error")]
    first = next((one for one in said if one), "")
    text = first if isinstance(first, str) else json.dumps(first)
    return "".join(sign if sign.isprintable() else " " for sign in text)[:300]
