"""Contexts of a release's readiness, seal, approvals and schedules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fairway.accounts.rules import Act, Actor, Blocker, may
from fairway.environments.models import Environment
from fairway.environments.protection import may_approve
from fairway.insights import desk
from fairway.releases import queries
from fairway.releases.commands.approvals import renewal_blockers, sealing_blockers
from fairway.releases.commands.guards import rollout_blockers
from fairway.releases.commands.schedule import USUAL_START_BY, scheduling_blockers
from fairway.releases.models import Approval, Release, Rollout
from fairway.releases.queries import Difference, Readiness
from fairway.releases.target_state import is_sealed, lapsed_among, target_state_of
from fairway.web.errors import shown
from fairway.web.presenters.acts import Button
from fairway.web.presenters.filters import who
from fairway.web.presenters.releases import head_shown
from fairway.web.zones import zones


def readiness_shown(actor: Actor, release: Release) -> dict[str, Any]:
    """The context of ``releases/readiness.html``."""
    return {
        **head_shown(actor, release),
        "targets": [_ready(actor, release, one) for one in queries.readiness(release, actor)],
    }


def _ready(actor: Actor, release: Release, readiness: Readiness) -> dict[str, Any]:
    """The readiness of the release on a target, without blockers that are only about the reader's role."""
    number = [release.pk, readiness.environment.slug]
    found = [blocker for blocker in readiness.blockers if blocker.code != "role"]
    may_roll_out = (
        not found and readiness.planned is None and may(actor, Act.ROLL_OUT, environment=readiness.environment.slug)
    )
    act = Button(_("Roll out"), reverse("release-roll-out", args=number), "promote", "primary", method="get")
    return {
        "slug": readiness.environment.slug,
        "name": readiness.environment.name,
        "is_ready": not found,
        "at": readiness.at,
        "blockers": shown(found),
        "roll_out": act if may_roll_out else None,
    }


def plan_shown(
    actor: Actor, release: Release, typed: Mapping[str, str], errors: Mapping[str, str], *, zone: str
) -> dict[str, Any]:
    """The context of ``releases/plan.html``; `typed` and `errors` belong to the schedule's form, `zone` is the reader's."""
    return {
        **sealing_shown(actor, release),
        **approvals_shown(actor, release),
        **head_shown(actor, release),
        "here": reverse("release-plan", args=[release.pk]),
        "schedule": _schedule(actor, release, typed, errors, zone),
        "planned": _planned(actor, release),
    }


def planned_shown(actor: Actor, release: Release) -> dict[str, Any]:
    """The live fragment about schedules: when, and what would block them."""
    return {"release": release, "planned": _planned(actor, release)}


def sealing_shown(actor: Actor, release: Release) -> dict[str, Any]:
    sealed = is_sealed(release)
    allowed = may(actor, Act.SEAL_RELEASE) and release.cancelled_at is None
    can_seal = allowed and not sealed
    url, blocked = reverse("release-seal", args=[release.pk]), sealing_blockers(release) if can_seal else []
    seal = Button(_("Seal"), url, "lock", "primary", blockers=shown(blocked))
    unseal = Button(
        _("Unseal"),
        reverse("release-unseal", args=[release.pk]),
        "unlock",
        confirm=queries.confirms_unsealing(release),
        consequence=voided_words(release),
        blockers=shown(rollout_blockers(release)) if allowed and sealed else (),
    )
    return {
        "release": release,
        "sealing": {
            "is_sealed": sealed,
            "fingerprint": release.fingerprint,
            "at": release.sealed_at,
            "by": release.sealed_by,
            "seal": seal if can_seal else None,
            "unseal": unseal if allowed and sealed else None,
            "newer": [_newer(newer_setting) for newer_setting in queries.newer_settings(release, actor)] if sealed else [],
            "renew": _renew(actor, release) if sealed and release.cancelled_at is None else None,
        },
    }


def _newer(one: queries.NewerSettings) -> dict[str, Any]:
    return {
        "package": one.package.name,
        "target": one.environment.name,
        **who(one.by),
        "at": one.at,
        "comment": one.comment,
        "keys": [{"name": change.name, "how": change.kind} for change in one.changes],
    }


def _renew(actor: Actor, release: Release) -> Button:
    """The button to use newer settings, shown to everybody who may see them; its blockers say who may press it."""
    return Button(
        _("Use the new settings"),
        reverse("release-settings", args=[release.pk]),
        "restart",
        blockers=shown(renewal_blockers(actor, release)),
        confirm=queries.confirms_unsealing(release),
        consequence=voided_words(release),
    )


def voided_words(release: Release) -> str:
    """What unsealing, or sealing anew, does to what people said, and whose word that was."""
    given = queries.standing_approvals(release)
    if not given:
        return _("Nobody has approved it yet.")
    names = ", ".join(f"{one.person} ({one.environment.name})" for one in given)
    sentence = ngettext("This approval will be void: %(names)s.", "These approvals will be void: %(names)s.", len(given))
    return sentence % {"names": names}


def approvals_shown(actor: Actor, release: Release) -> dict[str, Any]:
    sealed = is_sealed(release)
    targets = sorted(
        queries.fully_visible_targets(release, actor), key=lambda one: one.approvals_needed == 0
    )  # waiting ones first
    found = [_approval(actor, release, target, sealed=sealed) for target in targets]
    return {"release": release, "approvals": found}


