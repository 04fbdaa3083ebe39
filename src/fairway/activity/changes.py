"""Detects that something was changed after a person began to edit it. Its events serve as version numbers.

A form carries the number of the newest event at the time it was read. Numbers are in commit order, so a change that the
person did not see has a higher number. Check while the row that is about to change is locked.
"""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from fairway.activity.models import Event
from fairway.shared.failures import Refused


class Changed(Refused):
    """Somebody else changed it first; `event` says who, when and what, `fields` which of the edited fields."""

    def __init__(self, event: Event, fields: list[str]) -> None:
        words = {"who": event.actor_name, "fields": ", ".join(fields)}
        super().__init__(_("%(who)s has changed this since you began: %(fields)s. Nothing was saved.") % words)
        self.event, self.fields = event, fields


def refuse_stale(as_of: int | None, *verbs: str, fields: Collection[str] = (), **about: object) -> None:
    """Raise `Changed` if one of these verbs happened after event `as_of` to the subject that `about` selects (columns of
    events).

    With `fields`, only a change of one of them counts. Without `as_of`, nothing is checked.
    """
    if as_of is None:
        return
    for event in Event.objects.filter(pk__gt=as_of, verb__in=verbs, **about).order_by("-pk"):
        changed = changed_fields(event)
        if touched := [name for name in changed if not fields or name in fields]:
            raise Changed(event, touched)


def changed_fields(event: Event) -> list[str]:
    """The names of the facts that differ between before and after."""
    names = [*event.after, *(name for name in event.before if name not in event.after)]
    return [name for name in names if event.before.get(name) != event.after.get(name)]
