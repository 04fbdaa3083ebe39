"""Pull and merge requests as forges tell of them, and their previews as a worker would bring them on."""

from __future__ import annotations

import itertools
from typing import Any

from fairway.engine.models import Run
from fairway.pipelines.commands.previews import advance_previews
from fairway.pipelines.models import Preview
from tests.pipelines.conftest import REPOSITORY, Sender, commit_of

BASE, FORK = 186853002, 99
_seconds = itertools.count(1)


def pull(number: Any = 12, action: str = "opened", *, commit: int = 1, **more: Any) -> dict[str, Any]:
    """A pull request as GitHub tells of it; each is told a second later than the one before."""
    seconds = next(_seconds)
    at = f"2026-11-30T{10 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"
    told = {
        "number": number,
        "state": "closed" if action == "closed" else "open",
        "title": more.pop("title", "Fix the header"),
        "user": {"login": "grace"},
        "html_url": f"https://github.com/Codertocat/Hello-World/pull/{number}",
        "updated_at": more.pop("at", at),
        "head": {"ref": more.pop("branch", "fix"), "sha": commit_of(commit), "repo": {"id": more.pop("repository", BASE)}},
        "base": {"ref": more.pop("into", "main"), "sha": commit_of(999), "repo": {"id": BASE}},
    }
    return {"action": action, "pull_request": {**told, **more}, "repository": {"id": BASE, "clone_url": REPOSITORY}}


def merge(
    number: int = 5, action: str = "open", *, commit: int = 1, project: int = 1, state: str = "opened"
) -> dict[str, Any]:
    """A merge request as GitLab tells of it."""
    return {
        "object_kind": "merge_request",
        "user": {"username": "grace"},
        "project": {"git_http_url": REPOSITORY},
        "object_attributes": {
            "iid": number,
            "action": action,
            "state": state,
            "title": "Fix the header",
            "source_branch": "fix",
            "target_branch": "main",
            "source_project_id": project,
            "target_project_id": 1,
            "last_commit": {"id": commit_of(commit)},
            "url": "https://gitlab.example.com/codertocat/hello-world/-/merge_requests/5",
            "updated_at": f"2026-11-30 12:00:{next(_seconds) % 60:02} UTC",
        },
    }


def tell(sender: Sender, payload: dict[str, Any], **more: Any) -> Any:
    """Send it, and do what a worker would do then."""
    answer = sender.send(payload, "pull_request", **more)
    work(sender)
    return answer


def work(sender: Sender) -> int:
    Run.objects.filter(kind="push").delete()
    return advance_previews(trigger=sender.trigger.pk)


def the_preview(number: int = 12) -> Preview:
    return Preview.objects.select_related("copy", "deployment", "application", "environment").get(number=number)
