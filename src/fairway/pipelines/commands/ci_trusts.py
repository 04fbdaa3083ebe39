"""Trusting the jobs of a repository, ending that, and giving such a job its token."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, transaction

from fairway.accounts.commands import require
from fairway.accounts.models import ApiToken
from fairway.accounts.provider_troubles import trouble_words
from fairway.accounts.queries import actor_of_request
from fairway.accounts.rules import Act, Actor, Blocked, NotVisible, may
from fairway.accounts.sign_in_providers import line
from fairway.accounts.sign_in_rules import parse_issuer
from fairway.accounts.tokens import create_token
from fairway.activity.commands import record
from fairway.activity.rules import Door, On, Who
from fairway.applications.models import Application
from fairway.drivers.forges.contract import PUSHED, RefKind
from fairway.drivers.identity.kinds import Ci
from fairway.engine import clock
from fairway.environments.models import Environment
from fairway.pipelines.commands.triggers import trigger_blockers
from fairway.pipelines.models import CiTokenUse, CiTrust
from fairway.pipelines.rules import matches, narrowed, parse_pattern, split_ref
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid, parse_text
from fairway.shared.translation import translate

LASTS = timedelta(minutes=15)
MOST_REFUSED_IN_A_MINUTE = 30  # of one address; more are not even looked at
ISSUERS = {Ci.GITHUB: "https://token.actions.githubusercontent.com", Ci.GITLAB: "https://gitlab.com"}


@dataclass(frozen=True)
class Given:
    """The token that a job gets, and where it may deploy."""

    text: str
    token: ApiToken
    trust: CiTrust


def on_trust(trust: CiTrust) -> On:
    label = (
        f"{trust.repository or trust.repository_id} {trust.pattern} → {trust.application.name} · {trust.environment.name}"
    )
    return On("ci", trust.pk, label, trust.application.slug, trust.environment.slug)


@transaction.atomic
def trust_ci(
    *,
    actor: Actor,
    application: Application,
    environment: Environment,
    ci: str,
    repository_id: str,
    pattern: str,
    ref_kind: str = RefKind.BRANCH,
    ci_environment: str = "",
    issuer: str = "",
) -> CiTrust:
    """Let jobs of this repository deploy the application here, with the present rights of the actor. `issuer` is the address
    of a GitHub Enterprise Server's or GitLab's tokens; "" for github.com and gitlab.com. Raises `Blocked` or `Invalid`."""
    require(actor, Act.DEPLOY, application=application.slug, environment=environment.slug)
    if reasons := trigger_blockers(actor, application, environment):
        raise Blocked(reasons)
    if ci not in set(Ci):
        raise Invalid("ci", "use one of {names}.", names=", ".join(Ci))
    if ref_kind not in PUSHED:
        raise Invalid("ref_kind", "use one of {names}.", names=", ".join(PUSHED))
    number = repository_id.strip()
    if not number.isascii() or not number.isdecimal() or len(number) > 20:
        raise Invalid("repository_id", "is the number of the repository (GitHub) or project (GitLab), e.g. 74.")
    trust = CiTrust(
        application=application,
        environment=environment,
        ci=ci,
        issuer=parse_issuer(issuer) if issuer else ISSUERS[Ci(ci)],
        repository_id=number,
        ref_kind=ref_kind,
        pattern=parse_pattern(pattern),
        ci_environment=parse_text(ci_environment, field="ci_environment", longest=200),
    )
    trust.saved_now_by(actor)
    trust.save()
    record(who=actor.who, verb="ci.trusted", on=on_trust(trust), after=_facts(trust))
    return trust


@transaction.atomic
def end_trust(*, actor: Actor, trust: CiTrust) -> None:
    """Jobs of it get no token any more; tokens that were given last a quarter of an hour. Raises `Blocked`."""
    require(actor, Act.DEPLOY, application=trust.application.slug, environment=trust.environment.slug)
    row = CiTrust.objects.select_for_update(of=("self",), no_key=True).get(pk=trust.pk)
    if row.deleted_at is None:
        row.deleted_at = clock.now()
        row.save(update_fields=["deleted_at"])
        record(who=actor.who, verb="ci.trust_ended", on=on_trust(trust), before=_facts(trust))


def exchange(*, token: str, application: str = "", environment: str = "", address: str = "", client: str = "") -> Given:
    """Give a CI job an API token for the one that it shows, which GitHub or GitLab signed for this installation's public
    address. `application` and `environment` (slugs) choose where several places trust the job.

    Raises `Refused`, which says why; `Invalid` if it must choose.
    """
    if _is_too_often(address):
        raise Refused(translate("Too many tokens of this address were refused; wait a minute."))
    try:
        return _exchanged(token, application, environment, address, client)
    except Refused as problem:
        _note_refusal(problem, address, client)
        raise


def _exchanged(token: str, application: str, environment: str, address: str, client: str) -> Given:
    from fairway.drivers.identity.ci_jobs import job_of, said_issuer
    from fairway.drivers.identity.trouble import Untrusted

    issuer = said_issuer(token)
    known = list(_living().filter(issuer=issuer)) if issuer else []
    if not known:
        raise Refused(translate("No CI jobs of {issuer} are trusted here.", issuer=issuer[:100] or "—"))
    try:
        job = job_of(token, ci=Ci(known[0].ci), issuer=issuer, audience=audience(), line=line())
    except Untrusted as problem:
        raise Refused(trouble_words(problem)) from None
    trust = _chosen(known, job, application, environment)
    actor = _runner_of(trust, job, address, client)
    return _given(trust, job, actor)


def audience() -> str:
    """For whom a job must ask its token."""
    return str(settings.PUBLIC_URL).rstrip("/")


def _chosen(known: Sequence[CiTrust], job: Any, application: str, environment: str) -> CiTrust:
    """The one place that trusts this job. Raises `Refused` or `Invalid`."""
    kind, name = split_ref(job.ref)
    fitting = [
        one
        for one in known
        if (one.repository_id, one.ref_kind) == (job.repository_id, kind)
        and matches(one.pattern, name)
        and one.owner_id in ("", job.owner_id)
        and one.ci_environment in ("", job.environment)
        and application in ("", one.application.slug)
        and environment in ("", one.environment.slug)
    ]
    if not fitting:
        raise Refused(
            translate(
                "Jobs of {repository} (number {number}) on {ref} are not trusted there.",
                repository=job.repository[:100],
                number=job.repository_id,
                ref=job.ref[:100],
            )
        )
    places = {(one.application.slug, one.environment.slug): one for one in fitting}
    if len(places) > 1:
        names = ", ".join(" in ".join(place) for place in sorted(places))
        raise Invalid("environment", "must be chosen with the application: {names}.", names=names)
    return fitting[0]


def _runner_of(trust: CiTrust, job: Any, address: str, client: str) -> Actor:
    """Whoever set it up, with what they may do now with this application in this environment. Raises `Refused`."""
    if trust.saved_by_id is None:
        raise Refused(translate("It was set up by no person, whose rights the job could have."))
    person = actor_of_request(trust.saved_by_id, trust.saved_by, Door.API, trust.acting_role, token=trust.saved_with_id)
    actor = narrowed(person, trust.application.slug, trust.environment.slug)
    if not may(actor, Act.DEPLOY, application=trust.application.slug, environment=trust.environment.slug):
        raise Refused(
            translate(
                "{name}, who set this up, may no longer deploy here; whoever sets it up anew takes it over.",
                name=trust.saved_by,
            )
        )
    return replace(actor, identified_by=f"CI job {job.run}", address=address, client=client[:200])


@transaction.atomic
def _given(trust: CiTrust, job: Any, actor: Actor) -> Given:
    """Raises `Refused` if the job's token was exchanged before."""
    digest = hashlib.sha256(f"{job.issuer}\n{job.number}".encode()).hexdigest()
    try:
        with transaction.atomic():
            CiTokenUse.objects.create(digest=digest, until=job.until + timedelta(minutes=5))
    except IntegrityError:
        raise Refused(translate("This token was exchanged before; a job asks for a new one.")) from None
    row = CiTrust.objects.select_for_update(of=("self",), no_key=True).filter(pk=trust.pk, deleted_at=None).first()
    if row is None:
        raise Refused(translate("The trust was ended a moment ago."))
    row.owner_id, row.repository, row.last_used_at = job.owner_id, job.repository, clock.now()
    row.save(update_fields=["owner_id", "repository", "last_used_at"])
    name = f"CI {job.repository[:40]} {split_ref(job.ref)[1][:20]} #{job.run}"
    try:
        made, text = create_token(
            actor=actor,
            name=name,
            application=trust.application,
            environment=trust.environment,
            expires_at=clock.now() + LASTS,
        )
    except (Blocked, NotVisible) as problem:
        raise Refused(str(problem)) from None
    after = {
        "repository": job.repository,
        "ref": job.ref,
        "commit": job.commit,
        "run": job.run,
        "person": job.person,
        "token": made.prefix,
    }
    record(who=actor.who, verb="ci.token_given", on=on_trust(trust), after=after)
    return Given(text, made, trust)


