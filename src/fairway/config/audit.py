"""``fairway audit … --data DIR``: verifies the event chain and its signed heads on this machine; Fairway need not run."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fairway.config import programs
from fairway.shared.names import Invalid

if TYPE_CHECKING:
    from fairway.activity.heads import Head
    from fairway.activity.queries import Verification


def main(arguments: list[str] | None = None) -> int:
    """Print the result as JSON; returns exit code 1 if the chain is broken. With ``--print-heads``, print the stored
    heads."""
    parser = argparse.ArgumentParser(prog="fairway audit")
    parser.add_argument("--head", type=Path, action="append", default=[])
    parser.add_argument("--print-heads", action="store_true")
    wanted = parser.parse_args(arguments)
    os.environ["DJANGO_SETTINGS_MODULE"] = "fairway.config.settings"  # overrides the shell's environment
    import django

    django.setup()
    if wanted.print_heads:
        return _print_heads()
    try:
        verification = verified(_kept(wanted.head))
    except (OSError, UnicodeDecodeError, Invalid) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    sys.stdout.write(json.dumps(asdict(verification)) + "\n")
    return 0 if verification.is_intact else 1


def verified(kept: Sequence[Head]) -> Verification:
    """Verify the chain in itself and against the signed heads of this installation and those in `kept`; and verify that the
    database still refuses changes."""
    from django.conf import settings
    from django.db import connection

    from fairway.activity import triggers
    from fairway.activity.checking import head_file
    from fairway.activity.heads import first_mismatch, public_key
    from fairway.activity.queries import verify

    own = head_file().valid()  # read first, because heads that are signed meanwhile are for later events
    result = verify([*own, *kept])
    forged = first_mismatch(own, {head.event: head.hash for head in own}, sys.maxsize, key=public_key(settings.HEAD_KEY))
    if result.is_intact and forged:
        return replace(result, is_intact=False, broken_at=forged.at, sentence=forged.sentence)
    if gone := triggers.missing(connection):
        sentence = (
            f"{result.sentence} But the database no longer refuses changes: {', '.join(gone)} is gone until Fairway runs."
        )
        return replace(result, is_intact=False, sentence=sentence)
    return result


def _kept(files: Sequence[Path]) -> list[Head]:
    from fairway.activity.heads import parse_heads

    return [head for file in files for head in parse_heads(file.read_text(encoding="utf-8").splitlines())]


def _print_heads() -> int:
    from fairway.activity.checking import head_file

    for head in head_file().all():
        sys.stdout.write(f"{head.line()}\n")
    return 0


if __name__ == "__main__":
    programs.run(main)
