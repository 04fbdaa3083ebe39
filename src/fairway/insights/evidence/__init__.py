"""What is signed about a deployment or a release: which bytes, built how, asked for and approved by whom, measured how.

`of_deployment` and `of_release` collect the statements of one file, each from what the reader may see; `signed` signs them.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from fairway.activity.envelopes import Statement

MEDIA_TYPE = "application/vnd.in-toto.bundle"


def signed(statements: Iterable[Statement]) -> str:
    """The file: one DSSE envelope per line."""
    return "".join(f"{statement.signed(settings.HEAD_KEY)}\n" for statement in statements)
