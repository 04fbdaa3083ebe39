"""The workflows of resources: starting, stopping or removing a server, giving applications logins, and backing up and
restoring data."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from fairway.applications.secrets import seal
from fairway.drivers.resources import sealed_files
from fairway.drivers.resources.contract import Content
from fairway.engine.models import Run
from fairway.engine.workflow import Context, Ending, Outcome, Step, Workflow, no_clean_up
from fairway.resources import commands, deleting, progress, schedules
from fairway.resources.backup_files import refuse_if_changed
from fairway.resources.models import Backup, Binding, Resource
from fairway.resources.rules import Purpose, State, Wanted, differences
from fairway.resources.servers import backup_place, driver_of, login_of, server_spec
from fairway.shared.failures import Away, Failure, Refused, Retry
from fairway.shared.translation import translate
from fairway.workflows.log import Unlogged
from fairway.workflows.outside import forget_work_folder, work_folder

LONG = timedelta(hours=12)  # a dump of a large database


# -- the server


def prepare(context: Context) -> Mapping[str, Any]:
    """Read whether the server shall run, as its row says now and not when this was asked for; if so, fetch its version."""
    resource = _resource(context)
    if resource.deleted_at is not None or resource.wanted != Wanted.RUNNING:
        return {"runs": False}
    driver_of(resource).fetch(resource.version, Unlogged(context))
    return {"runs": True}


def make(context: Context) -> None:
    """Create the server's data folder. If there was one before, it is never created again."""
    resource = _resource(context)
    context.checkpoint()
    driver_of(resource).ensure_data(server_spec(resource), Unlogged(context), may_be_new=resource.made_at is None)
    progress.data_made(resource=resource)


def start(context: Context) -> None:
    resource = _resource(context)
    context.checkpoint()
    driver_of(resource).ensure_running(server_spec(resource), Unlogged(context))


def look(context: Context) -> None:
    resource = _resource(context)
    facts = driver_of(resource).look(server_spec(resource))
    progress.observed(resource=resource, state=State.RUNNING, facts=facts)


def end(context: Context) -> None:
    """Stop the server. If it shall be removed, its data is put away; else its data stays where it is."""
    resource = _resource(context)
    if resource.deleted_at is not None:
        return
    driver = driver_of(resource)
    context.checkpoint()
    if resource.wanted == Wanted.REMOVED:
        folder = driver.ensure_put_away(resource.server)
        progress.removed(resource=resource, place=str(folder or ""))
    else:
        driver.ensure_stopped(resource.server)
        progress.observed(resource=resource, state=State.STOPPED)


def _resource(context: Context) -> Resource:
    return Resource.objects.select_related("environment").get(pk=context.payload["resource"])


def _runs(state: Mapping[str, Any]) -> bool:
    return bool(state.get("runs", True))


def _ends(state: Mapping[str, Any]) -> bool:
    return not _runs(state)


# -- logins of applications


def let_in(context: Context) -> None:
    binding = _binding(context)
    driver, spec = driver_of(binding.resource), server_spec(binding.resource)
    context.checkpoint()
    driver.ensure_database(spec, binding.database)
    driver.ensure_login(spec, binding.database, login_of(binding))


def configure(context: Context) -> None:
    binding = _binding(context)
    driver, spec = driver_of(binding.resource), server_spec(binding.resource)
    context.checkpoint()
    progress.bound(binding=binding, address=driver.address(spec, binding.database, login_of(binding)))


def end_previous(context: Context) -> None:
    binding = _binding(context)
    context.checkpoint()
    if binding.previous_login:
        driver = driver_of(binding.resource)
        driver.ensure_no_login(server_spec(binding.resource), binding.database, binding.previous_login)
    progress.previous_ended(binding=binding)


def shut_out(context: Context) -> None:
    binding = _binding(context)
    driver, spec = driver_of(binding.resource), server_spec(binding.resource)
    context.checkpoint()
    if driver.has_data(spec.name):  # without data nobody can sign in, and the binding must not stay for ever
        for login in filter(None, (binding.login, binding.previous_login)):
            driver.ensure_no_login(spec, binding.database, login)
    progress.unbound(binding=binding)


def _binding(context: Context) -> Binding:
    related = ("resource__environment", "application")
    return Binding.objects.select_related(*related).get(pk=context.payload["binding"])


