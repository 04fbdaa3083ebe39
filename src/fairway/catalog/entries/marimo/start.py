"""Starts marimo's editor on the notebooks in the volume. Who may come in is asked before by Fairway."""

import os
import sys

host, port = sys.argv[1:]
work = os.environ.get("VOLUME_WORK", "/work")
os.chdir(work)
os.execvp(
    "marimo",
    ["marimo", "--yes", "edit", "--headless", "--no-token", "--skip-update-check", "--host", host, "--port", port, work],
)
