"""When something counts as wrong, and since when. Pure.

A **rule** compares one value with a threshold. What is at or above it, and stays there for a time, starts an alert; it ends
when the value has been clearly below the threshold for a time. Between the two nothing changes, so that a value that moves
around its threshold neither starts nor ends anything again and again.

What is not known changes nothing, and no time passes while nobody looks: whoever waits for a start or an end waits anew
after a gap, and after the clock was set back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from fairway.shared.names import Invalid

LONGEST_GAP = timedelta(seconds=90)  # between two looks; after a longer one, waiting begins anew
CLEARS_AFTER = timedelta(seconds=60)
MOST_MINUTES = 60  # of samples that are looked back at; also the longest time to wait
FEWEST_REQUESTS = 20  # of which a share or a percentile says something
KEPT = timedelta(days=90)  # for which an alert that ended is kept
LONGEST_SILENCE = timedelta(days=31)


class AlertKind(StrEnum):
    """What can be wrong."""

    DOWN = "down"
    ERRORS = "errors"
    LATENCY = "latency"
    MEMORY = "memory"
    RESTARTS = "restarts"
    CERTIFICATE = "certificate"
    BACKUP_FAILED = "backup_failed"
    BACKUP_LATE = "backup_late"
    HOST = "host"
    DISK = "disk"
    CHAIN = "chain"


class SubjectKind(StrEnum):
    """What it can be wrong with. A binding is the data of one application in one resource."""

    PLACEMENT = "placement"
    RESOURCE = "resource"
    BINDING = "binding"
    HOST = "host"
    INSTALLATION = "installation"


class Severity(StrEnum):
    WARNING = "warning"
    CRITICAL = "critical"


class Level(StrEnum):
    """What a value says."""

    FINE = "fine"
    BETWEEN = "between"  # below the threshold, but not clearly
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Rule:
    """One kind's rule. A value at or above `threshold` is a warning, at or above `critical` critical; it is fine below
    `clears` times the threshold. With `is_low` it is the other way round: lower is worse.

    A value holds for `minutes` before an alert starts. With `is_window` it is a sum or a share over these minutes instead,
    and holds for a fifth of them.
    """

    threshold: float
    minutes: int
    critical: float | None = None
    clears: float = 1.0
    is_window: bool = False
    is_low: bool = False
    is_on: bool = True

    @property
    def waits(self) -> timedelta:
        return timedelta(minutes=self.minutes) / 5 if self.is_window else timedelta(minutes=self.minutes)

    def level(self, value: float | None) -> Level:
        """What a value says; None is not known."""
        if value is None:
            return Level.UNKNOWN
        sign = -1 if self.is_low else 1
        if self.critical is not None and sign * value >= sign * self.critical:
            return Level.CRITICAL
        if sign * value >= sign * self.threshold:
            return Level.WARNING
        return Level.BETWEEN if sign * value >= sign * self.threshold * self.clears else Level.FINE


RULES: Mapping[AlertKind, Rule] = {
    AlertKind.DOWN: Rule(1, 1, critical=1),
    AlertKind.ERRORS: Rule(5, 5, critical=25, clears=0.5, is_window=True),
    AlertKind.LATENCY: Rule(2000, 5, clears=0.8, is_window=True),
    AlertKind.MEMORY: Rule(90, 5, critical=98, clears=0.95),
    AlertKind.RESTARTS: Rule(3, 10, clears=0.5, is_window=True),
    AlertKind.CERTIFICATE: Rule(10, 0, critical=3, clears=1.1, is_low=True),
    AlertKind.BACKUP_FAILED: Rule(1, 0),
    AlertKind.BACKUP_LATE: Rule(1, 0),
    AlertKind.HOST: Rule(1, 1, critical=1),
    AlertKind.DISK: Rule(85, 1, critical=95, clears=0.97),
    AlertKind.CHAIN: Rule(1, 0, critical=1),
}
# Of the whole installation, so no environment says anything about them.
INSTALLATION_WIDE = frozenset({AlertKind.HOST, AlertKind.DISK, AlertKind.CHAIN})
# What is either so or not: there is a time, but no threshold.
WITHOUT_THRESHOLD = frozenset(
    {
        AlertKind.DOWN,
        AlertKind.BACKUP_FAILED,
        AlertKind.BACKUP_LATE,
        AlertKind.HOST,
        AlertKind.CHAIN,
    }
)
IN_ENVIRONMENTS = tuple(kind for kind in AlertKind if kind not in INSTALLATION_WIDE)
# The lowest and the highest threshold that makes sense.
LIMITS: Mapping[AlertKind, tuple[float, float]] = {
    AlertKind.ERRORS: (0.1, 100),
    AlertKind.LATENCY: (10, 600_000),
    AlertKind.MEMORY: (10, 100),
    AlertKind.RESTARTS: (1, 1000),
    AlertKind.CERTIFICATE: (1, 60),
}


@dataclass(frozen=True)
class Standing:
    """An alert, or one that waits to start: `since` is when it began to be so, `started_at` when it had held long enough,
    `fine_since` since when it has been fine again without having ended."""

    since: datetime
    checked_at: datetime
    severity: Severity
    started_at: datetime | None = None
    fine_since: datetime | None = None
    ended_at: datetime | None = None


def step(standing: Standing | None, level: Level, rule: Rule, now: datetime) -> Standing | None:
    """What stands after a look at `now`; None if nothing does. One that has `ended_at` is over."""
    bad = level in (Level.WARNING, Level.CRITICAL)
    if standing is None:
        return _begun(level, rule, now) if bad else None
    standing = _after_a_gap(standing, now)
    if standing.started_at is None:
        return _waiting(standing, level, rule, now)
    return _going_on(standing, level, now)


def _begun(level: Level, rule: Rule, now: datetime) -> Standing:
    return Standing(now, now, Severity(level.value), None if rule.waits else now)


def _after_a_gap(standing: Standing, now: datetime) -> Standing:
    """What was waited for is waited for anew if nobody has looked for long, or the clock was set back."""
    if timedelta(0) <= now - standing.checked_at <= LONGEST_GAP:
        return standing
    since = now if standing.started_at is None else min(standing.since, now)
    return replace(standing, since=since, fine_since=standing.fine_since and now)


def _waiting(standing: Standing, level: Level, rule: Rule, now: datetime) -> Standing | None:
    if level is Level.UNKNOWN:  # it must hold while somebody sees it
        return replace(standing, since=now, checked_at=now)
    if level in (Level.FINE, Level.BETWEEN):
        return None
    started_at = now if now - standing.since >= rule.waits else None
    severity = Severity.CRITICAL if level is Level.CRITICAL else standing.severity
    return replace(standing, checked_at=now, started_at=started_at, severity=severity)


def _going_on(standing: Standing, level: Level, now: datetime) -> Standing:
    if level is not Level.FINE:
        severity = Severity.CRITICAL if level is Level.CRITICAL else standing.severity
        return replace(standing, checked_at=now, fine_since=None, severity=severity)
    fine_since = standing.fine_since or now
    is_over = now - fine_since >= CLEARS_AFTER
    ended_at = max(now, standing.started_at or now) if is_over else None
    return replace(standing, checked_at=now, fine_since=fine_since, ended_at=ended_at)


# -- what an environment says about rules


def rules_with(changes: Mapping[str, Mapping[str, Any]]) -> dict[AlertKind, Rule]:
    """The rules with an environment's changes, as they are stored. What another version of Fairway knows is left out."""
    return {kind: _changed(rule, changes.get(kind, {})) for kind, rule in RULES.items()}


