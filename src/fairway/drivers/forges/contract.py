"""What a webhook of any forge says, once its signature was verified and its payload was read."""

from __future__ import annotations

from dataclasses import dataclass
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
class Told:
    """What the headers say: who sent it, which event it is, and the delivery's id ("" if there is none)."""

    forge: Forge
    event: str
    delivery: str
