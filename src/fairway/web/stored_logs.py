"""The logs that are stored line by line, of deployments and of commands: how long each is, who may read it, its lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from fairway.accounts.rules import Actor
from fairway.deployments.models import Deployment, JobRun
from fairway.deployments.queries import job_log_lines, jobs_visible_to, log_lines, visible_to

LogKey = tuple[str, int]  # (kind, number of the deployment or command)
LogLengths = dict[LogKey, tuple[int, str]]  # log → (lines written, status)
DEPLOYMENT, JOB = "deployment", "job"


@dataclass(frozen=True)
class _Kind:
    model: type[Deployment] | type[JobRun]
    visible_to: Callable[[Actor], QuerySet[Any]]
    lines: Callable[..., list[dict[str, Any]]]


_KINDS: Mapping[str, _Kind] = {
    DEPLOYMENT: _Kind(Deployment, visible_to, log_lines),
    JOB: _Kind(JobRun, jobs_visible_to, job_log_lines),
}


def lengths_of(keys: Collection[LogKey]) -> LogLengths:
    """How long these logs are now, and the status of what writes each; one query for each kind among them."""
    found: LogLengths = {}
    for name, kind in _KINDS.items():
        if numbers := [number for of, number in keys if of == name]:
            rows = kind.model._default_manager.filter(pk__in=numbers).values_list("pk", "log_lines", "status")
            found |= {(name, number): (lines, status) for number, lines, status in rows}
    return found


def lines_of(key: LogKey, *, after: int, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` lines after line number `after`."""
    name, number = key
    kind = _KINDS[name]
    return kind.lines(kind.model(pk=number), after=after, limit=limit)


def may_read(actor: Actor, key: LogKey) -> bool:
    name, number = key
    return _KINDS[name].visible_to(actor).filter(pk=number).exists()
