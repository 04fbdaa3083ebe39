"""The clock for leases, deadlines and schedules: the database's."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils import timezone


def now() -> datetime:
    """The database's time, with its time zone.

    PostgreSQL is asked, because its clock and this machine's may differ. An SQLite file lies on this machine, so its clock
    is the one that Python reads, and no query is needed.
    """
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    assert isinstance(moment, datetime)
    return moment