def _living() -> Any:
    there = CiTrust.objects.filter(deleted_at=None, application__deleted_at=None, environment__deleted_at=None)
    return there.select_related("application", "environment").order_by("pk")


def _facts(trust: CiTrust) -> dict[str, Any]:
    names = ("ci", "issuer", "repository_id", "ref_kind", "pattern", "ci_environment")
    return {name: getattr(trust, name) for name in names}


def _key(address: str) -> str:
    return f"ci-refused:{address}:{int(time.time() // 60)}"


def _is_too_often(address: str) -> bool:
    return bool(cache.get(_key(address), 0) >= MOST_REFUSED_IN_A_MINUTE)


def _note_refusal(problem: Refused, address: str, client: str) -> None:
    """Count it; an event is recorded for the 1st, 2nd, 4th, 8th … of a minute, so that nobody can flood the chain."""
    cache.add(_key(address), 0, 120)
    count = cache.incr(_key(address))
    if count & (count - 1):
        return
    who = Who(id=None, name="", door=Door.API, identified_by="nothing", address=address, client=client)
    with transaction.atomic():
        after = {"within_a_minute": count}
        record(who=who, verb="ci.token_refused", on=On("ci", 0, "—"), comment=problem.sentence, after=after)


def forget_exchanges() -> int:
    """Forget which tokens were exchanged, once they have expired; returns how many."""
    return CiTokenUse.objects.filter(until__lt=clock.now()).delete()[0]