def _changed(rule: Rule, change: Mapping[str, Any]) -> Rule:
    names = {name: change[name] for name in ("threshold", "minutes", "is_on") if name in change}
    changed = replace(rule, **names)
    if changed.critical is None or changed.threshold == rule.threshold:
        return changed
    reached = min if changed.is_low else max  # a warning must not be more serious than what is critical
    return replace(changed, critical=reached(changed.critical, changed.threshold))


def parse_rules(given: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """An environment's changes to the rules, without what is as it would be anyway. Raises `Invalid`."""
    known = set(IN_ENVIRONMENTS)
    if unknown := sorted(set(given) - known):
        raise Invalid("rules", "“{name}” is no kind; use {names}.", name=unknown[0][:40], names=", ".join(IN_ENVIRONMENTS))
    found = {kind.value: _parsed(kind, given[kind]) for kind in IN_ENVIRONMENTS if kind in given}
    return {kind: change for kind, change in found.items() if change}


def _parsed(kind: AlertKind, change: Mapping[str, Any]) -> dict[str, Any]:
    rule, found = RULES[kind], dict[str, Any]()
    if (is_on := change.get("is_on")) is not None and bool(is_on) != rule.is_on:
        found["is_on"] = bool(is_on)
    if (threshold := change.get("threshold")) is not None and kind not in WITHOUT_THRESHOLD:
        lowest, highest = LIMITS[kind]
        if not lowest <= threshold <= highest:
            words = {"lowest": f"{lowest:g}", "highest": f"{highest:g}"}
            raise Invalid(f"{kind}_threshold", "must be a number from {lowest} to {highest}.", **words)
        if threshold != rule.threshold:
            found["threshold"] = float(threshold)
    if (minutes := change.get("minutes")) is not None:
        fewest = 1 if rule.is_window else 0
        if not fewest <= minutes <= MOST_MINUTES or minutes != int(minutes):
            words = {"lowest": str(fewest), "highest": str(MOST_MINUTES)}
            raise Invalid(f"{kind}_minutes", "must be a whole number from {lowest} to {highest}.", **words)
        if minutes != rule.minutes:
            found["minutes"] = int(minutes)
    return found


# -- what people read


def sentence_of(kind: AlertKind, facts: Mapping[str, Any]) -> str:
    """What is wrong, with its numbers, in English; pages say it in the reader's language (`web/failure_templates.py`)."""
    return SENTENCES[kind].format(**facts)


SENTENCES: Mapping[AlertKind, str] = {
    AlertKind.DOWN: "Nothing of it runs.",
    AlertKind.ERRORS: "{percent} percent of {requests} requests in {minutes} min were answered with a server error.",
    AlertKind.LATENCY: "5 percent of {requests} answers in {minutes} min took longer than {milliseconds} ms to begin.",
    AlertKind.MEMORY: "The service “{service}” uses {percent} percent of the memory that it may use.",
    AlertKind.RESTARTS: "It was restarted {times} times in {minutes} min.",
    AlertKind.CERTIFICATE: "The certificate of {host} ends on {day}.",
    AlertKind.BACKUP_FAILED: "The last backup of {application} failed.",
    AlertKind.BACKUP_LATE: "There is no backup of {application} that is as new as its schedule says.",
    AlertKind.HOST: "The Docker host {host} cannot be reached.",
    AlertKind.DISK: "The disk of Fairway’s data directory is {percent} percent full.",
    AlertKind.CHAIN: "The chain of events does not fit together from event {number} on.",
}
