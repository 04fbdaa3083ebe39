"""Reads the facts that `rules` judges, in a fixed number of queries, and gives the lines to whoever manages Fairway."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from fairway.accounts.commands import require
from fairway.accounts.demo_people import demo_accounts
from fairway.accounts.mailing import encryption_of_mail
from fairway.accounts.models import ApiToken, OneTimeLink, RoleGrant, SignedIn, SignInPolicy, SignInProvider
from fairway.accounts.queries import administrators, people_visible_to, working_tokens
from fairway.accounts.rules import Act, Actor, Role
from fairway.activity.checking import external_copy_failure, head_file, last_check
from fairway.deployments.queries import placements_visible_to
from fairway.deployments.rules import Access, Wanted
from fairway.drivers.wall.abilities import abilities
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.insights.security.access import UNUSED_AFTER
from fairway.insights.security.facts import Facts, Held, Network, People, Records, Running, SignIn, Tokens, is_local_host
from fairway.insights.security.lines import Line
from fairway.insights.security.rules import lines_of
from fairway.notifications.queries import visible_to as channels_visible_to
from fairway.notifications.rules import Topic
from fairway.pipelines.queries import ci_trusts_visible_to
from fairway.resources.queries import visible_to as resources_visible_to
from fairway.shared.failures import Retry

PROCESS = "process"
PRODUCTION = "production"
EVERY_REF = ("*", "**")  # patterns of branches or tags


def security_lines(actor: Actor) -> list[Line]:
    """What is on, what is weak, and how to fix it. Raises `Blocked` unless the actor manages the whole installation."""
    return lines_of(security_facts(actor))


def security_facts(actor: Actor) -> Facts:
    """The facts as of now. Raises `Blocked`."""
    require(actor, Act.MANAGE_SYSTEM)
    sign_in = _sign_in()
    return Facts(
        now=timezone.now(),
        sign_in=sign_in,
        people=_people(actor, only_emergency=sign_in.only_emergency),
        tokens=_tokens(actor),
        running=_running(actor),
        records=_records(actor),
        network=_network(),
    )


def _sign_in() -> SignIn:
    policy = SignInPolicy.objects.filter(pk=1).first() or SignInPolicy()
    rules: Any = settings.AUTH_PASSWORD_VALIDATORS
    return SignIn(
        two_step_required=policy.two_step_required,
        only_emergency=policy.passwords == SignInPolicy.EMERGENCY,
        providers=SignInProvider.objects.filter(is_enabled=True).count(),
        least_password=max((one.get("OPTIONS", {}).get("min_length", 0) for one in rules), default=0),
        session_hours=settings.SESSION_HOURS,
        idle_minutes=settings.SESSION_IDLE_MINUTES,
    )


def _people(actor: Actor, *, only_emergency: bool) -> People:
    since = timezone.now() - UNUSED_AFTER
    by_password = Q(is_emergency=True) if only_emergency else Q()
    by_password &= ~Q(password__startswith=UNUSABLE_PASSWORD_PREFIX) & ~Q(password="")
    was_here = Q(last_login__gte=since) | Q(date_joined__gte=since) | Q(seen=True) | Q(used_token=True)
    active = people_visible_to(actor).filter(is_active=True)
    counted = active.annotate(is_admin=Exists(administrators().filter(pk=OuterRef("pk")))).aggregate(
        admins=Count("pk", filter=Q(is_admin=True)),
        with_password=Count("pk", filter=by_password),
        without_code=Count("pk", filter=by_password & Q(two_step=False)),
    )
    away = active.annotate(
        seen=Exists(SignedIn.objects.filter(user=OuterRef("pk"), last_seen_at__gte=since)),
        used_token=Exists(ApiToken.objects.filter(user=OuterRef("pk"), last_used_at__gte=since)),
    ).exclude(was_here)
    weak = active.filter(by_password, pk__in=administrators().values("pk"), two_step=False)
    invited = _waiting_invitations().aggregate(invited=Count("pk"), invited_at=Min("created_at"))
    return People(
        **counted,
        **invited,
        admins_without_code=tuple(weak.values_list("username", flat=True)),
        away=tuple(away.values_list("username", flat=True)),
        demo=tuple(demo_accounts().values_list("username", flat=True)),
    )


def _waiting_invitations() -> QuerySet[OneTimeLink]:
    """The invitations that can still be accepted."""
    waiting = OneTimeLink.objects.filter(purpose=OneTimeLink.INVITATION, used_at=None, expires_at__gt=timezone.now())
    return waiting.filter(user__is_active=True, user__generation=F("generation"))


def _tokens(actor: Actor) -> Tokens:
    since = timezone.now() - UNUSED_AFTER
    unused = Q(last_used_at__lt=since) | Q(last_used_at=None, created_at__lt=since)
    everything = Q(role__in=["", Role.ADMIN.value], application=None, environment=None)
    may_everything = RoleGrant.objects.filter(role=Role.ADMIN, environment=None, application=None).values("user")
    by_owner = working_tokens().order_by("user__username").values("user__username")
    counted = by_owner.annotate(
        working=Count("pk"),
        endless=Count("pk", filter=Q(expires_at=None)),
        unused=Count("pk", filter=unused),
        unlimited=Count("pk", filter=everything & Q(user__in=may_everything)),
    )
    rows: list[dict[str, Any]] = [dict(row) for row in counted]
    trusts = list(ci_trusts_visible_to(actor))
    loose = (str(one) for one in trusts if one.pattern in EVERY_REF and not one.ci_environment)
    return Tokens(
        working=sum(row["working"] for row in rows),
        endless=_held(rows, "endless"),
        unused=_held(rows, "unused"),
        unlimited=_held(rows, "unlimited"),
        ci_trusts=len(trusts),
        ci_any=tuple(loose),
    )


def _held(rows: Iterable[dict[str, Any]], what: str) -> Held:
    """The tokens of this kind that people have."""
    found = [(row["user__username"], row[what]) for row in rows if row[what]]
    return Held(sum(count for _, count in found), tuple(name for name, _ in found))


def _running(actor: Actor) -> Running:
    environments = list(environments_visible_to(actor))
    last = _production(environments)
    on_process = [one for one in environments if one.runtime == PROCESS]
    running = placements_visible_to(actor).filter(environment=last, current__isnull=False).exclude(wanted=Wanted.REMOVED)
    rows = list(running.values_list("application__name", "access")) if last else []
    return Running(
        production=last.name if last else "",
        slug=last.slug if last else "",
        approvals=last.approvals_needed if last else 0,
        applications=len(rows),
        open_applications=tuple(name for name, access in rows if access == Access.PUBLIC),
        on_process=tuple(one.name for one in on_process),
        without_required=tuple(one.name for one in on_process if not one.options.get("require")),
        walls=_walls() if on_process else {},
    )


def _production(environments: Iterable[Environment]) -> Environment | None:
    """The environment that is called production, else the last one in promotion order."""
    found = list(environments)
    return next((one for one in found if one.slug == PRODUCTION), found[-1] if found else None)


def _walls() -> dict[str, bool] | None:
    try:
        return {layer.name: layer.stands for layer in abilities().layers()}
    except Retry:
        return None


def _records(actor: Actor) -> Records:
    check = last_check()
    resources = resources_visible_to(actor)
    unscheduled = resources.exclude(backup_schedule__is_on=True)
    hearing = [one for one in channels_visible_to(actor) if one.is_on]
    return Records(
        heads_elsewhere=bool(settings.HEADS_TO),
        heads_sent=bool(head_file().elsewhere()),
        heads_failed=bool(external_copy_failure()),
        is_broken=check.broken_at is not None,
        verified_to=check.front_id,
        verified_at=check.whole_at,
        resources=resources.count(),
        without_backups=tuple(f"{one.name} ({one.environment.name})" for one in unscheduled),
        mail=encryption_of_mail(),
        channels=sum(any(Topic.SECURITY in route.topics for route in one.heard) for one in hearing),
    )


def _network() -> Network:
    return Network(
        public_url=settings.PUBLIC_URL,
        hosts=tuple(settings.ALLOWED_HOSTS),
        source_addresses=settings.SOURCE_ADDRESSES,
        sign_in_addresses=settings.SIGN_IN_ADDRESSES,
        notify_addresses=settings.NOTIFY_ADDRESSES,
        file_sources=settings.ALLOW_FILE_SOURCES,
        trusts_every_proxy=any(ipaddress.ip_network(one, strict=False).prefixlen == 0 for one in settings.TRUSTED_PROXIES),
        database=_way_to_database(),
    )


def _way_to_database() -> str:
    """ "" for SQLite, "local" for PostgreSQL on this machine, else its `sslmode`; libpq's own is *prefer*."""
    used = settings.DATABASES["default"]
    if not used["ENGINE"].endswith("postgresql"):
        return ""
    hosts = [host for host in str(used.get("HOST", "")).split(",") if host]
    if all(host.startswith(("/", "@")) or is_local_host(host) for host in hosts):
        return "local"
    return str(used.get("OPTIONS", {}).get("sslmode") or os.environ.get("PGSSLMODE", "prefer"))
