"""Why a host was not reached, in one word, read from what ssh printed. Pure.

Sources: openssh-portable ``ssh.c``, ``sshconnect.c``, ``sshconnect2.c``, ``packet.c``; the texts of OpenSSH 9.2.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    UNRESOLVED = "unresolved"  # its name means no address
    REFUSED = "refused"  # nothing listens there
    SILENT = "silent"  # no answer within the time
    UNTRUSTED = "untrusted"  # it showed another key than the confirmed one
    DENIED = "denied"  # it does not let our key in
    NO_SSH = "no_ssh"  # ssh is missing here
    NO_ENGINE = "no_engine"  # the host is reached, its Docker Engine is not
    OTHER = "other"


class Unreached(Exception):
    """A host that was not reached. `detail` is what ssh said last."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


_SIGNS: tuple[tuple[str, Reason], ...] = (
    ("host key verification failed", Reason.UNTRUSTED),
    ("host identification has changed", Reason.UNTRUSTED),
    ("no matching host key type", Reason.UNTRUSTED),
    ("permission denied", Reason.DENIED),
    ("too many authentication failures", Reason.DENIED),
    ("could not resolve hostname", Reason.UNRESOLVED),
    ("name or service not known", Reason.UNRESOLVED),
    ("getaddrinfo", Reason.UNRESOLVED),
    ("connection refused", Reason.REFUSED),
    ("timed out", Reason.SILENT),
    ("not responding", Reason.SILENT),
    ("no route to host", Reason.SILENT),
    ("network is unreachable", Reason.SILENT),
)


def reason_of(said: str) -> Reason:
    """What ssh's words mean."""
    low = said.lower()
    return next((reason for sign, reason in _SIGNS if sign in low), Reason.OTHER)
