"""What is in a release: add one or many, change, delete, resolve again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, Blocked, Blocker
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.applications.commands import create_application, on_application
from fairway.applications.models import Application, Artifact
from fairway.applications.queries import artifacts_of, visible_to
from fairway.applications.rules import SourceKind, parse_source
from fairway.deployments.models import Placement
from fairway.engine.commands import enqueue, request_cancel
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.releases.commands.dependencies import add_dependency
from fairway.releases.commands.guards import locked_package, open_for_change
from fairway.releases.export import exported_source
from fairway.releases.manifest import PackageManifest
from fairway.releases.models import Dependency, Package, PackageOnTarget, Release
from fairway.releases.rules import BUSY, MOST_PACKAGES, OnTarget, Resolution, Stage
from fairway.releases.source_input import BUILT, LONGEST, parse_source_input
from fairway.releases.subjects import on_package, package_facts
from fairway.releases.target_state import serves
from fairway.shared.names import Invalid, parse_slug, parse_text, slug_from
from fairway.shared.urls import without_secrets

RESOLVE_STORY = "resolve"
KNOWN_SHOWN = 8  # versions named where none fits


@dataclass(frozen=True)
class NewPackage:
    """One line of a bulk paste. `source` is as entered; `needs` names other packages of the release or the same paste."""

    name: str
    source: str
    stage: str = Stage.REGISTERED
    application: Application | None = None
    needs: tuple[str, ...] = ()
    application_slug: str = ""  # instead of the application itself

    @classmethod
    def of(cls, one: PackageManifest) -> NewPackage:
        return cls(one.name, one.source, one.stage, needs=one.needs, application_slug=one.application)


@transaction.atomic
def add_package(
    *,
    actor: Actor,
    release: Release,
    name: str,
    source: str = "",
    source_kind: str = "",
    source_values: Mapping[str, Any] | None = None,
    artifact: Artifact | None = None,
    application: Application | None = None,
    stage: str = Stage.REGISTERED,
) -> Package:
    """Add a package by what is entered (`source`), a parsed source (`source_kind`, `source_values`), or an `artifact`.

    Without an `application`, the one whose slug is the name's is taken, or created. What can be seen to be wrong is
    `Invalid` at once; the rest a run finds out, and the package says so. Raises `Blocked` or `Invalid`.
    """
    require(actor, Act.ADD_PACKAGE, application=application.slug if application else "")
    row = open_for_change(actor, Act.ADD_PACKAGE, release, application=application.slug if application else "")
    title = parse_text(name, field="name", longest=80, required=True)
    if Package.objects.filter(release=row, deleted_at=None).count() >= MOST_PACKAGES:
        raise Invalid("name", "is one too many: a release has at most {most} packages.", most=MOST_PACKAGES)
    if Package.objects.filter(release=row, name=title, deleted_at=None).exists():
        raise Invalid("name", "“{name}” is in this release already; choose another name.", name=title)
    own = application.slug if application else slug_from(title)
    origin = _Origin.of(actor, own, source, source_kind, source_values, artifact)
    chosen = application or _application_of(actor, title, origin)
    made_application = chosen is None
    if chosen is None:
        slug = parse_slug(own, field="name")
        chosen = create_application(actor=actor, name=title, slug=slug, source_kind=origin.kind, source=origin.source)
    _refuse_twice(row, chosen)
    package = Package.objects.create(
        release=row,
        name=title,
        application=chosen,
        made_application=made_application,
        stage=_parse_stage(stage),
        created_by_id=actor.id,
        created_by=actor.name,
        **origin.fields(chosen),
    )
    if origin.artifact is None:
        _ask_to_resolve(package)
    record(who=actor.who, verb="package.added", on=on_package(package), after=package_facts(package))
    return package


@transaction.atomic
def add_packages(*, actor: Actor, release: Release, packages: Iterable[NewPackage]) -> list[Package]:
    """Add many, with their needs, or none. An `Invalid` says of which: its field is ``packages[3].source``, say."""
    given = list(packages)
    if not given:
        raise Invalid("packages", "is empty; give at least one.")
    made = []
    for index, one in enumerate(given):
        with _placed(index):
            made.append(
                add_package(
                    actor=actor,
                    release=release,
                    name=one.name,
                    source=one.source,
                    application=one.application or application_called(actor, one.application_slug),
                    stage=one.stage,
                )
            )
    by_name = {one.name: one for one in Package.objects.filter(release=release, deleted_at=None)}
    for index, one in enumerate(given):
        for needed in one.needs:
            with _placed(index):
                if needed not in by_name:
                    raise Invalid("needs", "“{name}” is not a package of this release.", name=needed[:80])
                add_dependency(actor=actor, package=made[index], needs=by_name[needed])
    return made


def application_called(actor: Actor, slug: str) -> Application | None:
    """The application that a list or a file names; None where it names none. Raises `Invalid`."""
    found = visible_to(actor).filter(slug=slug).first() if slug else None
    if slug and found is None:
        raise Invalid("application", "there is no application “{name}”, or you may not see it.", name=slug[:60])
    return found


@transaction.atomic
def edit_package(
    *,
    actor: Actor,
    package: Package,
    name: str | None = None,
    stage: str | None = None,
    source: str | None = None,
    source_kind: str = "",
    source_values: Mapping[str, Any] | None = None,
    artifact: Artifact | None = None,
    as_of: int | None = None,
) -> Package:
    """Change what is given. Another version is resolved anew, and stands nowhere yet.

    Raises `Blocked`, `Invalid`, or `Changed` when somebody did since event `as_of`.
    """
    application = package.application
    _lock_run(package)
    release = open_for_change(actor, Act.EDIT_PACKAGE, package.release, application=application.slug)
    row = locked_package(package)
    refuse_stale(as_of, "package.edited", subject_kind="package", subject_id=str(row.pk))
    before = package_facts(row)
    if name is not None:
        row.name = parse_text(name, field="name", longest=80, required=True)
        if Package.objects.filter(release=release, name=row.name, deleted_at=None).exclude(pk=row.pk).exists():
            raise Invalid("name", "“{name}” is in this release already; choose another name.", name=row.name)
    if stage is not None:
        row.stage = _parse_stage(stage)
    row.save(update_fields=["name", "stage"])
    if source is not None or source_values is not None or artifact is not None:
        _enter_anew(row, _Origin.of(actor, application.slug, source or "", source_kind, source_values, artifact))
    record(who=actor.who, verb="package.edited", on=on_package(row), before=before, after=package_facts(row))
    return row


@transaction.atomic
def resolve_again(*, actor: Actor, package: Package) -> Package:
    """Look at the source once more: a tag may point elsewhere, what was missing may be there now."""
    _lock_run(package)
    open_for_change(actor, Act.EDIT_PACKAGE, package.release, application=package.application.slug)
    row = locked_package(package)
    if not row.source_kind:
        raise Invalid("package", "is an existing version already; there is nothing to resolve.")
    _enter_anew(row, _Origin(row.source_input, row.source_kind, row.source, None))
    record(who=actor.who, verb="package.resolution_requested", on=on_package(row), after=package_facts(row))
    return row


@transaction.atomic
def delete_package(*, actor: Actor, package: Package, confirmed: str = "") -> None:
    """Take it out of its release, with its dependencies. What it deployed goes on running.

    Raises `Blocked` while something is done to it, or while it is Deployed and `confirmed` is not its name.
    """
    open_for_change(actor, Act.DELETE_PACKAGE, package.release, application=package.application.slug)
    row = locked_package(package)
    _refuse_busy(row)
    where = [environment.name for environment in _served_in(row)]
    if where and confirmed != row.name:
        words = {"package": row.name, "names": ", ".join(where)}
        sentence = _("%(package)s is Deployed in %(names)s. It keeps running; type “%(package)s” to confirm.") % words
        raise Blocked([Blocker(code="deployed", sentence=sentence, who=_("a Deployer, by falling it back first"))])
    needs = list(row.dependencies.values_list("needs__name", flat=True))
    needed_by = list(row.dependents.values_list("package__name", flat=True))
    Dependency.objects.filter(package=row).delete()
    Dependency.objects.filter(needs=row).delete()
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at"])
    before = {**package_facts(row), "needs": needs, "needed_by": needed_by, "deployed": where}
    record(who=actor.who, verb="package.deleted", on=on_package(row), before=before)
    forget_made_application(actor, row)


def forget_made_application(actor: Actor, package: Package) -> None:
    """An application that was made for a package goes with it, unless it became something: a mistyped one leaves nothing."""
    one = package.application
    rows = (one.artifacts, one.configurations, one.deployments, one.placements, one.packages.filter(deleted_at=None))
    if not package.made_application or one.deleted_at is not None or any(each.exists() for each in rows):
        return
    Application.objects.filter(pk=one.pk).update(deleted_at=timezone.now())
    record(who=actor.who, verb="application.deleted", on=on_application(one), comment="Nothing was ever made of it.")


@dataclass(frozen=True)
class _Origin:
    """Where a package's bytes come from: a source still to be resolved, or an artifact that exists."""

    source_input: str
    kind: str
    source: Mapping[str, Any]
    artifact: Artifact | None

    @classmethod
    def of(
        cls,
        actor: Actor,
        application: str,
        source_input: str,
        kind: str,
        values: Mapping[str, Any] | None,
        artifact: Artifact | None,
    ) -> _Origin:
        """`application` is the slug of the package's own."""
        if artifact is None and values is None:
            kind, values = parse_source_input(source_input)
            artifact = _built(actor, kind, values, application)
            if kind == BUILT:  # several words that begin with no application: what every other mistake is told
                kind, values = SourceKind.IMAGE, {"image": source_input.strip()}
        if artifact is not None:
            return cls(f"{artifact.application.slug} {artifact.version}", "", {}, artifact)
        assert values is not None
        try:
            clean = parse_source(kind, values)
        except Invalid as problem:
            raise Invalid("source", "{problem}", problem=f"{problem.field}: {problem.sentence}") from None
        return cls(source_input or _written(clean), kind, clean, None)

    def fields(self, application: Application) -> dict[str, Any]:
        if self.artifact is None:
            return {
                "source_kind": self.kind,
                "source": dict(self.source),
                "source_input": self.source_input[:LONGEST],
                "resolution": Resolution.RESOLVING,
                "artifact": None,
                "sentence": "",
            }
        if self.artifact.application_id != application.pk:
            raise Invalid("artifact", "is a version of another application; choose one of {name}.", name=application.name)
        return {
            "source_kind": "",
            "source": {},
            "source_input": self.source_input[:LONGEST],
            "resolution": Resolution.RESOLVED,
            "artifact": self.artifact,
            "sentence": "",
        }


