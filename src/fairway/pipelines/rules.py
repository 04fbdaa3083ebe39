"""Which pushes a trigger deploys, and whom it acts as. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

from fairway.accounts.rules import Actor, limited
from fairway.drivers.forges.contract import Push, RefKind
from fairway.shared.names import Invalid

LONGEST_PATTERN = 200
MOST_PATHS = 20
KEPT_AT_LEAST = timedelta(hours=24)  # for which a delivery is remembered, so that the same one is not accepted again
KEPT_FOR = timedelta(days=30)
MOST_KEPT = 1000  # deliveries of one trigger, if they are older than `KEPT_AT_LEAST`
MOST_IN_A_MINUTE = 600  # accepted deliveries of one trigger
MOST_REFUSED_IN_A_MINUTE = 60  # of one address to one webhook; more are refused without being recorded
SKIPS = re.compile(r"\[(?:skip ci|ci skip|no ci|skip deploy|deploy skip)\]", re.I)


class Outcome(StrEnum):
    """What became of a delivery."""

    ACCEPTED = "accepted"  # a worker will request the deployment
    REQUESTED = "requested"  # its deployment says how it goes on
    SUPERSEDED = "superseded"  # a newer push came before its deployment was requested
    PREVIEWED = "previewed"  # the preview of the request says how it goes on
    BLOCKED = "blocked"  # the deployment could not be requested
    IGNORED = "ignored"  # nothing to deploy
    REFUSED = "refused"  # not from the repository, seen before, or unreadable


def parse_pattern(text: str, *, field: str = "pattern") -> str:
    """The pattern of a branch or tag name: a name, in which ``*`` stands for anything but a slash and ``**`` for anything.
    Raises `Invalid`."""
    pattern = text.strip()
    if not pattern:
        raise Invalid(field, "is empty; name a branch or a tag, e.g. main or release/*.")
    if pattern.startswith(("refs/", "-", "/")):
        raise Invalid(field, "starts with “{start}”; give the name alone, e.g. main.", start=pattern[:5])
    if len(pattern) > LONGEST_PATTERN or re.search(r"[\s\x00-\x1f\x7f~^:\\\[\]]", pattern):
        raise Invalid(field, "is not the name of a branch or tag; * stands for anything but a slash, ** for anything.")
    return pattern


def parse_paths(given: Iterable[str], *, field: str = "paths") -> list[str]:
    """The paths below which something must have changed; see `path_matches`. Raises `Invalid`."""
    paths = [path.strip() for path in given if path.strip()]
    if len(paths) > MOST_PATHS:
        raise Invalid(field, "are {count}; give at most {most}.", count=len(paths), most=MOST_PATHS)
    for path in paths:
        if len(path) > LONGEST_PATTERN or re.search(r"[\x00-\x1f\x7f\\]", path) or path.startswith(("/", "!", "./")):
            raise Invalid(
                field,
                "“{path}” is not a path in the repository, e.g. shop/ or shop/**/*.py; none begins with /.",
                path=path[:60],
            )
    return list(dict.fromkeys(paths))


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches: ``*`` is anything but a slash, ``**`` anything, ``?`` one character but a slash.

    Each character is looked at once per place in the pattern, so that no pattern takes long.
    """
    parts = re.findall(r"\*\*+|[*?]|.", pattern, re.S)
    places = _with_skipped({0}, parts)
    for sign in text:
        places = _with_skipped({after for place in places for after in _after(place, parts, sign)}, parts)
    return len(parts) in places


def _with_skipped(places: set[int], parts: Sequence[str]) -> set[int]:
    """The places in the pattern, with those that are reached because a star stands for nothing."""
    found = set(places)
    for place in places:
        while place < len(parts) and parts[place][0] == "*":
            place += 1
            found.add(place)
    return found


def _after(place: int, parts: Sequence[str], sign: str) -> Iterable[int]:
    if place == len(parts):
        return
    part = parts[place]
    if part.startswith("**") or (part == "*" and sign != "/"):
        yield place
    elif part != "*" and (part == sign or (part == "?" and sign != "/")):
        yield place + 1


def path_matches(pattern: str, path: str) -> bool:
    """Whether a changed file is meant: it matches, or lies in a folder that does."""
    whole = pattern.rstrip("/")
    return matches(whole, path) or matches(f"{whole}/**", path)


def why_ignored(push: Push, *, kind: str, pattern: str, paths: Sequence[str], is_paused: bool) -> str:
    """Why this push is not deployed; "" if it is."""
    if push.is_deleted:
        return f"{push.name} was deleted; there is nothing to deploy."
    if push.kind != kind or not matches(pattern, push.name):
        if push.kind is RefKind.BRANCH:
            return f"The branch {push.name} is not one that is deployed here."
        return f"The tag {push.name} is not one that is deployed here."
    if SKIPS.search(push.message):
        return "Its commit message asks not to deploy it."
    if is_paused:
        return "It is paused."
    if paths and push.files is not None and not any(path_matches(one, path) for one in paths for path in push.files):
        return f"Nothing changed in {', '.join(paths)}."
    return ""


def split_ref(ref: str) -> tuple[str, str]:
    """The kind and the name of a full ref: ``refs/heads/main`` is a branch, *main*. ("", ref) for anything else."""
    for prefix, kind in (("refs/heads/", RefKind.BRANCH), ("refs/tags/", RefKind.TAG)):
        if ref.startswith(prefix):
            return kind, ref.removeprefix(prefix)
    return "", ref


def narrowed(actor: Actor, application: str, environment: str) -> Actor:
    """The same person with no right but those that they have for this application in this environment."""
    return replace(actor, grants=limited(actor.grants, application, environment))


def reason_for(push_kind: str, ref: str, pusher: str, message: str) -> str:
    """The reason of the deployment: “Push to main by grace: Fix the header”."""
    by = f" by {pusher}" if pusher else ""
    first = message.strip().partition("\n")[0].strip()
    what = f"Push to {ref}" if push_kind == RefKind.BRANCH else f"Tag {ref}"
    return f"{what}{by}{': ' if first else ''}{first}"[:500]
