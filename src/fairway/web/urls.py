"""The addresses of the pages."""

from __future__ import annotations

from allauth.account import views as allauth
from django.urls import URLPattern, URLResolver, path

from fairway.accounts.doors import open_door
from fairway.web.views import access, applications, deployments, entrance, home, placements

PLACEMENT = "applications/<slug:slug>/in/<slug:environment>"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("live", home.stream, name="live"),
    path("palette", home.palette, name="palette"),
    path("healthz", home.health, name="health"),
    # Coming in
    path("accounts/login/", open_door("signing in")(allauth.login), name="account_login"),
    path("accounts/logout/", open_door("signing out, also twice")(allauth.logout), name="account_logout"),
    path("accounts/inactive/", open_door("says that an account is closed")(allauth.account_inactive), name="account_inactive"),
    path("first-run/<str:secret>", entrance.first_run, name="first-run"),
    path("invitation/<str:secret>", entrance.invitation, name="invitation"),
    path("acting-as", entrance.acting_as, name="acting-as"),
    path("language", entrance.language, name="set_language"),
    # Applications' own sign-in, certificates
    path(".fairway/access", access.check, name="access-check"),
    path(".fairway/signed-in", access.hand_over, name="access-hand-over"),
    path("access/enter", access.enter, name="access-enter"),
    path("tls/ask", access.tls_ask, name="tls-ask"),
    # Applications
    path("applications/", applications.application_list, name="application-list"),
    path("applications/<slug:slug>/", applications.application_detail, name="application-detail"),
    path("applications/<slug:slug>/deployments", applications.application_deployments, name="application-deployments"),
    path(f"{PLACEMENT}/deploy", placements.deploy, name="placement-deploy"),
    path(f"{PLACEMENT}/promote", placements.promote, name="placement-promote"),
    path(f"{PLACEMENT}/roll-back", placements.roll_back, name="placement-roll-back"),
    path(f"{PLACEMENT}/restart", placements.restart, name="placement-restart"),
    path(f"{PLACEMENT}/stop", placements.stop, name="placement-stop"),
    path(f"{PLACEMENT}/start", placements.start, name="placement-start"),
    path(f"{PLACEMENT}/scale", placements.scale, name="placement-scale"),
    path(f"{PLACEMENT}/remove", placements.remove, name="placement-remove"),
    path(f"{PLACEMENT}/domains", placements.domains, name="placement-domains"),
    path(f"{PLACEMENT}/access", placements.access, name="placement-access"),
    path(f"{PLACEMENT}/release-hold", placements.release_hold, name="placement-release-hold"),
    # Deployments
    path("deployments/", deployments.deployment_list, name="deployment-list"),
    path("deployments/<int:number>", deployments.deployment_detail, name="deployment-detail"),
    path("deployments/<int:number>/cancellation", deployments.cancellation, name="deployment-cancellation"),
    path("deployments/<int:number>/again", deployments.again, name="deployment-again"),
    path("deployments/<int:number>/log", deployments.log_page, name="deployment-log"),
    path("deployments/<int:number>/log/stream", deployments.log_stream, name="deployment-log-stream"),
    path("deployments/<int:number>/log/raw", deployments.log_raw, name="deployment-log-raw"),
]