def _written(source: Mapping[str, Any]) -> str:
    """How a person would enter it."""
    if "image" in source:
        return str(source["image"])
    if "upload" in source:
        return f"upload {source.get('name', '')} {source['upload'][:12]}".strip()
    return f"{source['url']}#{source.get('ref') or 'sha256:' + source.get('checksum', '')}"


def _built(actor: Actor, kind: str, values: Mapping[str, str], application: str) -> Artifact | None:
    """The version that is meant, where one is; a single word may also be the name of an image. Raises `Invalid` saying
    what there is."""
    is_word = kind == SourceKind.IMAGE and not {"/", ":", "@"} & set(values["image"])
    if kind != BUILT and not is_word:
        return None
    slug, version = values.get("application") or application, values.get("version") or values["image"]
    own = visible_to(actor).filter(slug=slug).first()
    chosen = artifacts_of(own) if own else Artifact.objects.none()
    by_number = Q(number=int(version[1:])) if re.fullmatch(r"#\d{1,9}", version) else Q(pk=None)
    found = chosen.filter(Q(version=version) | Q(digest=version) | by_number).select_related("application").first()
    if found is not None or is_word:
        return found
    if own is None and " " in version:
        return None
    if own is None:
        raise Invalid("source", "there is no application “{name}”, or you may not see it.", name=slug[:60])
    known = list(dict.fromkeys(chosen.values_list("version", flat=True)))
    some = ", ".join(known[:KNOWN_SHOWN]) + ("…" if len(known) > KNOWN_SHOWN else "")
    if not known:
        raise Invalid("source", "“{version}” is no version of {name}: none was built yet.", version=version[:80], name=slug)
    raise Invalid(
        "source", "“{version}” is no version of {name}; there are {known}.", version=version[:80], name=slug, known=some
    )


