"""Read by every Python of an installation that is given this folder as PYTHONPATH: its workers can be held at any moment.

A deployment of the application ``site`` is held at ``amid:switch`` while the file ``$FAIRWAY_TEST_MOMENTS/site/amid:switch``
exists; ``…/amid:switch.held`` then names the worker. Nothing of the product knows of this. The moments of every step, and of
the clean-up: ``begin`` (its start is committed, with the end of the step before), ``amid`` (half of it is done) and ``end``
(done, not recorded); of the last also ``finish`` (all is recorded). See `AMID` and `ABOUT` for what half means.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
from importlib.abc import MetaPathFinder
from pathlib import Path

FOLDER = Path(os.environ.get("FAIRWAY_TEST_MOMENTS", "/nonexistent"))
SKEW = float(os.environ.get("FAIRWAY_TEST_SKEW", "0"))  # seconds by which this process's clock is wrong
LAST_IMPORT = "fairway.worker.main"  # once this is imported, everything that is wrapped below is

# After the call of this name in fairway.workflows.deploy, its step is half done.
AMID = {
    "prepare": "artifact_from_source",  # built, and not known to be
    "start": "start_all",
    "check": "check_all",
    "retire": "stop_all",  # stopped, and not removed
    "clean-up": "_give_back",  # the old serves, the new is not removed
}
# Before the call of this name: the last moment at which a step could still be held back.
ABOUT = {"start": "start_all", "switch": "live_route", "retire": "stop_all", "clean-up": "start_all"}

here = threading.local()


class AfterImport(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != LAST_IMPORT:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            plant()

        spec.loader.exec_module = exec_module
        return spec


def reach(moment: str) -> None:
    """Stay here as long as the test wants it."""
    if getattr(here, "kind", "") != "deploy":
        return
    armed = FOLDER / here.key.partition(":")[0] / f"{moment}:{here.step}"
    if not armed.exists():
        return
    draft = armed.with_name(f"{armed.name}.{threading.get_ident()}")
    draft.write_text(str(os.getpid()))
    draft.rename(armed.with_name(f"{armed.name}.held"))
    while armed.exists():
        time.sleep(0.02)


def plant() -> None:
    import fairway.engine.execution as execution
    import fairway.engine.transitions as transitions
    import fairway.workflows.deploy as deploy
    from fairway.drivers.proxy import CaddyProxy
    from fairway.drivers.runtimes.process.runtime import ProcessRuntime

    for name in ("begin_step", "begin_clean_up"):
        setattr(transitions, name, begun(getattr(transitions, name)))
    for name in ("finish_step", "finish_clean_up"):
        setattr(transitions, name, finished(getattr(transitions, name)))
    for step, name in ABOUT.items():
        setattr(deploy, name, held(getattr(deploy, name), step, before="about"))
    for step, name in AMID.items():
        setattr(deploy, name, held(getattr(deploy, name), step, after="amid"))
    ProcessRuntime.is_distributed = held(ProcessRuntime.is_distributed, "distribute", after="amid")
    CaddyProxy.ensure_route = held(CaddyProxy.ensure_route, "switch", after="amid")
    execution.Execution.run = told(execution.Execution.run)
    if SKEW:
        set_the_clock_wrong()


def set_the_clock_wrong() -> None:
    """As Python and Django read it. (libfaketime also bends what threads wait by, so that they sleep an hour too long.)"""
    from datetime import timedelta

    from django.utils import timezone

    right, right_now = time.time, timezone.now
    time.time = lambda: right() + SKEW
    timezone.now = lambda: right_now() + timedelta(seconds=SKEW)


def begun(begin):
    def wrapper(*given, **more):
        run = begin(*given, **more)
        here.kind, here.key = run.kind, run.key
        here.step = "clean-up" if begin.__name__ == "begin_clean_up" else run.step
        if not run.is_finished:
            reach("begin")
        return run

    return wrapper


def finished(finish):
    def wrapper(*given, **more):
        reach("end")
        run = finish(*given, **more)
        if run.is_finished:
            reach("finish")
        elif not run.outcome:
            here.step = run.step  # begun in the same transaction
            reach("begin")
        return run

    return wrapper


def held(act, step, *, before="", after=""):
    def wrapper(*given, **more):
        if before and getattr(here, "step", "") == step:
            reach(before)
        result = act(*given, **more)
        if after and getattr(here, "step", "") == step:
            reach(after)
        return result

    return wrapper


def told(run):
    """Says when a worker has let go of a run, however that came."""

    def wrapper(execution):
        try:
            run(execution)
        finally:
            if getattr(here, "kind", "") == "deploy":
                (FOLDER / f"{here.key.partition(':')[0]}.let-go-by-{os.getpid()}").touch()

    return wrapper


if FOLDER.is_dir():
    sys.meta_path.insert(0, AfterImport())
