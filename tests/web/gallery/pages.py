# ruff: noqa: E501 - one page a line
"""The list of pages: name, address, template and sample context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from tests.web.gallery import catalog, commands, forms, freezes, resources, samples
from tests.web.gallery import more_samples as more
from tests.web.gallery import release_samples as desk
from tests.web.gallery.forms import filled


@dataclass(frozen=True)
class Page:
    name: str
    address: str
    template: str
    context: Callable[[], dict[str, Any]]
    status: int = 200


PAGES = [
    Page("home", "/", "home.html", samples.home),
    Page("home-empty", "/nothing-yet", "home.html", samples.home_empty),
    Page("application", "/applications/storefront/", "applications/detail.html", samples.application_detail),
    Page("application-fresh", "/applications/fresh/", "applications/detail.html", samples.application_fresh),
    Page(
        "application-deployments",
        "/applications/storefront/deployments",
        "applications/deployments.html",
        lambda: {**samples.application(), **samples.history()},
    ),
    Page("deployment-live", "/deployments/510", "deployments/detail.html", samples.deployment_live),
    Page("deployment-running", "/deployments/512", "deployments/detail.html", samples.deployment_running),
    Page("deployment-queued", "/deployments/513", "deployments/detail.html", samples.deployment_queued),
    Page("deployment-approval", "/deployments/514", "deployments/detail.html", samples.deployment_awaiting_approval),
    Page("deployment-failed", "/deployments/509", "deployments/detail.html", samples.deployment_failed),
    Page("deployment-errored", "/deployments/505", "deployments/detail.html", samples.deployment_errored),
    Page("deployment-collected", "/gallery/deployment-collected", "deployments/detail.html", samples.deployment_collected),
    Page("deployments", "/deployments/", "deployments/list.html", samples.history),
    Page("deployments-empty", "/deployments/empty", "deployments/list.html", samples.history_empty),
    Page("applications", "/applications/", "applications/list.html", more.applications),
    Page("applications-none", "/gallery/applications-none", "applications/list.html", more.applications_none),
    Page("applications-not-found", "/gallery/applications-not-found", "applications/list.html", more.applications_not_found),
    Page("new-upload", "/applications/new", "applications/new.html", more.new),
    Page("new-git", "/gallery/new-git", "applications/new.html", more.new_git_wrong),
    Page("new-image", "/gallery/new-image", "applications/new.html", lambda: more.new("image")),
    Page("detected", "/gallery/detected", "applications/detected.html", more.detected),
    Page("detected-wrong", "/gallery/detected-wrong", "applications/detected.html", more.detected_wrong),
    Page("detected-looking", "/gallery/looking", "applications/detected.html", more.looking),
    Page("detected-not", "/gallery/undetected", "applications/detected.html", more.undetected),
    Page("detected-failed", "/gallery/unreadable", "applications/detected.html", more.unreadable),
    Page("configuration", "/applications/storefront/configuration", "applications/configuration.html", more.configuration),
    Page("configuration-diff", "/gallery/configuration-diff", "applications/configuration.html", more.configuration_diff),
    Page("configuration-empty", "/gallery/configuration-empty", "applications/configuration.html", more.configuration_empty),
    Page("commands", "/applications/storefront/commands", "applications/commands.html", commands.listed),
    Page("commands-none", "/gallery/commands-none", "applications/commands.html", commands.none),
    Page("commands-wrong", "/gallery/commands-wrong", "applications/commands.html", commands.wrong),
    Page("commands-blocked", "/gallery/commands-blocked", "applications/commands.html", commands.blocked),
    Page("schedule-new", "/applications/storefront/in/staging/schedules/new", "schedules/form.html", commands.schedule_new),
    Page("schedule-wrong", "/gallery/schedule-wrong", "schedules/form.html", commands.schedule_wrong),
    Page("schedule-edit", "/schedules/1", "schedules/form.html", commands.schedule_edit),
    Page("schedule-of-others", "/gallery/schedule-of-others", "schedules/form.html", commands.schedule_of_others),
    Page("command-running", "/commands/41", "commands/detail.html", commands.running),
    Page("command-failed", "/commands/40", "commands/detail.html", commands.failed),
    Page("command-collected", "/gallery/command-collected", "commands/detail.html", commands.collected),
    Page("logs", "/applications/storefront/logs", "applications/logs.html", more.logs),
    Page("logs-nothing", "/gallery/logs-nothing", "applications/logs.html", more.logs_nothing),
    Page("application-settings", "/applications/storefront/settings", "applications/settings.html", more.app_settings),
    Page("deploy", "/applications/storefront/in/production/deploy", "deployments/new.html", more.deploy_new),
    Page("deploy-upload", "/gallery/deploy-upload", "deployments/new.html", more.deploy_upload),
    Page("environments", "/environments/", "environments/list.html", more.environments),
    Page(
        "environments-none",
        "/gallery/environments-none",
        "environments/list.html",
        lambda: {**more.environments(), "environments": []},
    ),
    Page("environment", "/environments/development/", "environments/detail.html", more.environment),
    Page("environment-protection", "/environments/production/protection", "environments/protection.html", more.protection),
    Page("environment-locked", "/environments/production/", "environments/detail.html", more.environment_locked),
    Page("environment-empty", "/gallery/environment-empty", "environments/detail.html", more.environment_empty),
    Page("environment-far", "/gallery/environment-far", "environments/detail.html", more.environment_far),
    Page(
        "environment-far-changed",
        "/gallery/environment-far-changed",
        "environments/detail.html",
        lambda: more.environment_far("changed"),
    ),
    Page(
        "environment-far-away",
        "/gallery/environment-far-away",
        "environments/detail.html",
        lambda: more.environment_far("away"),
    ),
    Page("environment-new", "/environments/new", "environments/form.html", more.environment_new),
    Page("environment-edit", "/environments/staging/edit", "environments/form.html", more.environment_edit),
    Page(
        "environment-frozen",
        "/gallery/environment-frozen",
        "environments/detail.html",
        lambda: {**more.environment(), "freeze": freezes.frozen_now()},
    ),
    Page("catalog", "/catalog/", "catalog/list.html", catalog.listed),
    Page("catalog-nothing", "/gallery/catalog-nothing", "catalog/list.html", catalog.nothing),
    Page("catalog-entry", "/catalog/datasette", "catalog/entry.html", catalog.entry),
    Page("catalog-entry-wrong", "/gallery/catalog-entry-wrong", "catalog/entry.html", catalog.wrong, 422),
    Page("catalog-entry-looked-at", "/gallery/catalog-entry-looked-at", "catalog/entry.html", catalog.looked_at),
    Page("catalog-installed", "/gallery/catalog-installed", "catalog/installed.html", catalog.installed, 201),
    Page("resources", "/resources/", "resources/list.html", resources.listed),
    Page("resources-none", "/gallery/resources-none", "resources/list.html", resources.none),
    Page("resource-new", "/resources/new", "resources/form.html", resources.new),
    Page("resource", "/resources/production/main-db", "resources/detail.html", resources.one),
    Page("resource-fresh", "/resources/staging/fresh", "resources/detail.html", resources.fresh),
    Page("freezes", "/freezes/", "freezes/list.html", freezes.freezes),
    Page("freezes-none", "/gallery/freezes-none", "freezes/list.html", freezes.none),
    Page("freeze-new", "/freezes/new", "freezes/form.html", freezes.new),
    Page("freeze-edit", "/freezes/1", "freezes/form.html", freezes.edit),
    Page("releases", "/releases/", "releases/list.html", desk.releases),
    Page("releases-none", "/gallery/releases-none", "releases/list.html", desk.releases_none),
    Page("release", "/releases/7", "releases/detail.html", desk.detail),
    Page("release-empty", "/gallery/release-empty", "releases/detail.html", desk.detail_empty),
    Page("release-dependencies", "/releases/7/dependencies", "releases/dependencies.html", desk.dependencies),
    Page("release-readiness", "/releases/7/readiness", "releases/readiness.html", desk.readiness),
    Page("release-rollouts", "/releases/7/rollouts", "releases/rollouts.html", desk.rollouts),
    Page("rollout-decision", "/releases/7/rollouts/3", "releases/rollout.html", desk.rollout),
    Page("rollout-running", "/gallery/rollout-running", "releases/rollout.html", lambda: desk.rollout("running")),
    Page("release-plan", "/releases/7/plan", "releases/plan.html", desk.plan),
    Page("rolling-out", "/releases/7/targets/production/roll-out", "releases/rolling_out.html", desk.rolling_out),
    Page("release-cancel", "/releases/7/cancellation", "releases/cancellation.html", desk.cancelling),
    Page("package-log", "/releases/7/packages/3/log", "releases/package_log.html", desk.package_log),
    Page("release-new", "/releases/new", "releases/form.html", desk.new),
    Page("release-from", "/gallery/release-from", "releases/form.html", desk.from_what_runs),
    Page("package-new", "/releases/7/packages/new", "releases/package.html", desk.package),
    Page("packages-paste", "/releases/7/packages/paste", "releases/paste.html", desk.paste),
    Page("calendar", "/calendar/", "calendar/calendar.html", desk.calendar),
    Page(
        "calendar-beside",  # today is a day of another month, beside those of the month shown
        "/gallery/calendar-beside",
        "calendar/calendar.html",
        lambda: desk.calendar(today=date(2026, 11, 30), month=date(2026, 12, 1)),
    ),
    Page("calendar-week", "/gallery/calendar-week", "calendar/calendar.html", lambda: desk.calendar("week")),
    Page("application-events", "/applications/storefront/events", "applications/events.html", more.application_events),
    Page("release-events", "/releases/7/events", "releases/events.html", desk.events),
    Page("events", "/events/", "events/list.html", more.events),
    Page("events-broken", "/gallery/events-broken", "events/list.html", more.events_broken),
    Page("profile", "/settings/profile", "settings/profile.html", more.profile),
    Page("people", "/settings/people", "settings/people.html", more.people),
    Page("person", "/settings/people/grace", "settings/person.html", more.person),
    Page("person-new", "/settings/people/new", "settings/person.html", more.person_new),
    Page("tokens", "/settings/tokens", "settings/tokens.html", more.tokens),
    Page("tokens-none", "/gallery/tokens-none", "settings/tokens.html", more.tokens_none),
    Page("mail", "/settings/mail", "settings/mail.html", more.mail),
    Page("mail-none", "/gallery/mail-none", "settings/mail.html", more.mail_none),
    Page("storage", "/settings/storage", "settings/storage.html", more.storage),
    Page("storage-low", "/gallery/storage-low", "settings/storage.html", more.storage_low),
    Page("storage-none", "/gallery/storage-none", "settings/storage.html", more.storage_none),
    Page("credentials", "/settings/credentials", "settings/credentials.html", more.credentials),
    Page("credentials-none", "/gallery/credentials-none", "settings/credentials.html", more.credentials_none),
    Page("login", "/accounts/login/", "account/login.html", more.login),
    Page("login-wrong", "/accounts/login/wrong", "account/login.html", more.login_wrong),
    Page("logout", "/accounts/login/out", "account/logout.html", more.login),
    Page("password-change", "/accounts/password/change/", "account/password_change.html", more.password_change),
    Page(
        "password-reset",
        "/accounts/password/reset/",
        "account/password_reset.html",
        lambda: {"form": filled(forms.ProfileForm), "redirect_field": ""},
    ),
    Page("first-run", "/first-run", "first_run.html", more.first_run),
    Page(
        "first-run-start", "/first-run/start", "first_run.html", lambda: {"form": None, "purpose": "start", "person": None}
    ),
    Page("first-run-used", "/first-run/used", "first_run.html", more.first_run_used),
    Page(
        "sign-in-to-open",
        "/sign-in/open",
        "sign_in_to_open.html",
        lambda: {
            "application_name": "sales-dashboard",
            "host": "sales-dashboard.staging.localhost",
            "login_url": "/accounts/login/",
            "person": None,
        },
    ),
    Page("error-403", "/gallery/403", "403.html", lambda: {"status": 403, "title": "", "sentence": "", "blockers": []}, 403),
    Page("error-404", "/gallery/404", "404.html", lambda: {"status": 404, "title": "", "sentence": "", "blockers": []}, 404),
    Page("error-409", "/gallery/409", "409.html", more.conflict, 409),
    Page("error-503", "/nobody/503", "503.html", lambda: {"status": 503, "title": "", "sentence": "", "blockers": []}, 503),
    Page("database-away", "/nobody/database-away", "database_away.html", more.database_away, 503),
    Page("error-500", "/nobody/500", "500.html", lambda: {"status": 500, "title": "", "sentence": "", "blockers": []}, 500),
]
