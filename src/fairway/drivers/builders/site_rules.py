"""Reads ``_redirects`` and ``_headers``, files with rules for Netlify and Cloudflare Pages. Pure functions.

Sources: docs.netlify.com, "Redirects and rewrites", "Custom headers". Rules that need more than a folder of files
(forwarding to other servers, rules by country, language, cookie or role) are returned as lines, so that the caller can name
them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST = 1000  # rules that are read at most
STATUSES = frozenset({200, 301, 302, 303, 307, 308, 404, 410})
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "content-encoding", "basic-auth"})


@dataclass(frozen=True)
class Redirect:
    """A rule from one address (with ``*`` and ``:names``) to another. A `forced` rule applies even if there is a file."""

    source: str
    target: str
    status: int = 301
    forced: bool = False


@dataclass(frozen=True)
class Header:
    """One header for every response whose address matches `path`."""

    path: str
    name: str
    value: str


def parse_redirects(text: str) -> tuple[list[Redirect], list[str]]:
    """(the rules, the lines that are not followed)."""
    rules: list[Redirect] = []
    left: list[str] = []
    for line in text.splitlines()[: MOST * 2]:
        words = line.partition(" #")[0].split()
        if not words or words[0].startswith("#"):
            continue
        rule = _redirect(words)
        if rule is None or len(rules) >= MOST:
            left.append(line.strip()[:120])
        else:
            rules.append(rule)
    return rules, left


def parse_headers(text: str) -> tuple[list[Header], list[str]]:
    """(the headers, the lines that are not followed)."""
    found: list[Header] = []
    left: list[str] = []
    path = ""
    for line in text.splitlines()[: MOST * 2]:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line[:1].isspace():
            path = line.strip()
            if not path.startswith("/"):
                left.append(path[:120])
            continue
        name, colon, value = line.strip().partition(":")
        is_plain = colon and path.startswith("/") and _NAME.fullmatch(name) and value.strip().isprintable()
        if is_plain and name.lower() not in _OURS and "{" not in value and len(found) < MOST:
            found.append(Header(path, name, value.strip()))
        elif path.startswith("/"):
            left.append(line.strip()[:120])
    return found, left


def _redirect(words: list[str]) -> Redirect | None:
    source, *rest = words
    if len(rest) not in (1, 2) or not source.startswith("/") or "{" in "".join(words):
        return None
    target, status, forced = rest[0], 301, False
    if len(rest) == 2:
        found = re.fullmatch(r"(\d{3})(!?)", rest[1])
        if not found:
            return None
        status, forced = int(found[1]), bool(found[2])
    is_away = re.match(r"https?://", target) is not None
    if status not in STATUSES or (is_away and status == 200) or not (is_away or target.startswith("/")):
        return None
    names = re.findall(r":(\w+)", source)
    known = {*names, *(["splat"] if "*" in source else [])}
    asked = set(re.findall(r"(?<!http)(?<!https):([A-Za-z]\w*)", target))
    if (
        len(set(names)) != len(names)
        or source.count("*") > 1
        or not asked <= known
        or any(name[0].isdigit() for name in names)
    ):
        return None
    return Redirect(source, target, status, forced)
