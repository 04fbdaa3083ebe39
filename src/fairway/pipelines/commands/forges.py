"""Connecting the forge of an application's repository, changing, trying and disconnecting it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.queries import latest_number
from fairway.applications.models import Application
from fairway.applications.rules import SourceKind
from fairway.applications.secrets import seal
from fairway.drivers.forges.contract import Forge
from fairway.drivers.forges.statuses import api_url_of, forge_of, project_of
from fairway.drivers.taking import NotTaken
from fairway.engine import clock
from fairway.pipelines.models import ForgeConnection, StatusReport
from fairway.pipelines.report_rules import LONGEST_PROJECT, State, parse_api_url, parse_forge, parse_token
from fairway.pipelines.report_words import stored, trouble_sentence
from fairway.pipelines.reporters import reporter_for
from fairway.pipelines.repositories import credential_at
from fairway.pipelines.subjects import on_forge
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid

CHANGEABLE = ("kind", "api_url", "token", "credential", "is_paused")
EDITED = ("forge.connected", "forge.edited", "forge.paused", "forge.resumed")


@transaction.atomic
def connect_forge(
    *, actor: Actor, application: Application, token: str = "", credential: str = "", kind: str = "", api_url: str = ""
) -> ForgeConnection:
    """Tell the forge of the application's repository of its deployments from now on, with this `token`, or with that of the
    stored credential of this name. `kind` and `api_url` follow from the repository's address if they are left out. Raises
    `Blocked` or `Invalid`."""
    require(actor, Act.EDIT_APPLICATION, application=application.slug)
    row = Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    if row.source_kind != SourceKind.GIT:
        raise Invalid("application", "has no Git repository as its source, so no commit can be told of.")
    if ForgeConnection.objects.filter(application=row, deleted_at=None).exists():
        raise Invalid("application", "is connected already; change that, or disconnect it first.")
    connection = ForgeConnection(application=row, read_event=latest_number(), created_at=clock.now())
    _fill(actor, connection, kind=kind, api_url=api_url, token=token, credential=credential)
    connection.save()
    record(who=actor.who, verb="forge.connected", on=on_forge(connection), after=_facts(connection))
    return connection


@transaction.atomic
def edit_forge(*, actor: Actor, connection: ForgeConnection, as_of: int | None = None, **changes: Any) -> ForgeConnection:
    """Change any of `CHANGEABLE`; without a `token` and a `credential` the one in use stays, as long as it goes to the same
    place. What waited is sent then. One that is resumed tells of what happens from then on.

    Raises `Blocked`, `Invalid`, or `Changed` if it was changed after event `as_of`.
    """
    require(actor, Act.EDIT_APPLICATION, application=connection.application.slug)
    if unknown := set(changes) - set(CHANGEABLE):
        raise Invalid(sorted(unknown)[0], "cannot be changed; only {names} can.", names=", ".join(CHANGEABLE))
    row = _locked(connection)
    refuse_stale(as_of, *EDITED, subject_kind="forge", subject_id=str(row.pk))
    before, was_paused = _facts(row), row.is_paused
    if set(changes) - {"is_paused"}:
        kept = {"kind": row.kind, "api_url": row.api_url, "token": "", "credential": ""}
        wanted = {**kept, **{name: value for name, value in changes.items() if name != "is_paused"}}
        _fill(actor, row, **wanted)
    row.is_paused = bool(changes.get("is_paused", row.is_paused))
    if was_paused and not row.is_paused:
        row.read_event = latest_number()
    if set(changes) != {"is_paused"} or not row.is_paused:
        _go_on(row)
    row.save()
    after = _facts(row)
    if before != after:
        record(who=actor.who, verb=_verb_of(before, after), on=on_forge(row), before=before, after=after)
    return row


def _verb_of(before: dict[str, Any], after: dict[str, Any]) -> str:
    if {name for name in after if before[name] != after[name]} - {"is_paused", "is_stopped"}:
        return "forge.edited"
    return "forge.paused" if after["is_paused"] else "forge.resumed"


@transaction.atomic
def disconnect_forge(*, actor: Actor, connection: ForgeConnection) -> None:
    """Forget the token, and send nothing of what waits. Raises `Blocked`."""
    require(actor, Act.EDIT_APPLICATION, application=connection.application.slug)
    row = ForgeConnection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    if row.deleted_at is None:
        before = _facts(row)
        StatusReport.objects.filter(connection=row, state=State.WAITING).delete()
        row.deleted_at, row.sealed_token, row.credential = clock.now(), "", ""
        row.save(update_fields=["deleted_at", "sealed_token", "credential"])
        record(who=actor.who, verb="forge.disconnected", on=on_forge(row), before=before)


def try_forge(*, actor: Actor, connection: ForgeConnection) -> ForgeConnection:
    """Find out whether the forge can be told, also while it is paused; nothing changes there. If so, what waited is sent.

    Raises `Blocked`, or `Refused`, which says what is wrong. Not in a transaction, because a forge may be slow.
    """
    require(actor, Act.EDIT_APPLICATION, application=connection.application.slug)
    problem: NotTaken | None = None
    try:
        reporter_for(connection).try_it()
    except NotTaken as found:
        problem = found
    with transaction.atomic():
        row = _locked(connection)
        if problem is None:
            _go_on(row)
            row.save()
        record(who=actor.who, verb="forge.tried", on=on_forge(row), after={"works": problem is None})
    if problem is not None:
        raise Refused(trouble_sentence(*stored(problem)))
    return row


@transaction.atomic
def send_report_again(*, actor: Actor, connection: ForgeConnection, report: StatusReport) -> StatusReport:
    """Send a report that was sent or given up again, as soon as the worker comes to it. Raises `Blocked` or `Invalid`."""
    require(actor, Act.EDIT_APPLICATION, application=connection.application.slug)
    row = _locked(connection)
    one = StatusReport.objects.select_for_update(of=("self",), no_key=True).get(pk=report.pk, connection=row)
    if StatusReport.objects.filter(connection=row, deployment=one.deployment_id, pk__gt=one.pk).exists():
        raise Invalid("report", "is not the last one of its deployment; what followed it counts.")
    _go_on(row)
    row.save()
    if one.state != State.WAITING:
        one.state, one.tries, one.next_at = State.WAITING, 0, clock.now()
        one.save(update_fields=["state", "tries", "next_at"])
        after = {"deployment": one.deployment_id, "progress": one.progress}
        record(who=actor.who, verb="forge.sent_again", on=on_forge(row), after=after)
    return one


@transaction.atomic
def reseal_forges() -> int:
    """Seal the tokens with the newest key; returns how many. For use after a key was added."""
    rows = list(ForgeConnection.objects.filter(deleted_at=None).exclude(sealed_token="").select_for_update(no_key=True))
    for row in rows:
        row.sealed_token = seal().reseal(row.sealed_token)
        row.save(update_fields=["sealed_token"])
    return len(rows)


def _locked(connection: ForgeConnection) -> ForgeConnection:
    """Raises `Invalid` if it was disconnected meanwhile."""
    found = ForgeConnection.objects.select_for_update(of=("self",), no_key=True).select_related("application")
    row = found.filter(pk=connection.pk, deleted_at=None).first()
    if row is None:
        raise Invalid("application", "was disconnected meanwhile.")
    return row


def _fill(actor: Actor, row: ForgeConnection, *, kind: str, api_url: str, token: str, credential: str) -> None:
    """Raises `Invalid`."""
    address = str(row.application.source.get("url", ""))
    guessed = forge_of(address)
    if not kind and guessed is None:
        raise Invalid("kind", "is not known from the repository’s address; choose one of github, gitlab, gitea.")
    forge = parse_forge(kind) if kind else guessed or Forge.GITHUB
    project = project_of(address)
    if not project or len(project) > LONGEST_PROJECT:
        raise Invalid("application", "has a repository whose address names no repository of a forge.")
    url = parse_api_url(api_url or api_url_of(forge, address), allows_http=settings.SOURCE_ADDRESSES == "any")
    goes_elsewhere = (row.kind, row.api_url, row.project) != (forge.value, url, project)
    if token.strip() and credential:
        raise Invalid("token", "is given beside a stored credential; give one of them.")
    if credential or (row.credential and not token.strip()):
        _use_credential(row, credential or row.credential, forge, url)
    elif token.strip() or not row.sealed_token:
        row.sealed_token, row.credential = seal().seal(parse_token(token)), ""
    elif goes_elsewhere:
        raise Invalid("token", "must be entered again, because it would be sent to another place.")
    row.kind, row.api_url, row.project, row.repository = forge.value, url, project, address
    row.saved_by = actor.name


def _use_credential(row: ForgeConnection, name: str, forge: Forge, url: str) -> None:
    """Raises `Invalid`."""
    if credential_at(row.application.slug, name, forge, url) is None:
        raise Invalid(
            "credential",
            "is not stored for this server, or not for this application in every environment: its token is not sent there.",
        )
    row.sealed_token, row.credential = "", name


def _go_on(row: ForgeConnection) -> None:
    """A person has looked: what waits is due at once. What was tried counts as tried once, so it is looked for first."""
    row.stopped_at, row.trouble, row.said, row.rests_until = None, "", {}, None
    waiting = StatusReport.objects.filter(connection=row, state=State.WAITING)
    waiting.filter(tries__gt=1).update(tries=1)
    waiting.filter(next_at__gt=clock.now()).update(next_at=clock.now())


def _facts(row: ForgeConnection) -> dict[str, Any]:
    """The connection as events show it; of the token only a mark that tells whether it changed."""
    return {
        "kind": str(row.kind),
        "api_url": row.api_url,
        "project": row.project,
        "credential": row.credential,
        "token": seal().mark(seal().open(row.sealed_token)) if row.sealed_token else "",
        "is_paused": row.is_paused,
        "is_stopped": row.stopped_at is not None,
    }
