"""Seal a release, and approve or reject a sealed release."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, Blocked, Blocker
from fairway.activity.commands import record
from fairway.applications.models import Configuration
from fairway.environments.models import Environment
from fairway.environments.protection import approver_blocker, may_approve
from fairway.releases.commands.guards import locked, refuse_while_rolling_out, rollout_blockers, void
from fairway.releases.models import Approval, Release
from fairway.releases.subjects import on_release
from fairway.releases.target_state import (
    fingerprint_with,
    is_ready_to_run,
    is_sealed,
    newest_configurations,
    packages_of,
    sealed_configurations,
)
from fairway.shared.names import Invalid, parse_text


@transaction.atomic
def seal(*, actor: Actor, release: Release) -> Release:
    """Seal the release: nothing that its fingerprint covers (packages, digests, configurations, dependencies) may change.

    Settings saved later are not used until `use_new_settings`. Raises `Blocked`.
    """
    require(actor, Act.SEAL_RELEASE)
    row = locked(release)
    if reasons := sealing_blockers(row):
        raise Blocked(reasons)
    if is_sealed(row):
        return row
    _seal(actor, row)
    after = {"fingerprint": row.fingerprint, "settings": _versions(sealed_configurations(row))}
    record(who=actor.who, verb="release.sealed", on=on_release(row), after=after)
    return row


def sealing_blockers(release: Release) -> list[Blocker]:
    """What keeps everybody from sealing it now."""
    if release.cancelled_at is not None:
        return [Blocker(code="release_cancelled", sentence=_("%(release)s was cancelled.") % {"release": release})]
    if running := rollout_blockers(release):
        return running
    packages = list(packages_of(release))
    open_ones = [package.name for package in packages if not is_ready_to_run(package)]
    if not packages or open_ones:
        words = {"release": release, "names": ", ".join(open_ones)}
        sentence = _("%(names)s has no version that could run yet.") if packages else _("%(release)s has no packages.")
        who = _("a Deployer, by adding packages or changing their versions")
        return [Blocker(code="unresolved" if packages else "empty", sentence=sentence % words, who=who)]
    return []


def _seal(actor: Actor, row: Release) -> None:
    """Seal the release with the newest settings and void all earlier approvals and rejections."""
    settings = list(newest_configurations(row))
    found = fingerprint_with(row, settings)
    Approval.objects.filter(release=row, voided_at=None).update(voided_at=timezone.now())
    row.sealed_at, row.sealed_by_id, row.sealed_by, row.fingerprint = timezone.now(), actor.id, actor.name, found
    row.save(update_fields=["sealed_at", "sealed_by_id", "sealed_by", "fingerprint"])
    row.sealed_configurations.set(settings)


def _versions(settings: Iterable[Configuration]) -> dict[str, int]:
    return {f"{setting.application.slug}:{setting.environment.slug}": setting.version for setting in settings}


@transaction.atomic
def use_new_settings(*, actor: Actor, release: Release) -> Release:
    """Seal the release again with the settings that were saved since; it then needs its approvals again.

    Also possible while a rollout waits for a decision; a retry then uses the new settings. Does nothing if there are no
    newer settings. Raises `Blocked`.
    """
    row = locked(release)
    if reasons := renewal_blockers(actor, row):
        raise Blocked(reasons)
    if not is_sealed(row):
        sentence = _("%(release)s is not sealed: it takes the newest settings as it goes.") % {"release": row}
        raise Blocked([Blocker(code="not_sealed", sentence=sentence, who=_("a Release Manager, by sealing it"))])
    had, now = _versions(sealed_configurations(row)), _versions(newest_configurations(row))
    if had == now:
        return row
    before = {"fingerprint": row.fingerprint, "settings": had}
    _seal(actor, row)
    after = {"fingerprint": row.fingerprint, "settings": now}
    record(who=actor.who, verb="release.settings_renewed", on=on_release(row), before=before, after=after)
    return row


def renewal_blockers(actor: Actor, release: Release) -> list[Blocker]:
    """What keeps this person from sealing the release with newer settings now."""
    try:
        require(actor, Act.SEAL_RELEASE)
        if release.cancelled_at is not None:
            sentence = _("%(release)s was cancelled.") % {"release": release}
            raise Blocked([Blocker(code="release_cancelled", sentence=sentence)])
        refuse_while_rolling_out(release, but_stopped=True)
    except Blocked as blocked:
        return list(blocked.blockers)
    return []


@transaction.atomic
def unseal(*, actor: Actor, release: Release, reason: str = "") -> Release:
    """Open the release for changes and void every approval. No error if it is not sealed. Raises `Blocked` during a
    rollout."""
    require(actor, Act.SEAL_RELEASE)
    row = locked(release)
    refuse_while_rolling_out(row)
    if row.sealed_at is not None:
        void(actor, row, parse_text(reason, field="reason", longest=500))
    return row


@transaction.atomic
def approve(*, actor: Actor, release: Release, environment: Environment, fingerprint: str, comment: str = "") -> Approval:
    """Approve the sealed release for one target. `fingerprint` is the one that the person saw. Raises `Blocked` or
    `Invalid`."""
    return _answer(actor, release, environment, fingerprint, comment, is_approved=True)


@transaction.atomic
def reject(*, actor: Actor, release: Release, environment: Environment, fingerprint: str, comment: str) -> Approval:
    """Reject the sealed release for one target, with a reason. A rejection counts until the same person approves or the
    release changes. Raises `Blocked` or `Invalid`."""
    parse_text(comment, field="comment", longest=500, required=True)
    return _answer(actor, release, environment, fingerprint, comment, is_approved=False)


def _refuse_idle_answer(actor: Actor, release: Release, environment: Environment, *, is_approved: bool) -> None:
    """Raise `Blocked` for an answer that would change nothing. A rejection counts even if no approval is required, and
    then so does the approval that takes it back."""
    words = {"release": release, "environment": environment.name}
    if not release.targets.filter(pk=environment.pk).exists():
        sentence = _("%(release)s is not meant for %(environment)s.") % words
        who = _("a Release Manager, by adding it to the release's targets")
        raise Blocked([Blocker(code="not_a_target", sentence=sentence, who=who)])
    no = Approval.objects.filter(release=release, environment=environment, voided_at=None, is_approved=False)
    if is_approved and environment.approvals_needed == 0 and not no.filter(person_id=actor.id or 0).exists():
        sentence = _("%(environment)s asks for no approval.") % words
        who = _("an Admin, by changing the protection of %(environment)s") % words
        raise Blocked([Blocker(code="no_approval_needed", sentence=sentence, who=who)])


def _answer(
    actor: Actor, release: Release, environment: Environment, fingerprint: str, comment: str, *, is_approved: bool
) -> Approval:
    if not may_approve(actor, environment):
        raise Blocked([approver_blocker(environment)])
    row = locked(release)
    if actor.id is None:
        raise Blocked([Blocker(code="not_a_person", sentence=_("Only a person can approve."))])
    _refuse_idle_answer(actor, row, environment, is_approved=is_approved)
    if not is_sealed(row):
        words = {"release": row}
        sentence = _("%(release)s is not sealed, or changed since it was.") % words
        raise Blocked([Blocker(code="not_sealed", sentence=sentence, who=_("a Release Manager, by sealing it"))])
    if row.fingerprint != fingerprint:
        raise Invalid("fingerprint", "is of another state of this release; look at it again.")
    if is_approved and actor.id == row.sealed_by_id:
        sentence = _("You sealed it; somebody else has to approve it.")
        raise Blocked([Blocker(code="own_request", sentence=sentence, who=_("another Release Manager or Admin"))])
    earlier = Approval.objects.filter(release=row, environment=environment, person_id=actor.id, voided_at=None).first()
    if earlier is not None and (earlier.is_approved, earlier.fingerprint) == (is_approved, fingerprint):
        return earlier
    if earlier is not None:
        Approval.objects.filter(pk=earlier.pk).update(voided_at=timezone.now())
    answer = Approval.objects.create(
        release=row,
        environment=environment,
        fingerprint=fingerprint,
        person_id=actor.id,
        person=actor.name,
        is_approved=is_approved,
        comment=parse_text(comment, field="comment", longest=500),
    )
    verb = "release.approved" if is_approved else "release.rejected"
    after = {"fingerprint": fingerprint, "environment": environment.slug}
    record(who=actor.who, verb=verb, on=on_release(row, environment), comment=answer.comment, after=after)
    return answer