def is_same_source(actor: Actor, package: Package, text: str) -> bool:
    """Whether `text` names what the package is already: as it was entered, as a file says it, or another way."""
    if text in {package.source_input, without_secrets(package.source_input), exported_source(package)}:
        return True
    kind, values = parse_source_input(text)
    found = _built(actor, kind, values, package.application.slug)
    return found is not None and found.pk == package.artifact_id and not package.source_kind


def _application_of(actor: Actor, title: str, origin: _Origin) -> Application | None:
    """The one that is there already; None: it has to be made."""
    found = origin.artifact.application if origin.artifact else None
    found = found or Application.objects.filter(slug=slug_from(title), deleted_at=None).first()
    if found is not None:
        require(actor, Act.ADD_PACKAGE, application=found.slug)
    return found


def _refuse_twice(release: Release, application: Application) -> None:
    if application.deleted_at is not None:
        raise Invalid("application", "{name} was deleted; choose another.", name=application.name)
    same = Package.objects.filter(release=release, application=application, deleted_at=None).first()
    if same is not None:
        raise Invalid(
            "application",
            "{application} is in this release already, as “{package}”; a target serves one version of it.",
            application=application.name,
            package=same.name,
        )


def _parse_stage(stage: str) -> Stage:
    if stage not in set(Stage):
        raise Invalid("stage", "use one of {names}.", names=", ".join(Stage))
    return Stage(stage)