# -- backups


def dump(context: Context) -> None:
    """Write a consistent copy of the database as a sealed file, and delete the unencrypted copy."""
    backup = _backup(context)
    resource, clear = backup.resource, _clear_file(context)
    name = f"{backup.pk}.sealed"
    content = driver_of(resource).dump(server_spec(resource), backup.database, clear, Unlogged(context))
    size, digest = sealed_files.seal_file(clear, backup_place(name), seal(), context.check)
    clear.unlink(missing_ok=True)
    context.checkpoint()
    progress.backup_taken(backup=backup, content=content, file=name, size_bytes=size, sha256=digest)


def verify(context: Context) -> None:
    """Read the backup from the disk, restore it into a temporary database, and compare. Only then does the backup count.

    Raises `Refused` if the copy does not have the rows that the database had.
    """
    backup = _backup(context)
    resource = backup.resource
    with _whole(context, backup) as clear:
        found = driver_of(resource).look_into(server_spec(resource), clear, Unlogged(context))
    if wrong := differences(backup.content, found.rows):
        tables = "; ".join(wrong[:5])
        raise Refused(translate("The restored copy does not hold what was there: {tables}.", tables=tables))
    forget_work_folder(_work_name(context))
    context.checkpoint()
    progress.backup_verified(backup=backup, content=found)


def list_databases(context: Context) -> None:
    """Find all databases of a resource that shall be deleted, also those whose applications are not bound any more, and
    have a last backup of each taken."""
    resource = _resource(context)
    found = driver_of(resource).databases(server_spec(resource))
    context.checkpoint()
    deleting.last_backups_begun(resource=resource, databases=found)


def reach(context: Context) -> None:
    """Wait until the server answers: a new one is being made. Raises `Refused` if it shall not run, or could not be made."""
    into = _target(context)
    if into.wanted != Wanted.RUNNING:
        raise Refused(translate("The server of {name} is stopped.", name=into.name))
    if into.state == State.FAILED:
        raise Refused(into.sentence)
    try:
        driver_of(into).look(server_spec(into))
    except Retry as failure:
        raise Away(failure.sentence) from failure


def restore(context: Context) -> Mapping[str, Any]:
    """Restore a backup beside the database. What it contains is kept for the next step."""
    backup, into = _backup(context), _target(context)
    with _whole(context, backup) as clear:
        context.checkpoint()
        content = driver_of(into).restore(server_spec(into), clear, backup.database, Unlogged(context))
    return {"rows": dict(content.rows)}


def put_in_place(context: Context) -> None:
    """Let the database have what was restored. It is a step of its own, so that a worker which dies after it cannot make
    another one do it twice."""
    backup, into = _backup(context), _target(context)
    with _whole(context, backup) as clear:
        context.checkpoint()
        driver_of(into).put_in_place(server_spec(into), clear, backup.database, Unlogged(context))
    forget_work_folder(_work_name(context))
    progress.restored(backup=backup, into=into, content=Content(context.state["rows"]))


def forget_restored(context: Context, ending: Ending) -> None:
    """Remove what was not put in place, if the server can be reached, and the work folder."""
    tidy(context, ending)
    backup, into = _backup(context), _target(context)
    with suppress(Failure):
        driver_of(into).forget_restored(server_spec(into), backup.database)


def _target(context: Context) -> Resource:
    return Resource.objects.select_related("environment").get(pk=context.payload["into"])


def _whole(context: Context, backup: Backup) -> AbstractContextManager[Path]:
    """The unencrypted file of a backup. Raises `Refused` if the sealed file does not have the recorded checksum."""
    refuse_if_changed(backup)
    return sealed_files.clear_file(backup_place(backup.file), _clear_file(context), seal(), context.check)


def _clear_file(context: Context) -> Path:
    return work_folder(_work_name(context)) / "copy"


def _work_name(context: Context) -> str:
    return f"resource-copy-{context.run_id}"


def _backup(context: Context) -> Backup:
    related = ("resource__environment", "application")
    return Backup.objects.select_related(*related).get(pk=context.payload["backup"])


def tidy(context: Context, ending: Ending) -> None:
    """Delete the work folder, so that no unencrypted data is left."""
    forget_work_folder(_work_name(context))


