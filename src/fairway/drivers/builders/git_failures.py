"""What git's last lines of output mean for people. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fairway.shared.failures import Failure, NeedsPerson, Refused, Retry

_MEANINGS: tuple[tuple[str, type[Failure], str], ...] = (
    (
        r"host key verification failed|host identification has changed",
        NeedsPerson,
        "The host key of {url} is not the one known here. If the server really changed, remove the old key and try again.",
    ),
    (
        r"permission denied \(|authentication failed|could not read username|could not read password|access denied"
        r"|error: 40[13]\b|terminal prompts disabled|invalid credentials|incorrect passphrase|error in libcrypto"
        r"|invalid format",
        NeedsPerson,
        "{url} does not let Fairway in; check the deploy key or the token, and that it may read this repository.",
    ),
    (
        r"couldn't find remote ref|not our ref|reference is not a tree|bad object|did not match any",
        Refused,
        "There is no branch, tag or commit “{ref}” at {url}; check its name.",
    ),
    (
        r"repository not found|project you were looking for could not be found|does not appear to be a git repository"
        r"|error: 404|repository '.*' (?:not found|does not exist)|no such file or directory",
        Refused,
        "There is no repository at {url}, or it may not be seen without a key; check the address.",
    ),
    (
        r"redirect|error: 30\d\b",
        Refused,
        "{url} redirects somewhere else; use the final address (many servers want “.git” at the end).",
    ),
    (
        r"no space left",
        NeedsPerson,
        "The disk is full: the repository could not be fetched. Free some space, then try again.",
    ),
    (r"transport '.*' not allowed", Refused, "{url} uses a transport that is not allowed; use https or ssh."),
    (
        r"could not resolve|failed to connect|couldn't connect|connection refused|timed out|timeout|connection reset"
        r"|early eof|hung up|unexpected disconnect|network is unreachable|error: 5\d\d|error: 429|connection closed"
        r"|no route to host|ssl|gnutls|too slow",
        Retry,
        "{url} could not be reached; it is tried again.",
    ),
)


_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NOT_THERE = _MEANINGS[2]
_GONE = "There is no commit {ref} at {url}. If something else was pushed over it, push again, or deploy the branch."


def git_failure(lines: Sequence[str], *, url: str, ref: str) -> Failure:
    """The failure that git's last lines describe, with a sentence for people."""
    detail = "\n".join(lines)
    for pattern, kind, sentence in _MEANINGS:
        if re.search(pattern, detail, re.I):
            if sentence == _NOT_THERE[2] and _COMMIT.fullmatch(ref):
                return kind(_GONE.format(url=url, ref=ref[:12]), detail=detail)
            return kind(sentence.format(url=url, ref=ref), detail=detail)
    return Refused(f"git could not fetch {url}; its last lines say why.", detail=detail)
