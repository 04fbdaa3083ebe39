"""A worker process for crash tests: ``python -m tests.engine.worker NAME LEASE POLL LOG [STALL [GATE]]``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

import django


def main(name: str, lease: str, poll: str, log: str, stall: str = "", gate: str = "") -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.engine.settings"
    django.setup()
    from fairway.engine.runner import Runner
    from tests.engine.stalling import StallingWorkflow

    teller = StallingWorkflow(name, Path(log), stall=stall, gate=Path(gate) if gate else None)
    runner = Runner(teller.workflows(), worker_name=name, lease=timedelta(seconds=float(lease)), poll=float(poll))
    stop = threading.Event()

    def leave(*_: object) -> None:
        stop.set()
        runner.wake()

    signal.signal(signal.SIGTERM, leave)
    runner.run_forever(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
