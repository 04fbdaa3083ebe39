"""Commands on environments. Keyword-only, one transaction, one event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.queries import colleague
from fairway.accounts.rules import SYSTEM, Act, Actor, Blocked, Blocker, Role
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.drivers.runtimes.registry import UnavailableRuntime, runtime_names
from fairway.environments.freeze_commands import notify_opened
from fairway.environments.hosts import ensure_host_of
from fairway.environments.models import Environment
from fairway.environments.rules import (
    DEFAULT_ENVIRONMENTS,
    Strategy,
    WhenWorse,
    parse_choice,
    parse_environment_host,
    parse_options,
)
from fairway.environments.runtimes import runtime_of
from fairway.environments.secrets import marked_options, sealed_options
from fairway.environments.subjects import on_environment
from fairway.shared.names import Invalid, parse_slug, parse_text, slug_from
from fairway.shared.urls import refuse_secrets

# Rooms above register functions that return what keeps an environment from being deleted (a placement, a package).
IN_USE: list[Callable[[Environment], Iterable[Blocker]]] = []
# Rooms above register functions that return the custom domains below a host name.
CLAIMED: list[Callable[[str], Iterable[str]]] = []
# Rooms above register functions that end what ends together with an environment; called first in its deletion's transaction.
WHEN_DELETED: list[Callable[[Environment], None]] = []
PROTECTION = (
    *("approvals_needed", "approval_roles", "approval_people", "approval_days", "needs_ready"),
    *("deploy_roles", "deploy_people", "only_releases", "proven_in", "proven_hours"),
)
EDITABLE = (
    "name",
    "host",
    "url",
    "description",
    "position",
    "runtime",
    "options",
    "lane",
    "strategy",
    "when_worse",
    *PROTECTION,
)
MOST_APPROVALS = 10
MOST_APPROVAL_DAYS = 90
MOST_PROVEN_HOURS = 24 * 90


@transaction.atomic
def create_environment(
    *,
    actor: Actor,
    name: str,
    host: str,
    slug: str = "",
    url: str = "",
    description: str = "",
    position: int | None = None,
    runtime: str = "process",
    options: Mapping[str, Any] | None = None,
    lane: str = "default",
) -> Environment:
    """Create an environment. Raises `Blocked` (role) or `Invalid` (a bad or taken name, slug or host; an unknown
    runtime)."""
    require(actor, Act.CREATE_ENVIRONMENT)
    _refuse_unknown_runtime(runtime)
    environment = Environment(
        slug=parse_slug(slug or slug_from(name)),
        lane=parse_slug(lane, field="lane"),
        position=_parse_position(position),
        **_parsed(name=name, host=host, url=url, description=description, runtime=runtime, options=options or {}),
    )
    environment.options = sealed_options(environment.options, {})
    _refuse_taken(environment)
    _refuse_bad_options(environment)
    environment.save()
    ensure_host_of(environment)
    record(who=actor.who, verb="environment.created", on=on_environment(environment), after=_facts(environment))
    return environment


@transaction.atomic
def edit_environment(*, actor: Actor, environment: Environment, as_of: int | None = None, **changes: Any) -> Environment:
    """Change any of `EDITABLE`. An environment in use keeps its runtime and Docker host, because what runs there would be
    left behind. Raises `Blocked`, `Invalid`, or `Changed` if it was changed after event `as_of`."""
    require(actor, Act.EDIT_ENVIRONMENT, environment=environment.slug)
    if unknown := set(changes) - set(EDITABLE):
        raise Invalid(sorted(unknown)[0], "cannot be changed; only {names} can.", names=", ".join(EDITABLE))
    if set(changes) & set(PROTECTION):
        notify_opened()  # runs that wait for an approval ask the gate again
    row = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    refuse_stale(as_of, "environment.edited", subject_kind="environment", subject_id=str(row.pk))
    before = _facts(row)
    _protect(actor, row, {name: changes.pop(name) for name in PROTECTION if name in changes})
    if "position" in changes:
        row.position = _parse_position(changes.pop("position"))
    if "when_worse" in changes:
        row.when_worse = parse_choice(changes.pop("when_worse"), WhenWorse, field="when_worse")
    if "strategy" in changes:
        row.strategy = parse_choice(changes.pop("strategy"), Strategy, field="strategy")
    if "lane" in changes:
        row.lane = parse_slug(changes.pop("lane"), field="lane")
    current = {name: getattr(row, name) for name in ("name", "host", "url", "description", "runtime", "options")}
    if changes.get("runtime", row.runtime) != row.runtime:
        _refuse_unknown_runtime(changes["runtime"])
    kept = row.options
    for name, value in _parsed(**{**current, **changes}).items():
        setattr(row, name, value)
    row.options = sealed_options(row.options, kept)
    stays = _what_stays(before["runtime"], before["host"], kept)
    if _what_stays(row.runtime, row.host, row.options) != stays and (reasons := usage_blockers(row)):
        raise Blocked(reasons)
    _refuse_taken(row)
    if (row.runtime, row.options) != (before["runtime"], kept):
        _refuse_bad_options(row)
    row.save()
    ensure_host_of(row)
    record(who=actor.who, verb="environment.edited", on=on_environment(row), before=before, after=_facts(row))
    return row


@transaction.atomic
def lock_environment(*, actor: Actor, environment: Environment, reason: str, until: datetime | None = None) -> Environment:
    """Lock the environment: no new distributions and deployments; running ones finish.

    Raises `Blocked`, or `Invalid` without a reason or with an end in the past."""
    require(actor, Act.LOCK_ENVIRONMENT, environment=environment.slug)
    row = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    now = timezone.now()
    why = parse_text(reason, field="reason", longest=500, required=True)
    if until is not None and until <= now:
        raise Invalid("until", "is in the past; leave it empty or give a later time.")
    row.locked_at, row.locked_until, row.lock_reason = now, until, why
    row.locked_by, row.locked_by_id = actor.name, actor.id
    row.save()
    after = {"reason": why, "until": until.isoformat() if until else None}
    record(who=actor.who, verb="environment.locked", on=on_environment(row), comment=why, after=after)
    return row


@transaction.atomic
def unlock_environment(*, actor: Actor, environment: Environment) -> Environment:
    """Unlock the environment; no error if it is not locked. Raises `Blocked`."""
    require(actor, Act.LOCK_ENVIRONMENT, environment=environment.slug)
    notify_opened()
    row = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    if row.locked_at is None:
        return row
    before = {"reason": row.lock_reason, "owner": row.locked_by}
    row.locked_at = row.locked_until = row.locked_by_id = None
    row.locked_by = row.lock_reason = ""
    row.save()
    record(who=actor.who, verb="environment.unlocked", on=on_environment(row), before=before)
    return row


@transaction.atomic
def delete_environment(*, actor: Actor, environment: Environment) -> None:
    """Delete the environment. Raises `Blocked` while anything is placed or distributed there (checked with the row
    locked)."""
    require(actor, Act.DELETE_ENVIRONMENT, environment=environment.slug)
    for end in WHEN_DELETED:
        end(environment)
    row = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    if reasons := deletion_blockers(row):
        raise Blocked(reasons)
    record(who=actor.who, verb="environment.deleted", on=on_environment(row), before=_facts(row))
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at"])


def usage_blockers(environment: Environment) -> list[Blocker]:
    """What keeps the environment's runtime and Docker host from being changed: placements and packages there."""
    return [blocker for reasons in IN_USE for blocker in reasons(environment)]


