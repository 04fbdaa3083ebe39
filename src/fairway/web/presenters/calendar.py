"""Contexts of the calendar (scheduled rollouts, freezes, locks), and the items of its feed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from fairway.accounts.feeds import has_feed
from fairway.accounts.rules import Act, Actor, may
from fairway.environments.freeze_queries import freezes_visible_to
from fairway.environments.freeze_rules import Kind, occurrences
from fairway.environments.models import Environment, FreezeWindow
from fairway.environments.queries import visible_to
from fairway.insights.ical import Certainty, Item
from fairway.releases import queries
from fairway.releases.gate_rules import release_blockers
from fairway.releases.models import Rollout
from fairway.releases.rules import ROLLOUT_NOT_BEGUN, RolloutStatus
from fairway.releases.target_state import target_state_of
from fairway.web.presenters.acts import Button
from fairway.web.presenters.calendar_grid import Day, Entry, Span, instants, span, weeks

FEED_PAST, FEED_FUTURE = timedelta(days=90), timedelta(days=400)
MOST_OF_ONE, MOST_IN_FEED = 500, 5_000  # occurrences of a freeze (every day has 490), entries; each takes 0.3 ms
SHOWN_LENGTH = timedelta(hours=1)  # of a release in calendar programs, because its duration is not known


def calendar_shown(actor: Actor, *, view: str, at: date, zone: ZoneInfo, environment: str, feed_url: str) -> dict[str, Any]:
    """The context of ``calendar/calendar.html``. Raises `Invalid` for a date out of range."""
    shown = span(view, at)
    today = timezone.now().astimezone(zone).date()
    chosen = [one for one in visible_to(actor) if environment in ("", one.slug)]
    rows = weeks(shown, entries(actor, chosen, *instants(shown, zone)), zone=zone, today=today)
    may_plan = may(actor, Act.CREATE_RELEASE)
    return {
        "view": shown.view,
        "title": _title(shown),
        "zone": zone.key,
        "weeks": [[_day(one, may_plan) for one in row] for row in rows],
        "headings": [date_format(one.day, "l") for one in rows[0]],
        "links": _links(shown, today, environment),
        "environments": _environments(actor, shown, environment),
        "create": Button(_("New release"), reverse("release-new"), "plus", "primary", method="get") if may_plan else None,
        "feed": _feed(actor, feed_url),
    }


def entries(actor: Actor, chosen: Sequence[Environment], begins: datetime, ends: datetime) -> list[Entry]:
    """Everything between two instants."""
    found = [_rollout(one) for one in queries.planned_between(actor, begins, ends) if one.environment in chosen]
    return [*found, *_freezes(actor, chosen, begins, ends), *_locks(chosen, begins, ends)]


def _rollout(rollout: Rollout) -> Entry:
    assert rollout.planned_at is not None
    url = reverse("rollout-detail", args=[rollout.release_id, rollout.pk])
    title, where = str(rollout.release), rollout.environment.name
    return Entry("release", title, rollout.planned_at, rollout.planned_at, url, rollout.status, where, conflict_of(rollout))


def conflict_of(rollout: Rollout) -> str:
    """The first blocker of a scheduled rollout at its time, as things are now; "" if there is none or it has begun."""
    if rollout.status not in ROLLOUT_NOT_BEGUN:
        return ""
    state = replace(target_state_of(rollout.release, rollout.environment), active_rollout=None)
    at = rollout.planned_at if rollout.status == RolloutStatus.SCHEDULED else None
    found = release_blockers(Act.SCHEDULE_RELEASE, state, queries.requester_of(rollout), at)
    return found[0].sentence if found else ""


def _freezes(actor: Actor, chosen: Sequence[Environment], begins: datetime, ends: datetime) -> Iterator[Entry]:
    slugs, names = {one.slug for one in chosen}, {one.slug: one.name for one in chosen}
    for row in freezes_visible_to(actor):
        window = row.window
        if window.kind != Kind.DENY or (window.environments and not window.environments & slugs):
            continue
        where = ", ".join(names[slug] for slug in sorted(window.environments & slugs))
        for one in occurrences(window, begins, until=ends):
            yield Entry("freeze", _freeze_title(row), one.starts, one.ends, reverse("freeze-list"), "", where)


def _freeze_title(row: FreezeWindow) -> str:
    return row.name or row.reason


def _locks(chosen: Iterable[Environment], begins: datetime, ends: datetime) -> Iterator[Entry]:
    for one in chosen:
        lock = one.lock
        if lock is not None and lock.at < ends:
            title = _("Locked: %(reason)s") % {"reason": lock.reason}
            until = lock.until or ends
            yield Entry("lock", title, lock.at, until, reverse("environment-detail", args=[one.slug]), "", one.name)


def _title(shown: Span) -> str:
    if shown.view == "month":
        return date_format(shown.at, "F Y")
    return f"{date_format(shown.first, 'j F')} – {date_format(shown.last, 'j F Y')}"


def _day(day: Day, may_plan: bool) -> dict[str, Any]:
    url = f"{reverse('release-new')}?day={day.day.isoformat()}" if may_plan else ""
    return {
        "day": day.day,
        "is_today": day.is_today,
        "is_outside": day.is_outside,
        "pieces": day.pieces,
        "url": url,
    }


def _links(shown: Span, today: date, environment: str) -> dict[str, str]:
    return {
        "before": _address(shown.view, shown.before, environment),
        "after": _address(shown.view, shown.after, environment),
        "today": _address(shown.view, today, environment),
        "month": _address("month", shown.at, environment),
        "week": _address("week", shown.at, environment),
    }


def _address(view: str, at: date, environment: str) -> str:
    chosen = f"&environment={environment}" if environment else ""
    return f"{reverse('calendar')}?view={view}&at={at.isoformat()}{chosen}"


def _environments(actor: Actor, shown: Span, environment: str) -> list[dict[str, Any]]:
    every = [("", _("All")), *((one.slug, one.name) for one in visible_to(actor))]
    return [
        {"slug": slug, "name": name, "is_chosen": slug == environment, "url": _address(shown.view, shown.at, slug)}
        for slug, name in every
    ]


def _feed(actor: Actor, url: str) -> dict[str, Any]:
    has_one = has_feed(actor)
    label = _("Create a new address") if has_one else _("Create an address")
    revoke = Button(_("Revoke it"), reverse("calendar-feed-revoke"), "trash", "danger")
    return {
        "url": url,
        "make": Button(label, reverse("calendar-feed-make"), "restart" if has_one else "link"),
        "revoke": revoke if has_one else None,
    }


def feed_items(actor: Actor, address: str) -> Iterator[Item]:
    """The feed's items that its owner may see. `address` is Fairway's URL."""
    now = timezone.now()
    begins, ends = now - FEED_PAST, now + FEED_FUTURE
    for one in queries.planned_between(actor, begins, ends):
        yield _item(one, address)
    environments = list(visible_to(actor))
    for row in freezes_visible_to(actor):
        if row.window.kind == Kind.DENY:
            yield from _freeze_items(row, environments, begins, ends, address)


def _item(rollout: Rollout, address: str) -> Item:
    assert rollout.planned_at is not None
    starts = rollout.planned_at.astimezone(ZoneInfo(rollout.zone or "UTC"))
    conflict = conflict_of(rollout)
    return Item(
        uid=f"rollout-{rollout.pk}@{_host(address)}",
        sequence=rollout.sequence + (rollout.status == RolloutStatus.CANCELLED),
        title=f"{rollout.release} → {rollout.environment.name}",
        starts=starts,
        ends=starts + SHOWN_LENGTH,
        certainty=_certainty(rollout, conflict),
        url=f"{address}{reverse('rollout-detail', args=[rollout.release_id, rollout.pk])}",
        text=conflict,
    )


def _certainty(rollout: Rollout, conflict: str) -> Certainty:
    if rollout.status == RolloutStatus.CANCELLED:
        return Certainty.CANCELLED
    return Certainty.TENTATIVE if conflict or rollout.status == RolloutStatus.HELD else Certainty.CONFIRMED


def _freeze_items(
    row: FreezeWindow, environments: Sequence[Environment], begins: datetime, ends: datetime, address: str
) -> Iterator[Item]:
    window = row.window
    slugs = {environment.slug for environment in environments}
    if window.environments and not window.environments & slugs:
        return
    zone = ZoneInfo(window.zone)
    for occurrence in occurrences(window, begins, count=MOST_OF_ONE, until=ends):
        yield Item(
            uid=f"freeze-{row.pk}-{occurrence.starts:%Y%m%dT%H%MZ}@{_host(address)}",
            sequence=0,
            title=_("Freeze: %(name)s") % {"name": _freeze_title(row)},
            starts=occurrence.starts.astimezone(zone),
            ends=occurrence.ends.astimezone(zone),
            certainty=Certainty.CONFIRMED,
            url=f"{address}{reverse('freeze-list')}",
            text=row.reason,
        )


def _host(address: str) -> str:
    return address.partition("://")[2].partition("/")[0].partition(":")[0] or "fairway"
