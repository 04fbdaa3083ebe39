"""What Fairway's own programs have in common: what keeps one from starting is said in a sentence, without a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

CANNOT_START = 2  # exit code
NO_TABLES = ("no such table", "UndefinedTable", "no such column", "UndefinedColumn")


def run(main: Callable[[], int], *, is_beginning: bool = False) -> NoReturn:
    """Run a program and exit with its code, or with `CANNOT_START`. Unless it `is_beginning` an installation, it makes none
    in a folder that has none, such as one that was mistyped."""
    data = Path(os.environ.get("FAIRWAY_DATA", "~/.local/share/fairway")).expanduser()
    if not (is_beginning or (data / "keys").is_dir()):
        sys.stderr.write(f"There is no Fairway in {data}.\n")
        sys.exit(CANNOT_START)
    try:
        code = main()
    except Exception as problem:
        refuse(problem)
    sys.exit(code)


def refuse(problem: Exception, before: str = "") -> NoReturn:
    """Write the sentence and exit; raise the problem again if it has none."""
    sentence = sentence_for(problem)
    if sentence is None:
        raise problem
    sys.stderr.write(f"{before}{sentence}\n")
    raise SystemExit(CANNOT_START)


def sentence_for(problem: Exception) -> str | None:
    """What is wrong and what to do; None for a defect of Fairway."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError, InterfaceError

    if isinstance(problem, ImproperlyConfigured):
        return str(problem)
    if isinstance(problem, DatabaseError | InterfaceError):
        if any(word in f"{problem} {type(problem.__cause__).__name__}" for word in NO_TABLES):
            where = os.environ.get("FAIRWAY_DATA", "")
            return f"The database of {where} has no tables of this version yet. Start Fairway there once: fairway up"
        said = " ".join(str(problem).split())
        return f"The database cannot be used: {said[:300]}"
    return None
