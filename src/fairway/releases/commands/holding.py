"""Keeps an application from being deleted while a sealed, scheduled or running release needs it."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from fairway.accounts.rules import Blocker
from fairway.applications.commands import IN_USE
from fairway.applications.models import Application
from fairway.releases.models import Package, Release, Rollout
from fairway.releases.queries import statuses_of
from fairway.releases.rules import ROLLOUT_ACTIVE, ReleaseStatus
from fairway.releases.target_state import is_sealed

HOLDING = {ReleaseStatus.SEALED, ReleaseStatus.SCHEDULED, ReleaseStatus.IN_PROGRESS}


def releases_with(application: Application) -> Iterable[Blocker]:
    """The blockers for deleting an application: releases that are sealed, scheduled or in progress with it. A draft does not
    count (the gate reports the missing application later), nor does an ended release."""
    chosen = Package.objects.filter(application=application, deleted_at=None, release__deleted_at=None)
    releases = list(Release.objects.filter(pk__in=chosen.values("release"), cancelled_at=None).order_by("pk"))
    statuses = statuses_of(releases)
    for release in releases:
        if statuses[release.pk] in HOLDING and (is_sealed(release) or _has_rollout(release)):
            yield _holds(release, statuses[release.pk])


def _has_rollout(release: Release) -> bool:
    return Rollout.objects.filter(release=release, status__in=sorted(ROLLOUT_ACTIVE)).exists()


def _holds(release: Release, status: ReleaseStatus) -> Blocker:
    words = {"release": release}
    if status == ReleaseStatus.SEALED:
        sentence, who = _("%(release)s is sealed and contains it."), _("a Release Manager, by unsealing or cancelling it")
    elif status == ReleaseStatus.SCHEDULED:
        sentence, who = _("%(release)s is scheduled and contains it."), _("a Release Manager, by cancelling the schedule")
    else:
        sentence, who = _("%(release)s is under way and contains it."), _("a Release Manager, by ending or cancelling it")
    return Blocker(code="in_release", sentence=sentence % words, who=who, details={"release": release.pk})


IN_USE.append(releases_with)
