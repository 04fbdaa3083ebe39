"""GitLab: deployments and commit statuses.

Sources: docs.gitlab.com “Deployments API”, “Commits API: commit status”, “Project access tokens”.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fairway.drivers.forges.asking import api_of
from fairway.drivers.forges.comments import Thread
from fairway.drivers.forges.statuses import NO_COMMIT, Place, Progress, Remark, Report, host_of
from fairway.drivers.posting import Line
from fairway.drivers.taking import NotTaken, Trouble

_STATES: Mapping[Progress, str] = {
    Progress.QUEUED: "pending",
    Progress.IN_PROGRESS: "running",
    Progress.SUCCESS: "success",
    Progress.FAILURE: "failed",
    Progress.ERROR: "failed",
    Progress.CANCELLED: "canceled",
}
_NOT_BEGUN = frozenset({Progress.QUEUED, Progress.CANCELLED, Progress.INACTIVE})
_SAME = "cannot transition status"  # what GitLab answers to a commit status that is set already
BAD = frozenset({400})


class GitLab:
    def __init__(self, line: Line, place: Place) -> None:
        self._api, self._at = api_of(line, place), f"/projects/{quote(place.project, safe='')}"
        self._host = host_of(place)

    def try_it(self) -> None:
        """Writes the status of a commit that does not exist: whoever may write is told so, others that they may not. Who may
        write statuses may make deployments; trying that would make an environment."""
        self._api.ask("GET", self._at)
        status = {"state": "pending", "name": "fairway"}
        self._api.ask("POST", f"{self._at}/statuses/{NO_COMMIT}", status, accepts=BAD | {404, 422})
        self._api.ask("GET", f"{self._at}/deployments?per_page=1")

    def opened(self, report: Report, taken: frozenset[str]) -> str:
        """GitLab has no deployment that waits, so it is made when it runs.

        GitLab keeps no mark with a deployment. One that was made but not remembered is known by what it is of: it has this
        commit, has not finished, comes from no job, and belongs to no other deployment of Fairway.
        """
        if report.progress in _NOT_BEGUN:
            return ""
        wanted = {"environment": report.environment, "order_by": "id", "sort": "desc", "per_page": "50"}
        _status, listed = self._api.ask("GET", f"{self._at}/deployments?{urlencode(wanted)}")
        for one in listed if isinstance(listed, list) else []:
            if isinstance(one, dict) and _is_left(one, report) and str(one.get("id")) not in taken:
                return str(one["id"])
        content = {
            "environment": report.environment,
            "sha": report.commit,
            "ref": report.ref,
            "tag": report.is_tag,
            "status": "running",
        }
        _status, made = self._api.ask("POST", f"{self._at}/deployments", content)
        number = made.get("id") if isinstance(made, dict) else None
        if not isinstance(number, int):
            raise NotTaken(Trouble.FAILED, host=self._host, answer="no number of the deployment")
        return str(number)

    def tell(self, report: Report, number: str, *, is_repeated: bool) -> None:
        if report.progress is Progress.INACTIVE:
            return  # GitLab says by itself which deployment of an environment is the newest
        if not is_repeated or not self._is_told(report):
            self._tell_commit(report)
        if not number:
            return
        path, state = f"{self._at}/deployments/{quote(number)}", _STATES[report.progress]
        _status, found = self._api.ask("GET", path)
        if isinstance(found, dict) and found.get("status") == state:
            return
        self._api.ask("PUT", path, {"status": state})

    def remark(self, remark: Remark, number: str) -> str:
        notes = f"{self._at}/merge_requests/{remark.request}/notes"
        return Thread(self._api, notes, notes, "PUT").write(remark, number)

    def _is_told(self, report: Report) -> bool:
        """Whether the commit has this status already."""
        wanted = urlencode({"name": report.context, "per_page": "100"})
        _status, listed = self._api.ask("GET", f"{self._at}/repository/commits/{report.commit}/statuses?{wanted}")
        told = (_STATES[report.progress], report.page, report.description)
        found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return any((one.get("status"), one.get("target_url"), one.get("description")) == told for one in found)

    def _tell_commit(self, report: Report) -> None:
        content = {
            "state": _STATES[report.progress],
            "name": report.context,
            "target_url": report.page,
            "description": report.description,
        }
        status, found = self._api.ask("POST", f"{self._at}/statuses/{report.commit}", content, accepts=BAD | {404})
        said = str(found.get("message", "")) if isinstance(found, dict) else ""
        if status == 404 and "commit" not in said.lower():  # not the commit is missing, but the project
            raise NotTaken(Trouble.NOT_FOUND, host=self._host, status=status, answer=said[:300])
        if status >= 400 and _SAME not in said.lower():
            raise NotTaken(Trouble.REFUSED, host=self._host, status=status, answer=said[:300])


def _is_left(one: Mapping[str, Any], report: Report) -> bool:
    return one.get("sha") == report.commit and one.get("status") == "running" and one.get("deployable") is None
