"""What a cron schedule says, in the reader's language: “from Monday to Friday at 02:30”."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fairway.environments.cron import Cron

MOST_TIMES = 8  # that are listed one by one
ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS, ALL_HOURS = 31, 12, 7, 24


def cron_words(cron: Cron) -> str:
    """The schedule as a phrase with a small first letter, without its zone."""
    days = _days(cron)
    if interval := _interval(cron):
        return _("%(times)s, %(days)s") % {"times": interval, "days": days} if days else interval
    words = {"days": days or _("every day"), "times": _times(cron)}
    return _("%(days)s at %(times)s") % words


def _interval(cron: Cron) -> str:
    """What comes again within the hour, or every few hours; "" for a few times a day."""
    step, hours = _step(cron.minutes, 60), cron.hours
    if len(hours) == ALL_HOURS:
        if len(cron.minutes) == 1 and cron.minutes[0] == 0:
            return _("every hour")
        return _every(step) if step else _at_minutes(cron)
    if len(hours) * len(cron.minutes) <= MOST_TIMES:
        return ""
    if step and _is_run(hours):
        first, last = f"{hours[0]:02}:00", f"{hours[-1]:02}:{cron.minutes[-1]:02}"
        return _("%(often)s from %(first)s to %(last)s") % {"often": _every(step), "first": first, "last": last}
    if len(cron.minutes) == 1 and (every := _step(hours, ALL_HOURS)):
        words = {"count": every, "time": f"00:{cron.minutes[0]:02}"}
        return _("every %(count)s hours from %(time)s") % words
    words = {"minutes": _listed(f"{minute:02}" for minute in cron.minutes), "hours": _listed(map(str, hours))}
    return _("at minutes %(minutes)s of the hours %(hours)s") % words


def _every(minutes: int) -> str:
    return _("every minute") if minutes == 1 else _("every %(count)s minutes") % {"count": minutes}


def _at_minutes(cron: Cron) -> str:
    minutes = _listed(map(str, cron.minutes))
    words = ngettext("every hour at minute %(minutes)s", "every hour at minutes %(minutes)s", len(cron.minutes))
    return words % {"minutes": minutes}


def _times(cron: Cron) -> str:
    return _listed(f"{hour:02}:{minute:02}" for hour in cron.hours for minute in cron.minutes)


def _days(cron: Cron) -> str:
    """The days that count; "" for all."""
    months = "" if len(cron.months) == ALL_MONTHS else _listed(str(MONTHS[month]) for month in sorted(cron.months))
    has_days, has_weekdays = len(cron.days) < ALL_DAYS, len(cron.weekdays) < ALL_WEEKDAYS
    if not has_days and not has_weekdays:
        return _("every day in %(months)s") % {"months": months} if months else ""
    if not has_days:
        return _in(_weekdays(cron), months)
    days = _days_of_month(cron, months)
    if not has_weekdays:
        return days
    if cron.by_day and cron.by_weekday:
        return _("%(days)s, and %(weekdays)s") % {"days": days, "weekdays": _in(_weekdays(cron), months)}
    return _("%(days)s, if it is a %(weekdays)s") % {"days": days, "weekdays": _listed(_names(cron), _("or"))}


def _in(days: str, months: str) -> str:
    return _("%(days)s in %(months)s") % {"days": days, "months": months} if months else days


def _days_of_month(cron: Cron, months: str) -> str:
    words = {"days": _listed(map(str, sorted(cron.days))), "months": months}
    if months:
        return ngettext("on day %(days)s of %(months)s", "on days %(days)s of %(months)s", len(cron.days)) % words
    return ngettext("on day %(days)s of each month", "on days %(days)s of each month", len(cron.days)) % words


def _weekdays(cron: Cron) -> str:
    names = _names(cron)
    if len(names) > 2 and _is_run(_from_monday(cron)):
        return _("from %(first)s to %(last)s") % {"first": names[0], "last": names[-1]}
    return _("every %(days)s") % {"days": _listed(names)}


def _names(cron: Cron) -> list[str]:
    return [str(WEEKDAYS[day]) for day in _from_monday(cron)]


def _from_monday(cron: Cron) -> list[int]:
    """The weekdays from Monday = 0, in order."""
    return sorted((day - 1) % 7 for day in cron.weekdays)


def _step(values: Sequence[int], whole: int) -> int:
    """The distance between values that start at 0 and come again evenly, also from one hour or day to the next; else 0."""
    step = whole // len(values)
    return step if tuple(range(0, whole, step)) == tuple(values) else 0


def _is_run(values: Sequence[int]) -> bool:
    return list(values) == list(range(values[0], values[-1] + 1))


def _listed(items: Iterable[str], word: str = "") -> str:
    """“a, b and c”."""
    *most, last = items
    return f"{', '.join(most)} {word or _('and')} {last}" if most else last
