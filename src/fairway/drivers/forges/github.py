"""GitHub: deployments, their statuses, and commit statuses. Gitea and Forgejo: commit statuses, which have the same shape.

Sources: docs.github.com “REST API endpoints for deployments”, “… deployment statuses”, “… commit statuses”; docs.gitea.com.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fairway.drivers.forges.asking import Api, api_of, rows_in
from fairway.drivers.forges.comments import Thread
from fairway.drivers.forges.statuses import NO_COMMIT, Place, Progress, Remark, Report, host_of
from fairway.drivers.posting import Line
from fairway.drivers.taking import NotTaken, Trouble

TASK = "deploy"
MARK = "fairway"  # the key of a deployment's payload by which it is found again
_COMMIT_STATES: Mapping[Progress, str] = {
    Progress.QUEUED: "pending",
    Progress.IN_PROGRESS: "pending",
    Progress.SUCCESS: "success",
    Progress.FAILURE: "failure",
    Progress.ERROR: "error",
    Progress.CANCELLED: "error",
}
_STATES: Mapping[Progress, str] = {
    **{one: one.value for one in Progress},
    Progress.CANCELLED: "inactive",  # GitHub has no word for it
}
UNPROCESSABLE = frozenset({422})


class GitHub:
    def __init__(self, line: Line, place: Place) -> None:
        self._api, self._at = api_of(line, place), f"/repos/{quote(place.project)}"

    def try_it(self) -> None:
        """Writes about a commit that does not exist: whoever may write is told so (422), others that they may not."""
        self._api.ask("GET", self._at)
        status = {"state": "pending", "context": MARK}
        self._api.ask("POST", f"{self._at}/statuses/{NO_COMMIT}", status, accepts=UNPROCESSABLE)
        deployment = {"ref": NO_COMMIT, "auto_merge": False, "required_contexts": []}
        self._api.ask("POST", f"{self._at}/deployments", deployment, accepts=UNPROCESSABLE)

    def opened(self, report: Report, taken: frozenset[str]) -> str:
        wanted = {"sha": report.commit, "environment": report.environment, "task": TASK, "per_page": "100"}
        _status, listed = self._api.ask("GET", f"{self._at}/deployments?{urlencode(wanted)}")
        found = next(
            (one for one in rows_in(listed) if _mark_of(one) == report.page and str(one.get("id")) not in taken), None
        )
        return _number(found or self._made(report))

    def _made(self, report: Report) -> Any:
        content = {
            "ref": report.commit,
            "task": TASK,
            "auto_merge": False,  # else GitHub may merge into what is deployed
            "required_contexts": [],  # Fairway's own gate has decided
            "payload": {MARK: report.page},
            "environment": report.environment,
            "description": report.description,
            "transient_environment": report.is_transient,
            "production_environment": report.is_production,
        }
        return self._api.ask("POST", f"{self._at}/deployments", content)[1]

    def tell(self, report: Report, number: str, *, is_repeated: bool) -> None:
        if report.progress is not Progress.INACTIVE:
            tell_commit(self._api, self._at, report, is_repeated=is_repeated)
        path = f"{self._at}/deployments/{quote(number)}/statuses"
        state = _STATES[report.progress]
        if is_repeated:
            _status, known = self._api.ask("GET", f"{path}?per_page=100")
            if any(one.get("state") == state for one in rows_in(known)):
                return
        content: dict[str, Any] = {
            "state": state,
            "log_url": report.page,
            "description": report.description,
            "auto_inactive": False,  # Fairway says what follows what
        }
        if report.url:
            content["environment_url"] = report.url
        self._api.ask("POST", path, content)

    def remark(self, remark: Remark, number: str) -> str:
        return _thread(self._api, self._at, remark).write(remark, number)


class Gitea:
    """Gitea and Forgejo, which have no deployments."""

    def __init__(self, line: Line, place: Place) -> None:
        self._api, self._at = api_of(line, place), f"/repos/{quote(place.project)}"
        self._host = host_of(place)

    def try_it(self) -> None:
        _status, found = self._api.ask("GET", self._at)
        rights = found.get("permissions") if isinstance(found, dict) else None
        if not isinstance(rights, dict) or not rights.get("push"):
            raise NotTaken(Trouble.FORBIDDEN, host=self._host, status=403, answer="push: false")

    def opened(self, report: Report, taken: frozenset[str]) -> str:
        return ""

    def tell(self, report: Report, number: str, *, is_repeated: bool) -> None:
        if report.progress is not Progress.INACTIVE:
            tell_commit(self._api, self._at, report, is_repeated=is_repeated)

    def remark(self, remark: Remark, number: str) -> str:
        return _thread(self._api, self._at, remark).write(remark, number)


def _thread(api: Api, at: str, remark: Remark) -> Thread:
    """Comments on a pull request are those on the issue with its number."""
    return Thread(api, f"{at}/issues/{remark.request}/comments", f"{at}/issues/comments", "PATCH")


def tell_commit(api: Api, at: str, report: Report, *, is_repeated: bool) -> None:
    """Set the commit's status of this context, unless it is that already."""
    state = _COMMIT_STATES[report.progress]
    if is_repeated:
        _status, found = api.ask("GET", f"{at}/commits/{report.commit}/status")
        known = rows_in(found.get("statuses") if isinstance(found, dict) else None)
        newest = next((one for one in known if one.get("context") == report.context), {})
        says = (newest.get("state") or newest.get("status"), newest.get("target_url"), newest.get("description"))
        if says == (state, report.page, report.description):
            return
    content = {"state": state, "target_url": report.page, "description": report.description, "context": report.context}
    api.ask("POST", f"{at}/statuses/{report.commit}", content)


def _mark_of(deployment: Mapping[str, Any]) -> str:
    """Which deployment of Fairway it is; "" for those that others made."""
    payload = deployment.get("payload")
    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except ValueError:
            return ""
    mark = payload.get(MARK) if isinstance(payload, dict) else ""
    return mark if isinstance(mark, str) else ""


def _number(deployment: Any) -> str:
    number = deployment.get("id") if isinstance(deployment, dict) else None
    if not isinstance(number, int):
        raise NotTaken(Trouble.FAILED, answer="no number of the deployment")
    return str(number)
