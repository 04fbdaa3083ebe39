"""The context of the page about disk usage and garbage collection."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.formats import number_format

from fairway.activity.models import Event
from fairway.insights.storage import last_collections, stored_usage
from fairway.web.words import COLLECTED_LABELS, STORAGE_LABELS


def storage_shown() -> dict[str, Any]:
    """The context of ``settings/storage.html``. Free space is current; the other figures are from the last measurement."""
    measured = stored_usage(settings.DATA.folder())
    rows = [] if measured is None else sorted(measured.taken, key=lambda one: -one.size)
    return {
        "measured": measured,
        "place": str(settings.DATA.folder()),
        "taken": [{"label": STORAGE_LABELS.get(row.kind, row.kind), "size": row.size, "files": row.files} for row in rows],
        "collections": [_collection(event) for event in last_collections()],
        "log_days": number_format(settings.LOG_DAYS, 0),
        "log_bytes": settings.LOG_BYTES,
    }


def _collection(event: Event) -> dict[str, Any]:
    numbers = {name: number for name, number in event.after.items() if name in COLLECTED_LABELS}
    return {
        "at": event.at,
        "what": [{"label": COLLECTED_LABELS[name], "number": number} for name, number in numbers.items()],
        "bytes": event.after.get("log_bytes", 0),
    }