# -- recording how runs ended


class _Watcher:
    def started(self, run: Run) -> None: ...

    def step_started(self, run: Run, step: str, attempt: int) -> None: ...

    def step_finished(self, run: Run, step: str, status: str, sentence: str) -> None: ...

    def waiting(self, run: Run, reason: str) -> None: ...

    def ended(self, run: Run, ending: Ending) -> None:
        if ending.outcome is Outcome.SUCCEEDED:
            return
        self.failed(run, ending.sentence or translate("It was cancelled."))

    def failed(self, run: Run, sentence: str) -> None:
        raise NotImplementedError


class ResourceWatcher(_Watcher):
    def failed(self, run: Run, sentence: str) -> None:
        resource = Resource.objects.filter(pk=run.payload["resource"]).first()
        if resource is not None:
            progress.observed(resource=resource, state=State.FAILED, sentence=sentence)


class BindingWatcher(_Watcher):
    def failed(self, run: Run, sentence: str) -> None:
        binding = Binding.objects.filter(pk=run.payload["binding"]).first()
        if binding is not None:
            progress.binding_failed(binding=binding, sentence=sentence)


class BackupWatcher(_Watcher):
    """Also what follows a backup: others are removed, or its resource is."""

    def ended(self, run: Run, ending: Ending) -> None:
        super().ended(run, ending)
        backup = Backup.objects.get(pk=run.payload["backup"])
        deleting.last_backup_settled(backup=backup)
        if ending.outcome is Outcome.SUCCEEDED and backup.purpose == Purpose.SCHEDULED:
            schedules.remove_outdated(backup=backup)

    def failed(self, run: Run, sentence: str) -> None:
        progress.backup_failed(backup=Backup.objects.get(pk=run.payload["backup"]), sentence=sentence)


class LastBackupsWatcher(_Watcher):
    def failed(self, run: Run, sentence: str) -> None:
        resource = Resource.objects.filter(pk=run.payload["resource"]).first()
        if resource is not None:
            deleting.deletion_called_off(resource=resource, sentence=sentence)


class RestoreWatcher(_Watcher):
    def failed(self, run: Run, sentence: str) -> None:
        related = ("resource__environment", "application")
        backup = Backup.objects.select_related(*related).get(pk=run.payload["backup"])
        progress.restore_failed(backup=backup, into=Resource.objects.get(pk=run.payload["into"]), sentence=sentence)


RESOURCE = Workflow(
    kind=commands.CONVERGE,
    steps=(
        Step("prepare", prepare, attempts=5),
        Step("make", make, applies=_runs),
        Step("start", start, applies=_runs, attempts=5),
        Step("look", look, applies=_runs, attempts=5),
        Step("end", end, applies=_ends),
    ),
    clean_up=no_clean_up,
    watcher=ResourceWatcher(),
)
BIND = Workflow(
    kind=commands.BIND,
    steps=(Step("let in", let_in, attempts=6), Step("configure", configure, attempts=6)),
    watcher=BindingWatcher(),
)
END_LOGIN = Workflow(
    kind=commands.END_LOGIN, steps=(Step("end previous", end_previous, attempts=6),), watcher=BindingWatcher()
)
UNBIND = Workflow(kind=commands.UNBIND, steps=(Step("shut out", shut_out, attempts=6),), watcher=BindingWatcher())
BACK_UP = Workflow(
    kind=commands.BACK_UP,
    steps=(Step("dump", dump, deadline=LONG), Step("verify", verify, deadline=LONG)),
    clean_up=tidy,
    watcher=BackupWatcher(),
)
LAST_BACKUPS = Workflow(
    kind=commands.LAST_BACKUPS,
    steps=(Step("list databases", list_databases, attempts=6),),
    watcher=LastBackupsWatcher(),
)
RESTORE = Workflow(
    kind=commands.RESTORE,
    steps=(
        Step("reach", reach),
        Step("restore", restore, deadline=LONG),
        Step("put in place", put_in_place, deadline=LONG),
    ),
    clean_up=forget_restored,
    watcher=RestoreWatcher(),
)
WORKFLOWS = (RESOURCE, BIND, END_LOGIN, UNBIND, BACK_UP, LAST_BACKUPS, RESTORE)