def _ask_to_resolve(package: Package) -> None:
    """A run of its own, soon: people wait for the answer."""
    run = enqueue(kind=RESOLVE_STORY, key=f"package:{package.pk}", payload={"package": package.pk}, priority=20)
    package.run = run
    package.save(update_fields=["run"])


def _lock_run(package: Package) -> None:
    """A run before our own rows: its watcher holds it when it writes the package."""
    list(Run.objects.select_for_update(no_key=True).filter(pk__in=[package.run_id]))


def _enter_anew(row: Package, origin: _Origin) -> None:
    """Another version: a look at the old one ends, and what stood on targets was not this version."""
    _refuse_busy(row)
    fields = origin.fields(row.application)
    previous = row.run_id
    row.run = None
    row.resolve_to(fields.pop("resolution"), run=None, **fields)
    for on_target in (
        PackageOnTarget.objects.select_for_update(no_key=True).filter(package=row).exclude(status=OnTarget.ABSENT)
    ):
        on_target.move_to(OnTarget.ABSENT, artifact=None, digest="", distributed_at=None, sentence="")
    if previous is not None:
        request_cancel(run_id=previous, reason="Another version was entered.")
    if row.resolution == Resolution.RESOLVING:
        _ask_to_resolve(row)


def _refuse_busy(row: Package) -> None:
    busy = PackageOnTarget.objects.filter(package=row, status__in=sorted(BUSY)).select_related("environment").first()
    if busy is not None:
        words = {"package": row.name, "environment": busy.environment.name}
        sentence = _("Another operation on %(package)s is running in %(environment)s.") % words
        raise Blocked([Blocker(code="in_progress", sentence=sentence, who=_("nobody; it ends by itself"))])


def _served_in(row: Package) -> list[Environment]:
    there = PackageOnTarget.objects.filter(package=row, status=OnTarget.DEPLOYED).select_related("environment")
    placements = Placement.objects.filter(application=row.application_id).select_related("current")
    by_environment = {one.environment_id: one for one in placements}
    return [one.environment for one in there if serves(by_environment.get(one.environment_id), row.artifact_id)]


class _placed:
    """Says which of many packages an `Invalid` is about."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, Invalid):
            raise Invalid(f"packages[{self._index}].{problem.field}", "{problem}", problem=problem.sentence) from None
