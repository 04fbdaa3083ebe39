"""The context of the page that says how much of an application runs in one environment."""

from __future__ import annotations

from typing import Any

from fairway.accounts.rules import Act, Actor, may
from fairway.deployments.models import Placement
from fairway.drivers.runtimes.contract import MAIN
from fairway.monitoring.scaling_commands import most_of, policy_of
from fairway.web.presenters.acts import ActContext, sleep_act, subject_of
from fairway.web.presenters.applications import head
from fairway.web.presenters.placements import sleep_shown
from fairway.web.scaling_forms import LimitsForm, ScalingForm, SleepForm


def scaling_shown(
    actor: Actor,
    placement: Placement,
    sleep_form: SleepForm | None = None,
    form: ScalingForm | None = None,
    limits_form: LimitsForm | None = None,
) -> dict[str, Any]:
    application, environment = placement.application, placement.environment
    act = sleep_act(ActContext(actor, subject_of(placement)), placement)
    return {
        **head(actor, application),
        "environment": environment,
        "may_scale": may(actor, Act.SCALE, application=application.slug, environment=environment.slug),
        "limits": [_limits(placement, service, limits_form) for service in placement.counts],
        "automatic": {
            "form": form or ScalingForm.of(policy_of(placement)),
            "replicas": placement.replicas,
            "most": most_of(placement),
        },
        "sleep": {
            **sleep_shown(placement),
            "form": sleep_form or SleepForm.of(placement),
            "has_others": any(name != MAIN for name in placement.all_counts),
            "act": act,
        },
    }


def _limits(placement: Placement, service: str, refused: LimitsForm | None) -> dict[str, Any]:
    current = placement.current
    is_refused = refused is not None and refused.data.get("service") == service
    return {
        "service": service,
        "form": refused if is_refused else LimitsForm.of(placement, service),
        "is_pending": current is not None and placement.limits.get(service, {}) != current.limits.get(service, {}),
    }
