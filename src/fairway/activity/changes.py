"""Whether somebody changed a thing since a person began to edit it. Events are its versions: nothing else is kept.

A form carries the number of the newest event when it was read; numbers are in commit order, so that a change that the person
did not see has a higher one. Ask under the lock of the row that is about to change.
"""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from fairway.activity.models import Event
from fairway.shared.failures import Refused


class Changed(Refused):
    """Somebody changed it first; `event` says who, when and what, `fields` which of what is being edited."""

    def __init__(self, event: Event, fields: list[str]) -> None:
        words = {"who": event.actor_name, "fields": ", ".join(fields)}
        super().__init__(_("%(who)s has changed this since you began: %(fields)s. Nothing was saved.") % words)
        self.event, self.fields = event, fields


def refuse_stale(as_of: int | None, *verbs: str, fields: Collection[str] = (), **about: object) -> None:
    """Raises `Changed` where one of these verbs happened after event `as_of` to what `about` says (columns of events).

    With `fields`, only a change of one of them counts. Without `as_of`, nobody asks.
    """
    if as_of is None:
        return
    for event in Event.objects.filter(pk__gt=as_of, verb__in=verbs, **about).order_by("-pk"):
        changed = changed_fields(event)
        if touched := [name for name in changed if not fields or name in fields]:
            raise Changed(event, touched)


def changed_fields(event: Event) -> list[str]:
    """The names of what differs between before and after."""
    names = [*event.after, *(name for name in event.before if name not in event.after)]
    return [name for name in names if event.before.get(name) != event.after.get(name)]
