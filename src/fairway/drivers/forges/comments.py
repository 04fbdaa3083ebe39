"""One comment on a pull or merge request that is written once and brought up to date from then on.

Sources: docs.github.com “REST API endpoints for issue comments”, docs.gitea.com “issueCreateComment”, docs.gitlab.com “Notes
API”.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from fairway.drivers.forges.asking import Api
from fairway.drivers.forges.statuses import Remark
from fairway.drivers.taking import NotTaken, Trouble

PER_PAGE = 100
MOST_PAGES = 20  # of comments that are looked through
GONE = frozenset({404, 410})


@dataclass(frozen=True)
class Thread:
    """Where the comments of a request are listed and made, where one of them is, and how one is changed."""

    api: Api
    listed: str
    one: str
    method: str

    def write(self, remark: Remark, number: str) -> str:
        """Bring the comment with this number up to date, or make it; returns its number. Without a number it is looked for,
        by its mark. One that somebody deleted is made again."""
        number = number or self._found(remark.mark)
        if number:
            path = f"{self.one}/{quote(number)}"
            status, _found = self.api.ask(self.method, path, {"body": remark.text}, accepts=GONE)
            if status not in GONE:
                return number
        _status, made = self.api.ask("POST", self.listed, {"body": remark.text})
        return _number_of(made)

    def _found(self, mark: str) -> str:
        """The number of the first comment with this mark: nobody knew the mark before that one."""
        for page in range(1, MOST_PAGES + 1):
            wanted = urlencode({"per_page": PER_PAGE, "page": page})
            _status, listed = self.api.ask("GET", f"{self.listed}?{wanted}")
            rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
            marked = [one for one in rows if mark in str(one.get("body", ""))]
            if marked:
                return min((_number_of(one) for one in marked), key=int)
            if len(rows) < PER_PAGE:
                break
        return ""


def _number_of(comment: Any) -> str:
    number = comment.get("id") if isinstance(comment, dict) else None
    if not isinstance(number, int):
        raise NotTaken(Trouble.FAILED, answer="no number of the comment")
    return str(number)
