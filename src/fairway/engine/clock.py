"""The one clock that leases, deadlines and schedules are read on: the database's."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils import timezone


def now() -> datetime:
    """The database's time, aware.

    PostgreSQL is asked, since its clock and this machine's may differ. An SQLite file lies on this machine, and its
    clock is the one Python reads, so the question is spared.
    """
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    assert isinstance(moment, datetime)
    return moment
