"""Reads freeze windows, and whether they close something now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from fairway.accounts.rules import Actor, NotVisible, Reach, reach_of
from fairway.environments.freeze_rules import Answer, Window, state_at
from fairway.environments.models import FreezeWindow


def freezes_visible_to(actor: Actor) -> list[FreezeWindow]:
    """The windows that select something this actor may see, by name."""
    reach = reach_of(actor)
    return [row for row in FreezeWindow.objects.filter(deleted_at=None) if reach.meets(_selected(row))]


def _selected(row: FreezeWindow) -> Reach:
    """What a window selects, as pairs."""
    return Reach(
        frozenset(
            (application, environment)
            for application in row.applications or [""]
            for environment in row.environments or [""]
        )
    )


def visible_names(actor: Actor, row: FreezeWindow) -> tuple[list[str], list[str]]:
    """The environments and applications (slugs) that a window names and this actor may see."""
    reach = reach_of(actor)
    environments = [slug for slug in row.environments if reach.meets_environment(slug)]
    return environments, [slug for slug in row.applications if reach.meets_application(slug)]


def get_freeze(actor: Actor, number: int) -> FreezeWindow:
    """The window with this id. Raises `NotVisible`."""
    found = next((row for row in freezes_visible_to(actor) if row.pk == number), None)
    if found is None:
        raise NotVisible("freeze window", number)
    return found


_read: ContextVar[list[list[Window]] | None] = ContextVar("windows_read", default=None)


@contextmanager
def cached_windows() -> Iterator[None]:
    """A context in which `all_windows` reads the table at most once; for reading many states, never for decisions."""
    token = _read.set([])
    try:
        yield
    finally:
        _read.reset(token)


def all_windows() -> list[Window]:
    """All windows that are not deleted, whoever asks: a freeze also binds people who may not see it. One query."""
    kept = _read.get()
    if kept:
        return kept[0]
    found = [row.window for row in FreezeWindow.objects.filter(deleted_at=None)]
    if kept is not None:
        kept.append(found)
    return found


def freeze_state(environment: str, application: str, at: datetime, windows: Iterable[Window] | None = None) -> Answer:
    """Whether deployments of that application to that environment (slugs) are closed at an instant."""
    chosen = all_windows() if windows is None else windows
    return state_at([one for one in chosen if one.selects(environment, application)], at)
