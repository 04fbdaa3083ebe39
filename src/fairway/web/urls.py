"""The addresses of the pages."""

from __future__ import annotations

from allauth.account import views as allauth
from django.urls import URLPattern, URLResolver, path, re_path

from fairway.accounts.doors import needs, open_door
from fairway.accounts.rules import Act
from fairway.web.methods import by_method
from fairway.web.views import (
    access,
    application_settings,
    applications,
    calendar,
    configuration,
    deployments,
    entrance,
    environments,
    events,
    freezes,
    home,
    hosts,
    instance_logs,
    new,
    people,
    placements,
    settings,
    storage,
    versions,
)
from fairway.web.views.releases import dependencies, packages, plan, releases, rollouts

FORGOTTEN = open_door("whoever forgot a password cannot sign in; allauth limits how often it may be asked")
PACKAGE = "releases/<int:number>/packages/<int:package>"
TARGET = "releases/<int:number>/targets/<slug:environment>"
PLACEMENT = "applications/<slug:slug>/in/<slug:environment>"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("live", home.stream, name="live"),
    path("palette", home.palette, name="palette"),
    path("healthz", home.health, name="health"),
    # Coming in
    path("accounts/login/", entrance.login, name="account_login"),
    path("accounts/logout/", open_door("signing out, also twice")(allauth.logout), name="account_logout"),
    path("accounts/signup/", entrance.signup_closed, name="account_signup"),
    path("accounts/password/change/", needs(Act.OWN_ACCOUNT)(allauth.password_change), name="account_change_password"),
    path("accounts/password/set/", needs(Act.OWN_ACCOUNT)(allauth.password_set), name="account_set_password"),
    path("accounts/password/reset/", FORGOTTEN(allauth.password_reset), name="account_reset_password"),
    path("accounts/password/reset/done/", FORGOTTEN(allauth.password_reset_done), name="account_reset_password_done"),
    re_path(
        r"^accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        FORGOTTEN(allauth.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "accounts/password/reset/key/done/",
        FORGOTTEN(allauth.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    path(
        "accounts/inactive/", open_door("says that an account is closed")(allauth.account_inactive), name="account_inactive"
    ),
    path("first-run/<str:secret>", entrance.first_run, name="first-run"),
    path("invitation/<str:secret>", entrance.invitation, name="invitation"),
    path("acting-as", entrance.acting_as, name="acting-as"),
    path("demo/person", entrance.demo_person, name="demo-person"),
    path("language", entrance.language, name="set_language"),
    # Applications' own sign-in, certificates
    path(".fairway/access", access.check, name="access-check"),
    path(".fairway/signed-in", access.hand_over, name="access-hand-over"),
    path("access/enter", access.enter, name="access-enter"),
    path("tls/ask", access.tls_ask, name="tls-ask"),
    # Applications
    path("applications/", applications.application_list, name="application-list"),
    path("applications/new", new.new, name="application-new"),
    path("applications/new/upload", new.upload, name="application-upload"),
    path("applications/new/<int:number>", new.detected, name="application-detected"),
    path("applications/<slug:slug>/", applications.application_detail, name="application-detail"),
    path("applications/<slug:slug>/deployments", applications.application_deployments, name="application-deployments"),
    path(
        "applications/<slug:slug>/configuration",
        by_method(GET=configuration.configuration, POST=configuration.configuration_saved),
        name="application-configuration",
    ),
    path("applications/<slug:slug>/logs", instance_logs.logs, name="application-logs"),
    path(
        "applications/<slug:slug>/settings",
        by_method(GET=application_settings.settings_page, POST=application_settings.settings_saved),
        name="application-settings",
    ),
    path("applications/<slug:slug>/deletion", application_settings.delete, name="application-delete"),
    path(f"{PLACEMENT}/log", instance_logs.log_page, name="instance-log"),
    path(f"{PLACEMENT}/log/stream", instance_logs.log_stream, name="instance-log-stream"),
    path(f"{PLACEMENT}/domains", application_settings.domains, name="placement-domains"),
    path(f"{PLACEMENT}/access", application_settings.access, name="placement-access"),
    path(f"{PLACEMENT}/deploy", by_method(GET=versions.choose, POST=versions.deploy), name="placement-deploy"),
    path(f"{PLACEMENT}/upload", versions.upload, name="placement-upload"),
    path(f"{PLACEMENT}/promote", placements.promote, name="placement-promote"),
    path(f"{PLACEMENT}/roll-back", placements.roll_back, name="placement-roll-back"),
    path(f"{PLACEMENT}/restart", placements.restart, name="placement-restart"),
    path(f"{PLACEMENT}/stop", placements.stop, name="placement-stop"),
    path(f"{PLACEMENT}/start", placements.start, name="placement-start"),
    path(f"{PLACEMENT}/scale", placements.scale, name="placement-scale"),
    path(f"{PLACEMENT}/remove", placements.remove, name="placement-remove"),
    path(f"{PLACEMENT}/release-hold", placements.release_hold, name="placement-release-hold"),
    # Deployments
    path("deployments/", deployments.deployment_list, name="deployment-list"),
    path("deployments/<int:number>", deployments.deployment_detail, name="deployment-detail"),
    path("deployments/<int:number>/cancellation", deployments.cancellation, name="deployment-cancellation"),
    path("deployments/<int:number>/again", deployments.again, name="deployment-again"),
    path("deployments/<int:number>/log", deployments.log_page, name="deployment-log"),
    path("deployments/<int:number>/log/stream", deployments.log_stream, name="deployment-log-stream"),
    path("deployments/<int:number>/log/raw", deployments.log_raw, name="deployment-log-raw"),
    # Environments
    path("environments/", environments.environment_list, name="environment-list"),
    path("environments/new", environments.new, name="environment-new"),
    path("environments/<slug:slug>/", environments.environment_detail, name="environment-detail"),
    path("environments/<slug:slug>/edit", environments.edit, name="environment-edit"),
    path("environments/<slug:slug>/host/key", hosts.confirm_key, name="environment-host-key"),
    path("environments/<slug:slug>/host/look", hosts.look, name="environment-host-look"),
    path("environments/<slug:slug>/lock", environments.lock, name="environment-lock"),
    path("environments/<slug:slug>/unlock", environments.unlock, name="environment-unlock"),
    path("environments/<slug:slug>/deletion", environments.delete, name="environment-delete"),
    # Freeze windows
    path("freezes/", freezes.freeze_list, name="freeze-list"),
    path("freezes/new", freezes.new, name="freeze-new"),
    path("freezes/preview", freezes.preview, name="freeze-preview"),
    path("freezes/<int:number>", freezes.edit, name="freeze-edit"),
    path("freezes/<int:number>/deletion", freezes.delete, name="freeze-delete"),
    # Releases
    path("releases/", releases.release_list, name="release-list"),
    path("releases/new", releases.new, name="release-new"),
    path("releases/<int:number>", releases.release_detail, name="release-detail"),
    path("releases/<int:number>/edit", releases.edit, name="release-edit"),
    path("releases/<int:number>/clone", releases.clone, name="release-clone"),
    path("releases/<int:number>/release.yaml", releases.download, name="release-file"),
    path("releases/<int:number>/cancellation", releases.cancellation, name="release-cancellation"),
    path("releases/<int:number>/deletion", releases.deletion, name="release-deletion"),
    path("releases/<int:number>/dependencies", dependencies.dependencies, name="release-dependencies"),
    path("releases/<int:number>/dependencies/new", dependencies.add, name="dependency-add"),
    path(
        "releases/<int:number>/dependencies/<int:package>/<int:needed>/deletion",
        dependencies.remove,
        name="dependency-remove",
    ),
    path("releases/<int:number>/readiness", plan.readiness, name="release-readiness"),
    path("releases/<int:number>/plan", plan.plan, name="release-plan"),
    path("releases/<int:number>/freeze", plan.freeze, name="release-freeze"),
    path("releases/<int:number>/unfreeze", plan.unfreeze, name="release-unfreeze"),
    path("releases/<int:number>/approval", plan.approval, name="release-approval"),
    path("releases/<int:number>/schedule", plan.scheduling, name="release-schedule"),
    path("releases/<int:number>/rollouts", rollouts.rollouts, name="release-rollouts"),
    path("releases/<int:number>/rollouts/<int:rollout>", rollouts.rollout, name="rollout-detail"),
    path("releases/<int:number>/rollouts/<int:rollout>/decision", rollouts.decision, name="rollout-decision"),
    path("releases/<int:number>/rollouts/<int:rollout>/cancellation", rollouts.cancellation, name="rollout-cancellation"),
    path("releases/<int:number>/rollouts/<int:rollout>/unscheduling", rollouts.unscheduling, name="rollout-unscheduling"),
    path("releases/<int:number>/packages/new", packages.new, name="package-new"),
    path("releases/<int:number>/packages/paste", packages.paste, name="packages-paste"),
    path(f"{PACKAGE}/edit", packages.edit, name="package-edit"),
    path(f"{PACKAGE}/log", packages.log, name="package-log"),
    path(f"{PACKAGE}/stage", packages.stage, name="package-stage"),
    path(f"{PACKAGE}/resolution", packages.resolution, name="package-resolution"),
    path(f"{PACKAGE}/deletion", packages.deletion, name="package-deletion"),
    path(f"{PACKAGE}/in/<slug:environment>/distribute", packages.distribute, name="package-distribute"),
    path(f"{PACKAGE}/in/<slug:environment>/deploy", packages.deploy, name="package-deploy"),
    path(f"{PACKAGE}/in/<slug:environment>/fall-back", packages.fall_back, name="package-fall-back"),
    path(f"{TARGET}/distribute", packages.distribute_all, name="release-distribute"),
    path(f"{TARGET}/roll-out", rollouts.roll_out, name="release-roll-out"),
    path(f"{TARGET}/fall-back", rollouts.fall_back, name="release-fall-back"),
    # Calendar
    path("calendar/", calendar.calendar, name="calendar"),
    path("calendar/feed", calendar.make, name="calendar-feed-make"),
    path("calendar/feed/revocation", calendar.revoke, name="calendar-feed-revoke"),
    path("calendar/feeds/<str:secret>/releases.ics", calendar.feed, name="calendar-feed"),
    # Events
    path("events/", events.event_list, name="event-list"),
    path("events/verification", events.verification, name="event-verification"),
    # Settings
    path("settings/", settings.settings_home, name="settings"),
    path("settings/profile", settings.profile, name="profile"),
    path("settings/tokens", settings.tokens, name="tokens"),
    path("settings/tokens/<int:number>/revocation", settings.token_revocation, name="token-revocation"),
    path("settings/credentials", settings.credentials, name="credentials"),
    path("settings/credentials/<slug:name>/deletion", settings.credential_deletion, name="credential-deletion"),
    path("settings/storage", storage.storage, name="storage"),
    path("settings/people", people.people, name="people"),
    path("settings/people/new", people.new, name="person-new"),
    path("settings/people/<str:username>", people.edit, name="person-edit"),
    path("settings/people/<str:username>/link", people.link, name="person-link"),
    path("settings/people/<str:username>/activation", people.activation, name="person-activation"),
]
