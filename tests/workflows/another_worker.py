"""A worker beside the one that the supervisor keeps, on the same machine and the same database."""

from __future__ import annotations

import signal
import threading

from fairway.config.launch import set_up

if __name__ == "__main__":
    set_up()
    from fairway.worker.main import run_worker

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run_worker(stop)
