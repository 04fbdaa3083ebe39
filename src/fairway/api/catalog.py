"""The catalogue: applications that are installed in one step."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.placement_schemas import DeploymentDetail, deployment_detail
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Slug
from fairway.catalog.commands import install
from fairway.catalog.queries import visible_to
from fairway.catalog.rules import Entry
from fairway.catalog.shelf import entries, get_entry
from fairway.environments.queries import get_environment

router = PermissionRouter(tags=["catalog"])


class QuestionShown(Schema):
    """`name` is the key of the answer; `kind` is ``text`` or ``email``."""

    name: str
    label: dict[str, str]
    kind: str
    default: str


class EntryShown(Schema):
    """Sizes are in bytes, as measured. Texts are by language. `access` are those it may be given, the default first.
    `sign_in` is ``header`` (colleagues arrive signed in), ``gate`` (Fairway asks them to sign in) or ``own`` (it has
    accounts of its own). `checked` are the runtimes on which it was run."""

    id: str
    title: str
    version: str
    licence: str
    home_page: str
    category: str
    summary: dict[str, str]
    stores: dict[str, str]
    first_steps: dict[str, str]
    memory_bytes: int
    disk_bytes: int
    sign_in: str
    access: list[str]
    checked: list[str]
    ask: list[QuestionShown]


class InstalledShown(Schema):
    application: str
    version: str


class EntryWhole(EntryShown):
    """`installed` are the applications that were made from it and that you may see."""

    installed: list[InstalledShown]


class InstallationWanted(Given):
    """`name` left out means the entry's title; `answers` are by the names of its questions, empty ones take the default."""

    environment: str = Field(max_length=40)
    name: str = Field("", max_length=80)
    answers: dict[str, str] = Field(default_factory=dict, max_length=50)
    access: str = Field("", max_length=20)
    reason: str = Field("", max_length=500)


class InstallationShown(Schema):
    """`passwords` are those of its first administrators, by variable. They are not shown again."""

    application: str
    deployment: DeploymentDetail
    passwords: dict[str, str]


def _shown(entry: Entry) -> dict[str, object]:
    same = (
        "id",
        "title",
        "version",
        "licence",
        "home_page",
        "memory_bytes",
        "disk_bytes",
        "summary",
        "stores",
        "first_steps",
    )
    return {
        **{name: getattr(entry, name) for name in same},
        "category": entry.category.value,
        "sign_in": entry.sign_in.value,
        "access": list(entry.access),
        "checked": list(entry.checked),
        "ask": [
            QuestionShown(name=one.name, label=dict(one.label), kind=one.kind, default=one.default) for one in entry.ask
        ],
    }


@router.get("/catalog", response=list[EntryShown])
@needs(Act.VIEW)
def list_catalog(request: HttpRequest) -> list[EntryShown]:
    """Every entry of the catalogue."""
    return [EntryShown(**_shown(entry)) for entry in entries()]  # type: ignore[arg-type]


@router.get("/catalog/{entry}", response=EntryWhole)
@needs(Act.VIEW)
def show_entry(request: HttpRequest, entry: Slug) -> EntryWhole:
    """One entry, and what was installed from it."""
    one = get_entry(entry)
    made = [
        InstalledShown(application=found.application.slug, version=found.version)
        for found in visible_to(actor_of(request)).filter(entry=one.id)
    ]
    return EntryWhole(**_shown(one), installed=made)  # type: ignore[arg-type]


@router.post("/catalog/{entry}/install", response={201: InstallationShown})
@needs(Act.CREATE_APPLICATION)
def install_entry(request: HttpRequest, entry: Slug, given: InstallationWanted) -> Status[InstallationShown]:
    """Create an application from an entry and deploy it. The response has the queued deployment."""
    actor = actor_of(request)
    made = install(
        actor=actor,
        entry=get_entry(entry),
        environment=get_environment(actor, given.environment),
        name=given.name,
        answers=given.answers,
        access=given.access,
        reason=given.reason,
    )
    shown = InstallationShown(
        application=made.application.slug, deployment=deployment_detail(made.deployment), passwords=dict(made.passwords)
    )
    return Status(201, shown)
