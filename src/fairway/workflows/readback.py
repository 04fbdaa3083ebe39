"""Whether the instances of a deployment still are what was started and checked."""

from __future__ import annotations

from collections.abc import Mapping

from fairway.drivers.health import refusal
from fairway.drivers.runtimes.contract import Instance, InstanceState
from fairway.shared.failures import Refused
from fairway.workflows.step_context import StepContext


def read_back(step: StepContext, restarts: Mapping[str, int] | None = None) -> list[Instance]:
    """The instances of this deployment. Raises `Refused` if one is missing, has died (see `refuse_if_one_died`), or runs
    another digest."""
    instances = step.own_instances()
    if len(instances) != (wanted := sum(step.deployment.counts.values())):
        raise Refused(f"{len(instances)} of {wanted} instances run; one is gone since it was checked.")
    for instance in instances:
        if instance.digest != step.artifact.digest:
            raise Refused(f"{instance.name} runs {instance.digest or 'nothing known'} instead of {step.artifact.digest}.")
    refuse_if_one_died(step, restarts)
    return instances


def refuse_if_one_died(step: StepContext, known: Mapping[str, int] | None = None) -> None:
    """Raises `Refused` if an instance does not run or has restarted more often than `known` says (by default: than when it
    was checked), because such a version must not replace one that works."""
    known = step.context.state.get("restarts", {}) if known is None else known
    for instance in step.own_instances():
        if instance.state != InstanceState.RUNNING or instance.restarts > known.get(instance.name, instance.restarts):
            code = "" if instance.exit_code is None else f" with code {instance.exit_code}"
            if instance.out_of_memory:
                code = " out of memory"
            subject = "The application" if instance.is_main else f"Its service “{instance.service}”"
            raise refusal(step.runtime, [instance.name], f"{subject} was ready and then ended{code}.")