def deletion_blockers(environment: Environment) -> list[Blocker]:
    """What keeps this environment from being deleted."""
    return [*usage_blockers(environment), *_named_as_proof(environment)]


@transaction.atomic
def ensure_default_environments() -> None:
    """Create development, staging and production, unless any environment exists or existed."""
    if Environment.objects.exists():
        return
    for slug, position in DEFAULT_ENVIRONMENTS:
        create_environment(
            actor=SYSTEM,
            name=slug.capitalize(),
            slug=slug,
            host=f"{slug}.localhost",
            position=position,
            lane="production" if slug == "production" else "default",
        )


def _parsed(*, name: str, host: str, url: str, description: str, runtime: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": parse_text(name, field="name", longest=80, required=True),
        "host": parse_environment_host(host),
        "url": _parse_url(url),
        "description": parse_text(description, field="description", longest=2000),
        "runtime": runtime,
        "options": parse_options(options),
    }


def _what_stays(runtime: str, host: str, options: Mapping[str, Any]) -> tuple[str, str, str]:
    """What an environment in use cannot change: its runtime, its domain, its Docker host."""
    return runtime, host, str(options.get("host") or "")


def _refuse_unknown_runtime(runtime: str) -> None:
    if runtime not in runtime_names():
        raise Invalid(
            "runtime",
            _("“%(name)s” is not installed; there are: %(names)s.")
            % {"name": runtime[:40], "names": ", ".join(runtime_names())},
        )


def _refuse_bad_options(environment: Environment) -> None:
    """Raise `Invalid` for options that the runtime does not accept, so that the first deployment does not fail."""
    runtime = runtime_of(environment)
    if isinstance(runtime, UnavailableRuntime):
        raise Invalid("options", runtime.sentence)


