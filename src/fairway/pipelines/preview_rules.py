"""When a preview is deployed, waits for a person, or ends. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fairway.drivers.forges.contract import ChangeRequest
from fairway.pipelines.rules import SKIPS, matches


class PreviewState(StrEnum):
    WAITING = "waiting"  # it comes from a fork, and nobody has approved any of its commits
    OPEN = "open"
    ENDING = "ending"  # it is being removed
    ENDED = "ended"  # nothing of it is left


class End(StrEnum):
    """Why a preview ends."""

    CLOSED = "closed"  # the request was closed or merged
    RETARGETED = "retargeted"  # the request shall go into another branch, which has no previews
    AGE = "age"  # nobody pushed to it, or kept it, for too long
    LIMIT = "limit"  # there were too many, and it was the one that nothing had happened to for longest
    PERSON = "person"  # somebody removed it
    STOPPED = "stopped"  # there are no previews any more: deploy on push, the application or the environment was deleted


@dataclass(frozen=True)
class Known:
    """What is known of a request already: when the forge had changed it last, and whether it was open then."""

    at: datetime | None
    is_open: bool


def is_old_news(request: ChangeRequest, known: Known) -> bool:
    """Whether a delivery tells of an earlier state than what is known: deliveries may come in any order. Of two from the
    same second, the one that closes the request counts."""
    if request.at is None or known.at is None:
        return False
    return request.at < known.at or (request.at == known.at and request.is_open and not known.is_open)


def why_no_preview(request: ChangeRequest, *, pattern: str, is_paused: bool) -> str:
    """Why this request has no preview, although it is open; "" if it has one."""
    if not matches(pattern, request.target):
        return f"The branch {request.target} is not one whose requests have previews."
    if SKIPS.search(request.title):
        return "Its title asks not to deploy it."
    return "It is paused." if is_paused else ""


def wanted_commit(*, commit: str, is_fork: bool, approved: str) -> str:
    """The commit that the preview should run: of a fork only one that a person approved; "" for none."""
    return approved if is_fork else commit


def slug_of(application: str, number: int, *, is_merge: bool) -> str:
    """The slug of the application that a preview is; `shared.names.application_of` reads it."""
    return f"{'mr' if is_merge else 'pr'}-{number}--{application}"


def sign_of(number: int, *, is_merge: bool) -> str:
    """The request as forges write it: #12, or !12 for a merge request."""
    return f"{'!' if is_merge else '#'}{number}"
