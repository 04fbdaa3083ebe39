"""One round of garbage collection: remove all that may be removed, record one event, measure the disk."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping

from django.conf import settings
from django.db import transaction

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.insights.storage import COLLECTED, measure, store_usage
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
    """Run all kinds of garbage collection; returns how much of each kind was removed. An error in one stops no other."""
    counted = Counter(_artifacts())
    for tidy in ROUNDS:
        counted.update(_protected(tidy))
    gone = {kind: number for kind, number in counted.items() if number}
    if gone:
        log.info("Collected %s", ", ".join(f"{number} {kind}" for kind, number in gone.items()))
        with transaction.atomic():
            record(who=SYSTEM.who, verb=COLLECTED, on=On("storage", 0, "Fairway"), after=gone)
    data = settings.DATA.folder()
    store_usage(data, measure(data))
    return gone


def _artifacts() -> dict[str, int]:
    gone = _protected(lambda: {name: len(digests) for name, digests in collect().items()})
    return {"artifacts": sum(gone.values())}


def _protected(tidy: Callable[[], Mapping[str, int]]) -> Mapping[str, int]:
    try:
        return tidy()
    except Exception:  # logged; the next round may succeed
        log.exception("Something could not be collected")
        return {}
