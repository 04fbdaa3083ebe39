"""Sessions that end: when they have not been used for a while, and after a time however much they are used.

They are Django's, in its table. `BEGAN` in a session says when its person signed in; it is the only thing that decides about
the second limit, whatever else is stored in the session later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

BEGAN = "fairway_began"  # in the session: when its person signed in (Unix time)


def ends_at(began: datetime, now: datetime) -> datetime:
    """When a session of somebody who signed in at `began` ends if it is not used after `now`."""
    ends = began + timedelta(hours=settings.SESSION_HOURS)
    idle = settings.SESSION_IDLE_MINUTES
    return min(ends, now + timedelta(minutes=idle)) if idle else ends


class SessionStore(DatabaseStore):
    """Django's, with the limits of this installation for sessions in which somebody is signed in."""

    def get_expiry_date(self, **given: Any) -> datetime:
        usual: datetime = super().get_expiry_date(**given)
        began = self.get(BEGAN)
        if began is None:
            return usual
        return min(usual, ends_at(datetime.fromtimestamp(began, UTC), datetime.now(UTC)))
