"""Writes scheduled releases and freezes as iCalendar (RFC 5545). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fairway import __version__


class Certainty(StrEnum):
    """The property STATUS of RFC 5545."""

    TENTATIVE = "TENTATIVE"  # it would be blocked as things are now
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class Item:
    """One calendar event. `uid` never changes, `sequence` grows with each change; times have zones."""

    uid: str
    sequence: int
    title: str
    starts: datetime
    ends: datetime
    certainty: Certainty
    url: str
    text: str = ""
    changed_at: datetime | None = None


def icalendar_of(items: Iterable[Item], *, name: str, now: datetime) -> bytes:
    """The feed; it asks calendar programs to read it again every hour."""
    from icalendar import Calendar  # loaded late: 6 MB that only feeds need

    calendar = Calendar()
    calendar.add("prodid", f"-//Fairway//{__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval;value=duration", "PT1H")
    for item in items:
        calendar.add_component(_event(item, now))
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _event(item: Item, now: datetime):  # type: ignore[no-untyped-def] # the library's own class, loaded late
    from icalendar import Event

    event = Event()
    event.add("uid", item.uid)
    event.add("sequence", item.sequence)
    event.add("dtstamp", item.changed_at or now)
    event.add("dtstart", item.starts)
    event.add("dtend", item.ends)
    event.add("summary", item.title)
    event.add("status", item.certainty.value)
    event.add("url", item.url)
    if item.text:
        event.add("description", item.text)
    return event
