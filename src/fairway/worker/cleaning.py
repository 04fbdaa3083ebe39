"""One round of cleaning: everything that may go goes, one event says what, and the disk is measured afterwards."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping

from django.conf import settings
from django.db import transaction

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.insights.storage import COLLECTED, measure, remember
from fairway.worker import tidying
from fairway.worker.collecting import collect

log = logging.getLogger(__name__)

ROUNDS: tuple[Callable[[], Mapping[str, int]], ...] = (
    tidying.tidy_logs,
    tidying.tidy_rows,
    tidying.tidy_uploads,
    tidying.tidy_work,
    tidying.tidy_caches,
    tidying.tidy_routes,
    tidying.tidy_deleted_environments,
    tidying.tidy_homes,
)


def clean() -> dict[str, int]:
    """Collect everything there is to collect, and say how much of what went. One kind that breaks stops no other."""
    counted = Counter(_artifacts())
    for tidy in ROUNDS:
        counted.update(_protected(tidy))
    gone = {what: number for what, number in counted.items() if number}
    if gone:
        log.info("Collected %s", ", ".join(f"{number} {what}" for what, number in gone.items()))
        with transaction.atomic():
            record(who=SYSTEM.who, verb=COLLECTED, on=On("storage", 0, "Fairway"), after=gone)
    data = settings.DATA.folder()
    remember(data, measure(data))
    return gone


def _artifacts() -> dict[str, int]:
    gone = _protected(lambda: {name: len(digests) for name, digests in collect().items()})
    return {"artifacts": sum(gone.values())}


def _protected(tidy: Callable[[], Mapping[str, int]]) -> Mapping[str, int]:
    try:
        return tidy()
    except Exception:  # the worker's log says what broke; the next round may go well
        log.exception("Something could not be collected")
        return {}