def _parse_url(text: str) -> str:
    url = parse_text(text, field="url", longest=300)
    if url and not url.startswith(("http://", "https://")):
        raise Invalid("url", "must start with http:// or https://.")
    refuse_secrets(url, field="url", advice="It is only a link for people: leave the secret out.")
    return url


def _protect(actor: Actor, row: Environment, given: Mapping[str, Any]) -> None:
    """Set the given protection rules. Raises `Invalid`."""
    numbers = {"approvals_needed": (0, MOST_APPROVALS), "approval_days": (1, MOST_APPROVAL_DAYS)}
    for name, value in given.items():
        if name in numbers:
            setattr(row, name, _parse_number(name, value, *numbers[name]))
        elif name in {"approval_roles", "deploy_roles"}:
            setattr(row, name, _parse_roles(name, value))
        elif name in {"approval_people", "deploy_people"}:
            setattr(row, name, _parse_people(actor, name, value, kept=getattr(row, name)))
        elif name in {"needs_ready", "only_releases"}:
            setattr(row, name, bool(value))
    if "proven_in" in given or "proven_hours" in given:
        _parse_proven(row, str(given.get("proven_in", row.proven_in) or ""), given.get("proven_hours", row.proven_hours))


def _parse_number(field: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Invalid(field, "must be a number from {least} to {most}.", least=least, most=most)
    return value


def _parse_roles(field: str, value: Iterable[str]) -> list[str]:
    names = list(dict.fromkeys(value))
    if unknown := [name for name in names if name not in set(Role)]:
        raise Invalid(field, "“{name}” is no role; there are: {names}.", name=unknown[0][:40], names=", ".join(Role))
    return [role.value for role in Role if role in names]


def _parse_people(actor: Actor, field: str, value: Iterable[str], *, kept: Iterable[str]) -> list[str]:
    """Parse user names. Names in `kept` are accepted even if the person was deactivated since. Raises `Invalid`."""
    names = sorted(dict.fromkeys(one.strip() for one in value if one.strip()))
    for name in names:
        if name not in kept and colleague(actor, name) is None:
            raise Invalid(field, "there is no active user “{name}”.", name=name[:60])
    return names


def _parse_proven(row: Environment, slug: str, hours: Any) -> None:
    if not slug:
        row.proven_in, row.proven_hours = "", 0
        return
    if slug == row.slug:
        raise Invalid("proven_in", "must be another environment than this one.")
    if not Environment.objects.filter(slug=slug, deleted_at=None).exists():
        raise Invalid("proven_in", "there is no environment “{name}”.", name=slug[:40])
    row.proven_in, row.proven_hours = slug, _parse_number("proven_hours", hours, 1, MOST_PROVEN_HOURS)


def _named_as_proof(environment: Environment) -> Iterable[Blocker]:
    """The blockers for deleting an environment in which versions must run before they may come to another."""
    others = Environment.objects.filter(proven_in=environment.slug, deleted_at=None).values_list("name", flat=True)
    if names := ", ".join(others):
        words = {"names": names, "environment": environment.name}
        yield Blocker(
            code="proves",
            sentence=_("%(names)s takes only what ran in %(environment)s before.") % words,
            who=_("an Admin, by changing the protection of %(names)s") % words,
        )


def _parse_position(position: int | None) -> int:
    if position is None:
        last = Environment.objects.order_by("-position").values_list("position", flat=True).first() or 0
        return last + 10
    if isinstance(position, bool) or not 0 <= int(position) <= 1_000_000:
        raise Invalid("position", "must be a number from 0 to 1,000,000; lower comes first.")
    return int(position)


def _refuse_taken(environment: Environment) -> None:
    others = Environment.objects.filter(deleted_at=None).exclude(pk=environment.pk)
    if others.filter(slug=environment.slug).exists():
        raise Invalid("slug", "“{slug}” exists already; choose another.", slug=environment.slug)
    if others.filter(host=environment.host).exists():
        raise Invalid("host", "“{host}” belongs to another environment.", host=environment.host)
    before = Environment.objects.filter(pk=environment.pk).values_list("host", flat=True).first()
    if environment.host != before and (claimed := [one for ask in CLAIMED for one in ask(environment.host)]):
        raise Invalid(
            "host",
            "“{host}” covers {domain}, the domain of an application; remove it there first.",
            host=environment.host,
            domain=", ".join(sorted(claimed)),
        )


def _facts(environment: Environment) -> dict[str, Any]:
    facts = {name: getattr(environment, name) for name in ("slug", *EDITABLE)}
    return {**facts, "options": marked_options(environment.options)}
