"""Planned releases and freezes as iCalendar (RFC 5545). Pure but for the library that writes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fairway import __version__


class Certainty(StrEnum):
    """What calendars call STATUS."""

    TENTATIVE = "TENTATIVE"  # it would be stopped as things stand
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class Item:
    """One event. `uid` is the same for ever, `sequence` grows with each change; times carry zones."""

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
    """The whole feed; calendar programs read it again by themselves, about every hour."""
    from icalendar import Calendar  # 6 MB that only whoever writes a feed needs

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
