"""Turns the Engine's errors into typed failures with a sentence. Pure.

The Engine reports most causes only as text, so the texts are matched here, in one module. Sources: moby's
``daemon/start.go``, ``distribution/errors.go``, ``libnetwork``, and the answers of Engine 20.10 to the tests.
"""

from __future__ import annotations

import re

from fairway.drivers.hosts.address import is_ssh
from fairway.shared.failures import Away, Failure, NeedsPerson, Refused, Retry
from fairway.shared.names import image_host

_DISK = ("no space left on device", "disk quota exceeded")
_SIGN_IN = (
    "unauthorized",
    "no basic auth credentials",
    "authentication required",
    "denied: ",
    "access denied",
    "access to the resource is denied",
)
_MISSING = (
    "manifest unknown",
    "not found",
    "name unknown",
    "does not exist",
    "no such image",
    "no matching manifest",
    "repository name not known",
)
_AWAY = (
    "connection refused",
    "no such host",
    "i/o timeout",
    "timeout exceeded",
    "server misbehaving",
    "network is unreachable",
    "connection reset",
    "tls handshake timeout",
    "toomanyrequests",
    "unexpected eof",
    "temporary failure",
    "http response to https client",
)
PORT_TAKEN = ("port is already allocated", "address already in use")
_COMMAND = (
    "executable file not found",
    "no such file or directory",
    "permission denied",
    "exec format error",
    "no command specified",
)
_CHANGED = re.compile(
    r"no such container|network .* not found|is ambiguous|matches found on name|marked for removal", re.IGNORECASE
)
_NETWORK_GONE = re.compile(r"network \S+ not found", re.IGNORECASE)
NO_SUBNET_LEFT = ("could not find an available", "all predefined address pools have been fully subnetted")


def says(text: str, signs: tuple[str, ...]) -> bool:
    """Whether the Engine's text contains one of the signs, in upper or lower case."""
    low = text.lower()
    return any(sign in low for sign in signs)


def is_away(text: str) -> bool:
    """Whether the text says that a server on the network could not be reached."""
    return says(text, _AWAY)


def has_changed(text: str) -> bool:
    """Whether a container or its network was removed, or the network made twice, since it was inspected. The caller looks
    again."""
    return _CHANGED.search(text) is not None


def has_lost_its_network(text: str) -> bool:
    """Whether a container cannot start because the network that it was started in before is gone."""
    return _NETWORK_GONE.search(text) is not None


def disk_full(text: str) -> Failure | None:
    """The failure for a full disk, if the text says so."""
    if says(text, _DISK):
        return NeedsPerson(
            "The disk of the Docker host is full. Free space there (old images, logs), then try again.", detail=text
        )
    return None


def registry_failure(reference: str, text: str, *, status: int | None = None, has_credential: bool = False) -> Failure:
    """Why a registry did not return an image."""
    host = image_host(reference)
    full = disk_full(text)
    if full is not None:
        return full
    if says(text, _AWAY):
        return Retry(f"The registry {host} does not answer.", detail=text)
    if status in (401, 403) or says(text, _SIGN_IN):
        did = "refused the stored credentials" if has_credential else "wants credentials and none are stored"
        return NeedsPerson(
            f"The registry {host} {did} for “{reference}”. Store a user name and "
            f"password for {host} that may pull it (it also answers so when the image does not exist).",
            detail=text,
        )
    if status == 404 or says(text, _MISSING):
        return Refused(
            f"The image “{reference}” does not exist in the registry {host}. Check its name, tag and architecture.",
            detail=text,
        )
    return Retry(f"The registry {host} could not answer for “{reference}”.", detail=text)


def start_failure(name: str, text: str, *, program: str = "") -> Failure:
    """Why an instance could not be created or started."""
    full = disk_full(text)
    if full is not None:
        return full
    if says(text, PORT_TAKEN):
        return Retry(f"The port chosen for “{name}” was taken in the meantime.", detail=text)
    if "docker-init" in text:
        return NeedsPerson(
            "The Docker host has no “docker-init”. Install it (the package “tini” on Debian), then try again.", detail=text
        )
    if says(text, _COMMAND):
        return command_missing(name, program, detail=text)
    return Refused(f"Docker could not start “{name}”.", detail=text)


def command_missing(name: str, program: str, *, detail: str = "") -> Failure:
    """The failure for a command that the image cannot run."""
    return Refused(
        f"“{name}” cannot start: its command “{program}” is missing in the image or cannot be run. "
        "Check the command and the image.",
        detail=detail,
    )


def command_refused(program: str, why: str) -> Failure:
    """The failure for a program that the image has but cannot execute. `why` ends the sentence."""
    return Refused(f"“{program}” cannot be started: {why}.")


def engine_failure(what: str, text: str, *, status: int | None = None) -> Failure:
    """Why the Engine refused or failed an ordinary request (`what`: “list containers”)."""
    full = disk_full(text)
    if full is not None:
        return full
    if status is not None and 400 <= status < 500 and status not in (408, 409, 429):
        return Refused(f"Docker refused to {what}.", detail=text)
    return Retry(f"Docker could not {what}.", detail=text)


def unreachable(host: str, error: Exception) -> Failure:
    """Why the Engine cannot be reached. `host` is its address as people know it."""
    text = str(error)
    if is_ssh(host):
        return Away(f"The Docker host {host} cannot be reached.", detail=text)
    if "Permission" in text:
        return NeedsPerson(
            f"Fairway may not open the Docker socket {host}. Add the user Fairway runs as to the group “docker” "
            "and start Fairway again.",
            detail=text,
        )
    return Away(f"The Docker Engine at {host} does not answer. Is it installed and running?", detail=text)
