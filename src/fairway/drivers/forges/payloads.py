"""Reads what a webhook says, after its signature was verified. Pure.

The payloads of GitHub, GitLab, Gitea and Forgejo have most of their keys in common, so one reader reads them all. Whatever
is missing or of another type counts as not said: payloads come from outside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fairway.drivers.forges.contract import Forge, NotAccepted, Push, RefKind, Told
from fairway.shared import facts
from fairway.shared.names import Invalid, parse_git_ref

FORM = "application/x-www-form-urlencoded"
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
NOTHING = re.compile(r"0{40}(?:0{24})?")  # the commit of a branch that does not exist
MOST_FILES = 3000
_KINDS = {"refs/heads/": RefKind.BRANCH, "refs/tags/": RefKind.TAG}
_ADDRESSES = (
    "clone_url", "ssh_url", "git_url", "html_url", "git_http_url", "git_ssh_url", "web_url", "http_url", "url",
)  # fmt: skip


def told_by(headers: Mapping[str, str]) -> Told:
    """Who sent it, which event it is, and the delivery's id. `headers` have names in lower case.

    Gitea also sends GitHub's headers, so its own decide first.
    """
    for prefix in ("x-gitea", "x-forgejo"):
        if f"{prefix}-event" in headers:
            return _told(Forge.GITEA, headers[f"{prefix}-event"], headers.get(f"{prefix}-delivery", ""))
    if "x-gitlab-event" in headers:
        number = headers.get("idempotency-key") or headers.get("x-gitlab-event-uuid", "")
        return _told(Forge.GITLAB, headers["x-gitlab-event"], number)
    if "x-github-event" in headers:
        return _told(Forge.GITHUB, headers["x-github-event"], headers.get("x-github-delivery", ""))
    return _told(Forge.OTHER, "push", headers.get("webhook-id", ""))


def _told(forge: Forge, event: str, delivery: str) -> Told:
    return Told(forge, facts.one_line(event, 60), facts.one_line(delivery, 200))


def is_push(told: Told) -> bool:
    return told.event in ({"Push Hook", "Tag Push Hook"} if told.forge is Forge.GITLAB else {"push"})


def parse_payload(content_type: str, body: bytes) -> dict[str, Any]:
    """The payload: JSON, or a form whose field ``payload`` is JSON. Raises `NotAccepted`."""
    is_form = content_type.partition(";")[0].strip().lower() == FORM
    text = (_payload_of_form(body) if is_form else b"") or body  # curl calls everything a form
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise NotAccepted("not_json", "Its body is not JSON; choose application/json as the content type.") from None
    if not isinstance(found, dict):
        raise NotAccepted("not_json", "Its body is not a JSON object.")
    data = found.get("data")  # Standard Webhooks: {"type", "timestamp", "data"}
    return data if isinstance(data, dict) and "ref" not in found else found


def _payload_of_form(body: bytes) -> bytes:
    try:
        fields = parse_qs(body.decode(), max_num_fields=20)
    except ValueError:
        fields = {}
    return fields.get("payload", [""])[0].encode(errors="replace")


def parse_push(payload: Mapping[str, Any]) -> Push | None:
    """The push; None if it is to something that is neither a branch nor a tag. Raises `NotAccepted` if it cannot be read."""
    ref = _text(payload, "ref")
    prefix = next((one for one in _KINDS if ref.startswith(one)), "")
    if not ref:
        raise NotAccepted("no_ref", "It does not say what was pushed: “ref” is missing.")
    if not prefix:
        return None
    name = ref_name(ref.removeprefix(prefix))
    after = _text(payload, "after").lower()
    head = _head(payload, after)
    is_gone = _is_gone(payload, after)
    commit = "" if is_gone else _text(head, "id").lower() or _text(payload, "checkout_sha").lower() or after
    if not is_gone and not COMMIT.fullmatch(commit):
        raise NotAccepted("no_commit", "It does not say which commit was pushed: “after” is not a full commit id.")
    return Push(
        _KINDS[prefix],
        name,
        commit,
        facts.one_line(_pusher(payload), 100),
        facts.plain_text(_text(head, "message"), 2000),
        _files(payload),
        repositories_in(payload),
    )


def ref_name(text: str) -> str:
    """The name of a branch or tag. Raises `NotAccepted` if Git does not allow it or it cannot be displayed."""
    try:
        name = parse_git_ref(text)
    except Invalid:
        name = ""
    if not name or name != facts.one_line(text, len(text)):
        raise NotAccepted("bad_ref", "The name of its branch or tag is not one that Git allows.")
    return name


def _is_gone(payload: Mapping[str, Any], after: str) -> bool:
    return payload.get("deleted") is True or NOTHING.fullmatch(after) is not None


def _head(payload: Mapping[str, Any], after: str) -> Mapping[str, Any]:
    """The commit that the ref stands for now, as the payload describes it; {} if it does not."""
    if isinstance(payload.get("head_commit"), dict):
        found: Mapping[str, Any] = payload["head_commit"]
        return found
    wanted = {after, _text(payload, "checkout_sha")} - {""}
    return next((one for one in _commits(payload) if one.get("id") in wanted), {})


def _commits(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = payload.get("commits")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _pusher(payload: Mapping[str, Any]) -> str:
    for holder in (payload.get("pusher"), payload.get("sender")):
        if isinstance(holder, dict):
            for name in ("name", "login", "username"):
                if _text(holder, name):
                    return _text(holder, name)
    return _text(payload, "user_username") or _text(payload, "user_name")


def _files(payload: Mapping[str, Any]) -> frozenset[str] | None:
    """The changed paths, or None if the payload does not list all of them."""
    commits = _commits(payload)
    in_all = [payload.get(name) for name in ("total_commits_count", "total_commits")]
    is_cut = any(isinstance(count, int) and count > len(commits) for count in in_all)
    starts = payload.get("created") is True or NOTHING.fullmatch(_text(payload, "before")) is not None
    if not commits or is_cut or starts or payload.get("forced") is True or _text(payload, "ref").startswith("refs/tags/"):
        return None
    found: set[str] = set()
    for commit in commits:
        lists = [commit.get(name) for name in ("added", "removed", "modified")]
        if not all(isinstance(paths, list) for paths in lists):
            return None
        found |= {path for paths in lists for path in paths or [] if isinstance(path, str)}
        if len(found) > MOST_FILES:
            return None
    return frozenset(found)


def repositories_in(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The addresses by which a payload names its repository; () if it names none."""
    found: list[str] = []
    for holder in (payload.get("repository"), payload.get("project")):
        if isinstance(holder, dict):
            found += [holder[name] for name in _ADDRESSES if isinstance(holder.get(name), str)]
        elif isinstance(holder, str):
            found.append(holder)
    return tuple(found)


def _text(holder: Mapping[str, Any], name: str) -> str:
    found = holder.get(name)
    return found if isinstance(found, str) else ""


def repository_key(address: str) -> tuple[str, str]:
    """(host, path), by which two addresses of one repository are equal, whether for https or SSH; ("", "") if it is none.

    Ports are left out, because those of https and SSH differ; names of hosts and repositories are compared in lower case.
    """
    text = address.strip()
    if "://" in text:
        try:
            parts = urlsplit(text)
            host = parts.hostname or ""
        except ValueError:
            return "", ""
        path = parts.path
    else:
        user_host, _, path = text.partition(":")
        host = user_host.rpartition("@")[2]
    path = path.strip("/").removesuffix(".git").rstrip("/")
    return (host.lower(), path.lower()) if path else ("", "")


def is_of(repositories: Iterable[str], url: str) -> bool:
    """Whether one of these addresses is the repository at `url`."""
    wanted = repository_key(url)
    return wanted != ("", "") and any(repository_key(address) == wanted for address in repositories)