def _approval(actor: Actor, release: Release, environment: Environment, *, sealed: bool) -> dict[str, Any]:
    answers = queries.approvals(release, environment) if sealed else []
    lapsed = lapsed_among(answers, environment)
    given = sum(
        answer.is_approved and answer.pk not in lapsed and answer.person_id != release.sealed_by_id for answer in answers
    )
    return {
        "target": {"slug": environment.slug, "name": environment.name},
        "needed": environment.approvals_needed,
        "given": given,
        "state": _state(environment.approvals_needed, given, answers),
        "people": [
            {
                **who(one.person),
                "decision": "approved" if one.is_approved else "rejected",
                "at": one.created_at,
                "comment": one.comment,
                "is_lapsed": one.pk in lapsed,
            }
            for one in answers
        ],
        "decide": _decide(actor, release, environment, sealed=sealed),
        "differences": [
            _difference(difference)
            for difference in queries.differences(release, environment, actor)
            if not difference.is_same
        ],
    }


def _state(needed: int, given: int, answers: list[Approval]) -> str:
    if not needed:
        return "not_needed"
    if any(not answer.is_approved for answer in answers):
        return "rejected"
    return "approved" if given >= needed else "waiting"


def _decide(actor: Actor, release: Release, environment: Environment, *, sealed: bool) -> dict[str, Any] | None:
    if not environment.approvals_needed or not may_approve(actor, environment):
        return None
    return {"url": reverse("release-approval", args=[release.pk]), "blockers": shown(_cannot(actor, release, sealed))}


def _cannot(actor: Actor, release: Release, sealed: bool) -> list[Blocker]:
    if not sealed:
        sentence = _("It is not sealed, so there is nothing to approve yet.")
        return [Blocker(code="not_sealed", sentence=sentence, who=_("a Release Manager, by sealing it"))]
    if actor.is_among(frozenset({release.sealed_by_id})):
        sentence = _("You sealed it; somebody else has to approve it.")
        return [Blocker(code="own_request", sentence=sentence, who=_("another Release Manager or Admin"))]
    return []


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "name": difference.package.name,
        "before": _artifact(difference.now),
        "after": _artifact(difference.then),
        "keys": [{"name": change.name, "how": change.kind} for change in difference.settings],
    }


def _artifact(one: Any) -> dict[str, str] | None:
    return {"version": one.version, "digest": one.digest, "commit": one.commit} if one is not None else None


def _schedule(
    actor: Actor, release: Release, typed: Mapping[str, str], errors: Mapping[str, str], zone: str
) -> dict[str, Any] | None:
    if release.cancelled_at is not None or not may(actor, Act.SCHEDULE_RELEASE):
        return None
    targets, every = queries.visible_targets(release, actor), list(desk.all_planned(release, actor))
    wanted = typed.get("environment") or (every[0].environment.slug if every else "")
    planned = next((one for one in every if one.environment.slug == wanted), None)
    usual = {
        "environment": wanted or (targets[-1].slug if targets else ""),
        "at": planned.wall_time if planned else "",
        "zone": planned.zone if planned else zone,
        "start_by": str(_minutes(planned)),
    }
    values = {**usual, **typed}
    return {
        "url": reverse("release-schedule", args=[release.pk]),
        "targets": [{"slug": target.slug, "name": target.name} for target in targets],
        "target": values["environment"],
        "at": values["at"],
        "zone": values["zone"],
        "zones": zones(),
        "start_by": values["start_by"],
        "is_move": planned is not None,
        "blockers": shown(_nowhere(release, targets)),
        "errors": errors,
    }


def _nowhere(release: Release, targets: Iterable[Environment]) -> list[Blocker]:
    """Why no schedule is possible for any target; nothing if one takes it."""
    found = [scheduling_blockers(target_state_of(release, target)) for target in targets]
    reasons = [blocker for each in found for blocker in each] if all(found) else []
    return list({one.sentence: one for one in reasons}.values())


def _minutes(planned: Rollout | None) -> int:
    if planned is None or planned.start_by is None or planned.planned_at is None:
        return USUAL_START_BY
    return int((planned.start_by - planned.planned_at).total_seconds() // 60)


def _why_not(actor: Actor, release: Release, planned: Rollout) -> list[dict[str, object]]:
    """The blockers of a scheduled rollout at its time, as things are now."""
    mine = next((one for one in queries.readiness(release, actor) if one.environment == planned.environment), None)
    return shown(list(mine.blockers)) if mine else []


def _planned(actor: Actor, release: Release) -> list[dict[str, Any]]:
    """The schedules that the actor may see, each with its buttons."""
    return [_one_planned(actor, release, one) for one in desk.all_planned(release, actor)]


def _one_planned(actor: Actor, release: Release, planned: Rollout) -> dict[str, Any]:
    allowed = may(actor, Act.SCHEDULE_RELEASE, environment=planned.environment.slug)
    cancel = Button(_("Cancel the schedule"), reverse("rollout-unscheduling", args=[release.pk, planned.pk]), "x", "danger")
    here = f"{reverse('release-plan', args=[release.pk])}?target={planned.environment.slug}#schedule"
    return {
        "rollout": {"id": planned.pk},
        "target": planned.environment.name,
        "at": planned.planned_at,
        "wall": planned.wall_time.replace("T", " "),
        "zone": planned.zone,
        "start_by": planned.start_by,
        "why_not": _why_not(actor, release, planned),
        "move": Button(_("Reschedule"), here, "clock", method="get") if allowed else None,
        "cancel": cancel if allowed else None,
    }
