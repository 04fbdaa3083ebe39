"""What a page offers leads somewhere: no link and no form that the person's role refuses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import Resolver404, resolve

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.permissions import Permission, declared_permission
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import SYSTEM, Act, Role, may, may_somewhere
from fairway.activity.rules import Door
from fairway.applications.models import Application
from fairway.deployments.commands.scheduled_jobs import create_job
from fairway.environments.freeze_commands import create_freeze
from fairway.environments.models import Environment
from fairway.releases.commands.packages import add_package
from fairway.releases.commands.releases import create_release
from fairway.resources.models import Resource
from fairway.resources.rules import State
from tests.conftest import make_artifact, make_person
from tests.web.conftest import Browser, live

LEAVES = ("/accounts/", "/language", "/acting-as", "/demo/", "/static/")  # of the frame, and signing out
NO_PAGES = ("/log", "/raw", "/stream", "/file", ".yaml", "/export")  # streams and downloads


@dataclass
class Form:
    method: str
    action: str
    sends: bool = False  # by a button that is not disabled


@dataclass
class Offers(HTMLParser):
    """The links of a page, and its forms."""

    links: set[str] = field(default_factory=set)
    forms: list[Form] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a" and values.get("href"):
            self.links.add(str(values["href"]))
        if tag == "form":
            self.forms.append(Form(values.get("method") or "get", values.get("action") or ""))
        if tag == "button" and self.forms and values.get("type", "submit") == "submit" and "disabled" not in values:
            self.forms[-1].sends = True


@pytest.fixture
def everything(hello: Application, staging: Environment, production: Environment) -> None:
    """Something on every page: an application from an upload that is live, a scheduled job, a release, a freeze window,
    a database."""
    Application.objects.filter(pk=hello.pk).update(source_kind="archive", source={"upload": "0" * 64, "name": "hello.zip"})
    hello.refresh_from_db()
    live(hello, staging)
    planner = make_person("grace", Role.RELEASE_MANAGER, Role.DEPLOYER)
    release = create_release(actor=planner, name="Autumn", version="1", manager=User.objects.get(pk=planner.id))
    add_package(actor=planner, release=release, name="hello", artifact=make_artifact(hello, "2.0"))
    create_freeze(
        actor=SYSTEM, starts="2030-12-20T00:00", ends="2031-01-02T00:00", zone="Europe/Paris", name="Holidays", reason="Away"
    )
    create_job(
        actor=SYSTEM, application=hello, environment=staging, name="Nightly", command=["echo", "x"], schedule="@daily"
    )
    Resource.objects.create(environment=staging, kind="postgres", name="main", version="17", state=State.RUNNING, port=5999)


GRANTS = {
    **{role: [(role, "")] for role in Role if role is not Role.ADMIN},  # who is refused nothing everywhere
    "admin of staging": [(Role.ADMIN, "staging")],
    "deployer of staging who sees all": [(Role.DEPLOYER, "staging"), (Role.VIEWER, "")],
    "release manager of production who sees all": [(Role.RELEASE_MANAGER, "production"), (Role.VIEWER, "")],
}


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize("grants", GRANTS.values(), ids=GRANTS)
def test_everybody_is_offered_only_what_their_role_may_do(browse: Browser, grants: list[tuple[Role, str]]) -> None:
    make_person("somebody")
    user = User.objects.get(username="somebody")
    for role, slug in grants:
        RoleGrant.objects.create(user=user, role=role, environment=Environment.objects.filter(slug=slug).first())
    actor = actor_for(user, door=Door.WEB)
    refused = []
    for path, offers in _every_page(browse(actor)).items():
        if isinstance(offers, int):
            refused.append(f"{path} answers {offers}")
            continue
        for form in offers.forms:
            address = form.action or path
            if form.method == "post" and form.sends and not address.startswith(LEAVES):
                act, where = _asked(address)
                if act is not None and not (may(actor, act, **where) if where else may_somewhere(actor, act)):
                    refused.append(f"{path} offers a form to {address}, which asks for {act}")
    assert not refused, "\n".join(refused)


def _asked(address: str) -> tuple[Act | None, dict[str, str]]:
    """The act that a form's address declares, and the place it is about where the address names one."""
    found = resolve(urlsplit(address).path)
    declared = declared_permission(found.func)
    permission = declared if isinstance(declared, Permission) else (declared or {})["POST"]
    given = found.kwargs
    application = given.get("slug", "") if "environment" in given else ""
    where = {"application": application, "environment": given["environment"]} if "environment" in given else {}
    if found.url_name and found.url_name.startswith("environment-"):
        where = {"environment": given["slug"]} if "slug" in given else {}
    return permission.act, where


def _every_page(client: Client) -> dict[str, Offers | int]:
    """What links lead to from the home page, twice each kind of page; the status where it is no page."""
    found: dict[str, Offers | int] = {}
    visits: Counter[str] = Counter()
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        kind = _kind_of(path)
        if path in found or visits[kind] == 2:
            continue
        visits[kind] += 1
        answer = client.get(path, follow=True)
        if answer.status_code != 200:
            found[path] = answer.status_code
            continue
        found[path] = offers = Offers()
        offers.feed(answer.content.decode())
        waiting += [link for link in map(_page_of, offers.links) if link and link not in found]
    return found


def _page_of(link: str) -> str:
    """The path of a page of Fairway's own, "" for anything else."""
    path = urlsplit(link).path
    is_page = link.startswith("/") and not link.startswith("//") and not path.startswith(LEAVES)
    return path if is_page and not path.endswith(NO_PAGES) else ""


def _kind_of(path: str) -> str:
    """The name of its address; of one that leads nowhere, itself."""
    try:
        return resolve(path).url_name or path
    except Resolver404:
        return path
