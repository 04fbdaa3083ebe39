"""The workflow that worker processes run in crash tests: steps `a`, `b`, `c`, each noting in a file what it did.

A worker may be told to stall at one place: it prints ``stalled`` and stays there until it is killed or the gate opens.
Places: ``begin:before:b`` (in the transaction that starts step b), ``begin:after:b`` (just committed), ``inside:b``,
``finish:before:b``, ``finish:after:b``, ``inside:clean-up``, ``ended:before``.
"""

from __future__ import annotations

import time
from pathlib import Path

from django.db import transaction

from fairway.engine.workflow import Step, Workflow, Workflows
from fairway.shared.failures import Refused


class StallingWorkflow:
    """One worker's side of the workflow."""

    def __init__(self, name: str, log: Path, *, stall: str = "", gate: Path | None = None) -> None:
        self.name, self.log, self.place, self.gate = name, log, stall, gate

    def workflows(self) -> Workflows:
        workflows = Workflows()
        steps = tuple(Step(name, self.step) for name in "abc")
        workflows.register(Workflow("example", steps, clean_up=self.clean_up, watcher=self))
        return workflows

    def note(self, word: str, run_id: int, step: str) -> None:
        with self.log.open("a") as file:
            file.write(f"{word} {run_id} {step} {self.name}\n")

    def stall(self, place: str) -> None:
        if place != self.place:
            return
        print("stalled", flush=True)
        while self.gate is None or not self.gate.exists():
            time.sleep(0.01)

    def step(self, context):
        self.note("begin", context.run_id, context.step)
        self.stall(f"inside:{context.step}")
        try:
            context.checkpoint(**{f"{context.step}_by": self.name})
        except BaseException as problem:
            print(type(problem).__name__, flush=True)
            raise
        if context.step == "c" and context.payload.get("bad"):
            raise Refused("Bad.")
        self.note("done", context.run_id, context.step)

    def clean_up(self, context, ending):
        self.note("begin", context.run_id, context.step)
        self.stall("inside:clean-up")
        self.note("done", context.run_id, context.step)

    def started(self, run):
        pass

    def step_started(self, run, step, attempt):
        self.stall(f"begin:before:{step}")
        transaction.on_commit(lambda: self.stall(f"begin:after:{step}"))

    def step_finished(self, run, step, status, sentence):
        self.stall(f"finish:before:{step}")
        transaction.on_commit(lambda: self.stall(f"finish:after:{step}"))

    def waiting(self, run, reason):
        pass

    def ended(self, run, ending):
        self.stall("ended:before")
