"""Every process of the machine is gone at once; a fresh start brings back what should run, and only that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.services.installation import wait_for
from tests.workflows.test_outage import _held_at, _let_go

pytestmark = pytest.mark.postgres


def test_every_process_of_the_machine_is_gone(spread):
    """A fresh start brings back what should run, and only that; what was being deployed goes on."""
    desk, moments = spread.desk, spread.moments
    running, first = desk.launched("running")
    desk.scale(running, 2)
    desk.settles(running, first, "1", replicas=2)
    stopped, _ = desk.launched("stopped")
    desk.act(stopped, "stopping")
    wait_for(lambda: desk.fairway.placement(stopped)["health"] == "stopped", "it is stopped")
    numbers = _held_at(desk, moments, "amid:start", "amid:switch", "amid:retire")
    desk.fairway.kill_everything()
    with pytest.raises(OSError, match="refused"):
        desk.visit(running)
    _let_go(moments, numbers)
    desk.fairway.start()
    for (slug, _moment), number in numbers.items():
        desk.fairway.live(number)
        desk.settles(slug, number, "2")
    desk.settles(running, first, "1", replicas=2)
    assert (desk.visit(stopped).status, desk.fairway.placement(stopped)["health"]) == (503, "stopped")
    _each_runs_once(desk, [*(slug for slug, _moment in numbers), running, running])
    desk.is_whole()


def _each_runs_once(desk, wanted):
    """One application process per replica, counted on the machine itself; and one proxy."""
    everything = desk.fairway.processes()
    instances = desk.fairway.data / "process" / "instances"
    at_work = [Path(os.readlink(f"/proc/{pid}/cwd")) for pid, words in everything.items() if "main.py" in words]
    names = [place.relative_to(instances).parts[0].removeprefix("fairway-").partition(".")[0] for place in at_work]
    assert sorted(name for name in names if name in {*wanted, "stopped"}) == sorted(wanted)
    assert len([words for words in everything.values() if "caddy run" in words]) == 1
