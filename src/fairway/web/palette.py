"""The entries of the command palette: what the actor may open. The browser searches them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may_somewhere
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.deployments.queries import visible_to as deployments_visible_to
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.releases.queries import visible_to as releases_visible_to
from fairway.web.presenters.applications import KIND_ICONS

MOST_DEPLOYMENTS = 20
MOST_RELEASES = 50

Entry = dict[str, Any]


def entries(actor: Actor) -> list[Entry]:
    """All entries for this actor, in five queries."""
    things = (_acts, _applications, _environments, _releases, _deployments, _pages)
    return [entry for entries_of in things for entry in entries_of(actor)]


def _entry(group: str, label: str, url: str, icon: str, hint: str = "", keywords: str = "") -> Entry:
    return {"group": group, "label": label, "url": url, "icon": icon, "hint": hint, "keywords": keywords}


def _acts(actor: Actor) -> Iterator[Entry]:
    group = _("Actions")
    if may_somewhere(actor, Act.CREATE_APPLICATION):
        yield _entry(
            group, _("New application"), reverse("application-new"), "plus", keywords="create deploy upload git image"
        )
        yield _entry(group, _("Install from the catalogue"), reverse("catalog"), "layers", keywords="jupyter notebook entry")
    if may_somewhere(actor, Act.CREATE_ENVIRONMENT):
        yield _entry(group, _("New environment"), reverse("environment-new"), "plus", keywords="create target")
    if may_somewhere(actor, Act.CREATE_RESOURCE):
        yield _entry(
            group,
            _("New resource"),
            reverse("resource-new"),
            "plus",
            keywords="create database postgres mariadb mysql redis cache",
        )
    if may_somewhere(actor, Act.CREATE_RELEASE):
        yield _entry(group, _("New release"), reverse("release-new"), "plus", keywords="create plan packages")
    if may_somewhere(actor, Act.FREEZE_ENVIRONMENT):
        yield _entry(group, _("New freeze window"), reverse("freeze-new"), "plus", keywords="freeze close")


def _applications(actor: Actor) -> Iterator[Entry]:
    group, configuration, logs, commands = _("Applications"), _("Configuration"), _("Logs"), _("Commands")
    metrics = _("Metrics")
    for application in applications_visible_to(actor):
        icon = KIND_ICONS[application.source_kind]
        yield _entry(group, application.name, reverse("application-detail", args=[application.slug]), icon, application.slug)
        url = reverse("application-configuration", args=[application.slug])
        yield _entry(group, f"{application.name}: {configuration}", url, "settings", keywords="variables secrets")
        yield _entry(group, f"{application.name}: {logs}", reverse("application-logs", args=[application.slug]), "terminal")
        url = reverse("application-metrics", args=[application.slug])
        yield _entry(group, f"{application.name}: {metrics}", url, "pulse", keywords="cpu memory requests charts")
        url = reverse("application-commands", args=[application.slug])
        yield _entry(group, f"{application.name}: {commands}", url, "play", keywords="run once shell job")


def _environments(actor: Actor) -> Iterator[Entry]:
    for environment in environments_visible_to(actor):
        url = reverse("environment-detail", args=[environment.slug])
        yield _entry(_("Environments"), environment.name, url, "layers", environment.host, keywords="deployment target")


def _releases(actor: Actor) -> Iterator[Entry]:
    for release in releases_visible_to(actor)[:MOST_RELEASES]:
        yield _entry(_("Releases"), str(release), reverse("release-detail", args=[release.pk]), "promote")


def _deployments(actor: Actor) -> Iterator[Entry]:
    for deployment in deployments_visible_to(actor)[:MOST_DEPLOYMENTS]:
        label = f"#{deployment.pk} {deployment.application.name} → {deployment.environment.name}"
        yield _entry(
            _("Deployments"), label, reverse("deployment-detail", args=[deployment.pk]), "deploy", deployment.version
        )


def _pages(actor: Actor) -> Iterator[Entry]:
    group = _("Pages")
    yield _entry(group, _("Home"), reverse("home"), "home")
    yield _entry(group, _("Applications"), reverse("application-list"), "apps")
    yield _entry(group, _("Releases"), reverse("release-list"), "promote", keywords="packages rollouts")
    yield _entry(group, _("Calendar"), reverse("calendar"), "calendar", keywords="schedule planned")
    yield _entry(group, _("Environments"), reverse("environment-list"), "layers", keywords="deployment targets")
    yield _entry(group, _("Resources"), reverse("resource-list"), "disk", keywords="database postgres backup binding")
    yield _entry(group, _("Deployments"), reverse("deployment-list"), "deploy", keywords="history")
    keywords = "dora frequency lead time fail rate recovery rework statistics"
    yield _entry(group, _("Insights"), reverse("insights"), "pulse", keywords=keywords)
    yield _entry(group, _("Costs"), reverse("costs"), "pulse", keywords="money price month idle forecast")
    yield _entry(group, _("Freeze windows"), reverse("freeze-list"), "calendar", keywords="freeze blackout maintenance")
    keywords = "wrong down errors slow memory disk silence threshold"
    yield _entry(group, _("Alerts"), reverse("alert-list"), "bell", keywords=keywords)
    yield _entry(group, _("Events"), reverse("event-list"), "events", keywords="audit log who what when")
    yield _entry(
        group,
        _("Two-step sign-in"),
        reverse("two-step"),
        "shield",
        keywords="2fa mfa totp authenticator code passkey webauthn fido",
    )
    yield _entry(group, _("Your profile"), reverse("profile"), "user", keywords="password language theme")
    if may_somewhere(actor, Act.MANAGE_PEOPLE):
        yield _entry(
            group, _("People and access"), reverse("people"), "users", keywords="roles grants invite service accounts robots"
        )
    if may_somewhere(actor, Act.MANAGE_CREDENTIALS):
        yield _entry(group, _("Credentials"), reverse("credentials"), "key", keywords="registry deploy key")
    if may_somewhere(actor, Act.MANAGE_SYSTEM):
        yield _entry(group, _("Security"), reverse("security"), "shield", keywords="weak checks hardening audit doctor")
        keywords = "sso oidc openid oauth google entra microsoft gitlab keycloak login"
        yield _entry(group, _("Sign-in providers"), reverse("sign-in-providers"), "shield", keywords=keywords)
        keywords = "slack teams discord webhook channel alert notify"
        yield _entry(group, _("Notifications"), reverse("channels"), "bell", keywords=keywords)
        yield _entry(group, _("Mail"), reverse("mail"), "mail", keywords="smtp e-mail server test")
    yield _entry(group, _("API tokens"), reverse("tokens"), "key", keywords="cli ci")
