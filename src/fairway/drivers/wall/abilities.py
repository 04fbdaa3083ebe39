"""Which layers of the wall this machine can put up, tried once per process, and a sentence about each layer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from fairway.drivers.wall.groups import can_close
from fairway.drivers.wall.users import uids
from fairway.shared.failures import Retry

ENCLOSURE: Final = Path(__file__).with_name("enclosure.py")
ANSWERS_WITHIN = 30.0  # seconds; a busy machine takes two
ENQUIRIES = 3

USER, FILES, VIEW, PORTS = "user", "files", "view", "ports"
LAYERS: Final = (USER, FILES, VIEW, PORTS)  # also the words with which an administrator requires them


@dataclass(frozen=True)
class Layer:
    """One layer of the wall: whether it can be put up here, and a sentence about what that means, for the page."""

    name: str
    stands: bool
    sentence: str

    def translate(self) -> str:
        """The layer as one line of a log."""
        return f"{'Wall' if self.stands else 'No wall'} ({self.name}): {self.sentence}"


@dataclass(frozen=True)
class Abilities:
    """What the kernel and our rights allow. `landlock` is the version of its interface (0: none). `view` is how a program
    gets its own view of the file system: ``root`` (we may mount), ``user`` (in a user namespace) or "" (not at all).
    `groups` says whether control groups can close ports.
    """

    landlock: int = 0
    own_user: bool = False
    view: str = ""
    groups: bool = False

    def stands(self, layer: str) -> bool:
        """Whether this layer can be put up here."""
        return {
            USER: self.own_user,
            FILES: self.landlock > 0,
            VIEW: bool(self.view),
            PORTS: self.groups or self.landlock >= 4,
        }[layer]

    def layers(self) -> tuple[Layer, ...]:
        """Every layer with its sentence."""
        return tuple(Layer(name, self.stands(name), self._sentence(name)) for name in LAYERS)

    def _sentence(self, layer: str) -> str:
        if layer == PORTS and self.stands(PORTS) and not self.groups:
            return TCP_ONLY
        return SENTENCES[layer, self.stands(layer)]


SENTENCES: Final = {
    (USER, True): "Each application runs as a user of its own, without any rights of Fairway's.",
    (USER, False): "Applications run as Fairway's own user, so only the walls below stand between them; "
    "where Fairway runs as root, each gets a user of its own.",
    (FILES, True): "An application reaches only its own files and this machine's programs, "
    "and neither memory nor environment of others (Landlock).",
    (
        FILES,
        False,
    ): "This kernel has no Landlock (it needs Linux 5.13 or newer): files are kept apart by the other walls only.",
    (VIEW, True): "Fairway's data, its sockets and the folders of others are out of an application's view; /tmp is its own.",
    (VIEW, False): "Applications see this machine's folders and have no /tmp of their own, because neither root nor user "
    "namespaces are allowed here: sockets and file modes of Fairway's user are within their reach.",
    (PORTS, True): "The ports of other applications and of Fairway's pages are closed to an application; "
    "what another one opens beside its own port is not.",
    (PORTS, False): "Applications reach each other's ports and Fairway's on this machine; "
    "closing them needs Linux 6.7 or newer with Landlock.",
}
TCP_ONLY: Final = (
    "The TCP ports of other applications and of Fairway's pages are closed to an application; UDP ports are not, and "
    "neither is what another one opens beside its own port. Where Fairway runs as root, UDP is closed, too."
)
MISSING: Final = "This environment requires the wall “{layer}”, which cannot be put up here. {sentence}"


@cache
def abilities() -> Abilities:
    """What this machine can do. If the answer cannot be parsed, it counts as nothing.

    Raises `Retry` if there is no answer: a machine that is too busy to answer must not be taken for one without walls. The
    next call asks again.
    """
    own = uids()
    for _ in range(ENQUIRIES):
        try:
            return _read(json.loads(_enquire(own.start if own else 65534)), has_uids=bool(own))
        except (ValueError, KeyError):
            return Abilities()
        except (OSError, subprocess.TimeoutExpired) as problem:
            why = problem
    raise Retry("This machine is too busy to say which walls it can put up; it is tried again.", detail=str(why))


def layers_said() -> list[str]:
    """A line for each layer, or one line that says why they are unknown."""
    try:
        return [layer.translate() for layer in abilities().layers()]
    except Retry as busy:
        return [busy.sentence]


def _enquire(user: int) -> bytes:
    done = subprocess.run(
        [python(), "-I", "-S", "-E", str(ENCLOSURE), str(user)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LANG": "C.UTF-8"},
        cwd="/",
        timeout=ANSWERS_WITHIN,
        check=False,
    )
    return done.stdout


def _read(found: dict[str, Any], *, has_uids: bool) -> Abilities:
    view = "root" if found["view"] else "user" if found["view_as_user"] and os.geteuid() else ""
    # Folders that only Fairway may enter are closed to another user, so its own must be mounted in a view of its own.
    has_user = bool(found["own_user"] and has_uids and view == "root")
    return Abilities(int(found["landlock"]), has_user, view, groups=has_user and can_close())


def python() -> str:
    """The Python that runs our own small programs: the base interpreter of this one, without installed packages."""
    return str(getattr(sys, "_base_executable", sys.executable))
