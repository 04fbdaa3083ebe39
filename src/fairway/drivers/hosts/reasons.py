"""Why a host was not reached, in one word that is derived from the output of ssh. Pure.

Sources: openssh-portable ``ssh.c``, ``sshconnect.c``, ``sshconnect2.c``, ``packet.c``; the messages of OpenSSH 9.2.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    UNRESOLVED = "unresolved"  # its name has no address
    REFUSED = "refused"  # nothing listens there
    SILENT = "silent"  # no answer within the time
    UNTRUSTED = "untrusted"  # its key is not the confirmed one
    DENIED = "denied"  # it does not accept our key
    NO_SSH = "no_ssh"  # ssh is not installed on this machine
    NO_ENGINE = "no_engine"  # the host was reached, but not its Docker Engine
    OTHER = "other"


class Unreached(Exception):
    """A host could not be reached. `detail` is the end of ssh's output."""

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


def reason_of(output: str) -> Reason:
    """What the output of ssh means."""
    low = output.lower()
    return next((reason for sign, reason in _SIGNS if sign in low), Reason.OTHER)
