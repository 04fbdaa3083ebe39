"""What the builder tests share: a progress that remembers, one data directory for real builds, tools that may be missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fairway.shared.failures import Cancelled


class Heard:
    """A `Progress` that remembers its lines; `cancel_when` ends the work when a line fits."""

    def __init__(self, cancel_when: Callable[[str], bool] = lambda line: False) -> None:
        self.lines: list[str] = []
        self.is_cancelled = False
        self._cancel_when = cancel_when

    def line(self, text: str, *, stream: str = "stdout") -> None:
        self.lines.append(text)
        self.is_cancelled = self.is_cancelled or self._cancel_when(text)

    def check(self) -> None:
        if self.is_cancelled:
            raise Cancelled


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="session")
def built_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data directory for all real builds of the session, so that they share its caches.

    Below a hidden folder, as the default ``~/.local/share/fairway`` is.
    """
    place = tmp_path_factory.mktemp("data") / ".local"
    place.mkdir()
    return place


@pytest.fixture(scope="session")
def npm() -> str:
    return _needed("npm", "Node.js with npm is not on this machine")


@pytest.fixture(scope="session")
def git() -> str:
    return _needed("git", "git is not on this machine")


@pytest.fixture(scope="session")
def sshd() -> str:
    return _needed("sshd", "openssh-server is not on this machine", "/usr/sbin/sshd")


def _needed(program: str, sentence: str, *places: str) -> str:
    found = shutil.which(program) or next((place for place in places if os.access(place, os.X_OK)), None)
    if found is None:
        pytest.skip(sentence)
    return found
