"""Workers hear at once that there is something to do, from whichever process; a worker that was killed leaves nothing."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from django.db import connection, transaction

from fairway.engine import waking
from tests.services.waiting import PATIENCE


@pytest.fixture
def listening(database):
    """The event of a listener that hears only what comes between processes, and never looks by itself."""
    wakeup, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=waking.listen, args=(wakeup, stop, 3600))
    thread.start()
    assert wakeup.wait(PATIENCE)  # it listens
    wakeup.clear()
    yield wakeup
    stop.set()
    waking.notify()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_commit_is_heard(listening):
    with transaction.atomic():
        waking.notify()
        assert not listening.is_set()
    assert listening.wait(PATIENCE)


def test_what_was_rolled_back_is_not(listening):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        waking.notify()
        _ = 1 / 0
    assert not listening.wait(0.2)


def test_the_pipe_of_a_killed_worker_is_cleared_away(listening):
    if connection.vendor != "sqlite":
        return  # PostgreSQL forgets a listener with its connection
    folder = Path(str(connection.settings_dict["NAME"]) + waking.PIPES)
    (alive,) = os.listdir(folder)
    os.mkfifo(folder / "left")
    waking.notify()
    assert listening.wait(PATIENCE)
    assert os.listdir(folder) == [alive]
