"""What a webhook of any forge says, once its signature was verified and its payload was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Forge(StrEnum):
    """Who sent a webhook, as its headers say."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"  # and Forgejo
    OTHER = "other"  # anything that signs as GitHub does, or by Standard Webhooks


class RefKind(StrEnum):
    BRANCH = "branch"
    TAG = "tag"
    REQUEST = "request"  # a pull or merge request; its name is the branch that it shall go into


PUSHED = (RefKind.BRANCH, RefKind.TAG)


class NotAccepted(Exception):
    """A webhook is not accepted. `code` is a word for programs; the message says what was wrong and what to do."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Push:
    """One push to one branch or tag.

    `commit` is the full id of the commit that the ref stands for now, "" if the ref was deleted. `files` are the paths that
    the push changed, None if the payload does not say (a new branch, a forced push, more commits than it lists).
    `repositories` are the addresses by which the payload names its repository.
    """

    kind: RefKind
    name: str
    commit: str
    pusher: str
    message: str
    files: frozenset[str] | None
    repositories: tuple[str, ...]

    @property
    def is_deleted(self) -> bool:
        return not self.commit


@dataclass(frozen=True)
class ChangeRequest:
    """One pull request, or merge request at GitLab (`is_merge`), as a webhook tells of it.

    `commit` is the full id of its newest commit, `branch` the branch that it comes from, `target` the one that it shall go
    into. `is_fork`: it comes from another repository, also if that is not told. `page` is its page at the forge, "" if the
    payload has none. `at` is when it was changed last, None if that is not told.
    """

    number: int
    is_merge: bool
    is_open: bool
    commit: str
    branch: str
    target: str
    is_fork: bool
    title: str
    author: str
    page: str
    at: datetime | None


@dataclass(frozen=True)
class Told:
    """What the headers say: who sent it, which event it is, and the delivery's id ("" if there is none)."""

    forge: Forge
    event: str
    delivery: str
