"""Guards with which every change of a release begins: they lock its row and check that nothing forbids the change."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, Blocked, Blocker, NotVisible
from fairway.activity.commands import record
from fairway.releases.models import Approval, Package, Release, Rollout
from fairway.releases.rules import ROLLOUT_ACTIVE, ROLLOUT_UNDER_WAY, RolloutStatus
from fairway.releases.subjects import on_release
from fairway.releases.target_state import is_sealed


def locked(release: Release) -> Release:
    """The release's row, locked, so that changes of it happen one after the other. Raises `NotVisible` if it was deleted."""
    chosen = Release.objects.select_for_update(of=("self",), no_key=True).select_related("manager", "deputy")
    row = chosen.filter(pk=release.pk, deleted_at=None).first()
    if row is None:
        raise NotVisible("release", release)
    return row


def locked_package(package: Package) -> Package:
    """The package, with its release locked. Raises `NotVisible` if it was deleted."""
    locked(package.release)
    chosen = Package.objects.select_related("application", "artifact", "release__manager", "release__deputy")
    row = chosen.filter(pk=package.pk, deleted_at=None).first()
    if row is None:
        raise NotVisible("package", package.name)
    return row


def refuse_while_rolling_out(release: Release, *, also_scheduled: bool = False, but_stopped: bool = False) -> None:
    """Raise `Blocked` during a rollout; with `but_stopped`, not while it waits for a decision. The release must be
    locked."""
    statuses = ROLLOUT_ACTIVE if also_scheduled else ROLLOUT_UNDER_WAY
    if but_stopped:
        statuses -= {RolloutStatus.NEEDS_DECISION}
    active = Rollout.objects.filter(release=release, status__in=sorted(statuses)).select_related("environment").first()
    if active is None:
        return
    words = {"release": release, "environment": active.environment.name}
    if active.status in ROLLOUT_UNDER_WAY:
        sentence, who = _("%(release)s is being rolled out to %(environment)s."), _("a Deployer, by stopping the rollout")
    else:
        sentence, who = (
            _("%(release)s is scheduled for %(environment)s."),
            _("a Release Manager, by cancelling the schedule"),
        )
    code = "rollout_running" if active.status in ROLLOUT_UNDER_WAY else "scheduled"
    raise Blocked([Blocker(code=code, sentence=sentence % words, who=who)])


def rollout_blockers(release: Release) -> list[Blocker]:
    """The blockers that `refuse_while_rolling_out` would raise, for pages that show them beside a button."""
    try:
        refuse_while_rolling_out(release)
    except Blocked as blocked:
        return list(blocked.blockers)
    return []


def refuse_unless_open(release: Release) -> None:
    """Raise `Blocked` if the release is cancelled, sealed or being rolled out. It must be locked."""
    if release.cancelled_at is not None:
        sentence = _("%(release)s was cancelled.") % {"release": release}
        raise Blocked([Blocker(code="release_cancelled", sentence=sentence, who=_("a Release Manager, by cloning it"))])
    if is_sealed(release):
        words = {"release": release, "person": release.sealed_by}
        sentence = _("%(release)s was sealed by %(person)s.") % words
        raise Blocked([Blocker(code="release_sealed", sentence=sentence, who=_("a Release Manager, by unsealing it"))])
    refuse_while_rolling_out(release)


def closed_to_changes(release: Release) -> list[Blocker]:
    """The blockers that `refuse_unless_open` would raise, for pages that show them before anybody fills in a form."""
    try:
        refuse_unless_open(release)
    except Blocked as blocked:
        return list(blocked.blockers)
    return []


def open_for_change(actor: Actor, act: Act, release: Release, *, application: str = "") -> Release:
    """The release, locked and ready to be changed by this actor; an outdated seal is removed. Raises `Blocked`."""
    require(actor, act, application=application)
    row = locked(release)
    refuse_unless_open(row)
    if row.sealed_at is not None:
        void(actor, row, "Changed since it was sealed")
    return row


def void(actor: Actor, release: Release, why: str) -> None:
    """Remove the seal and void all approvals and rejections, for good."""
    answers = Approval.objects.filter(release=release, voided_at=None)
    count = answers.update(voided_at=timezone.now())
    before = {"fingerprint": release.fingerprint, "answers": count}
    release.sealed_at, release.sealed_by_id, release.sealed_by, release.fingerprint = None, None, "", ""
    release.save(update_fields=["sealed_at", "sealed_by_id", "sealed_by", "fingerprint"])
    release.sealed_configurations.clear()
    record(who=actor.who, verb="release.unsealed", on=on_release(release), comment=why, before=before)
