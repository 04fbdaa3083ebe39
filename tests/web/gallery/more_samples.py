# ruff: noqa: E501 - sample data reads best one thing a line
"""Sample contexts of the working pages; see samples.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.paginator import Paginator
from django.utils.html import format_html
from django.utils.translation import gettext

from fairway.activity import verbs
from fairway.web.presenters.acts import Button
from fairway.web.presenters.sign_in import new_provider_shown
from tests.web.gallery import forms
from tests.web.gallery.forms import filled, wrong
from tests.web.gallery.samples import (
    ADA,
    APPS,
    CI,
    DEVELOPMENT,
    ENVIRONMENTS,
    GRACE,
    LINUS,
    PRODUCTION,
    STAGING,
    act,
    application,
    back,
    blocker,
    log,
    now,
    sha,
)

Data = dict[str, Any]


def applications() -> Data:
    lines = []
    for index, app in enumerate(APPS):
        places = [
            {
                "environment": environment,
                "state": state,
                "version": "2.14.0",
                "url": "http://x.localhost:8080" if state == "healthy" else "",
            }
            for environment, state in zip(ENVIRONMENTS, ["healthy", "degraded", "healthy"], strict=True)
        ][: 3 - index % 4]
        last = {
            "id": 500 + index,
            "status": ["live", "failed", "running", "live"][index % 4],
            "at": back(hours=index * 7),
            "actor": [ADA, GRACE, CI][index % 3],
        }
        source = [
            "https://git.example.com/shop/storefront.git#main",
            "registry.example.com/finance/billing-api:1.9",
            "sales-dashboard (folder)",
        ][index % 3]
        lines.append({**app, "source": source, "placements": places, "last": last if index < 5 else None})
    return {"applications": lines, "query": "", "can_create": True, "total": len(lines)}


def applications_none() -> Data:
    return {"applications": [], "query": "", "can_create": True, "total": 0}


def applications_not_found() -> Data:
    return {"applications": [], "query": "zebra", "can_create": True, "total": 6}


def repositories(**more: Any) -> Data:
    """What the credential may read at its forge."""
    rows = [
        ("acme/storefront", "main", True, "The shop", back(minutes=12)),
        ("acme/orders", "main", True, "Takes orders and hands them to the warehouse", back(hours=5)),
        ("acme/a-repository-with-a-rather-long-name-that-goes-on", "develop", False, "", back(days=3)),
        ("acme/new", "", True, "", None),
    ]
    shown = [
        {
            "path": path, "url": f"https://github.com/{path}.git", "branch": branch, "is_private": is_private,
            "description": description, "moved_at": at,
        }
        for path, branch, is_private, description, at in rows
    ]  # fmt: skip
    return {"credential": "acme-bot", "search": "", "failure": "", "repositories": shown, "is_all": False, **more}


def new(source: str = "upload", **more: Any) -> Data:
    base = {
        "credentials": [{"name": "acme-bot", "host": "github.com"}, {"name": "platform", "host": "gitlab.example.com"}],
        "source": source, "image_form": filled(forms.ImageForm, "image_%s"), "git_form": filled(forms.GitForm, "git_%s"),
        "upload": {"url": "/applications/uploads", "max_bytes": 1024**3, "error": ""},
    }  # fmt: skip
    return {**base, **more}


def new_git_wrong() -> Data:
    form = wrong(forms.GitForm, "git_%s", url="-oProxyCommand=evil", ref="main")
    form.add_error("url", "is not a repository; write it like “https://git.example.com/team/app.git”.")
    return new("git", git_form=form)


def inspection(status: str = "done", **more: Any) -> Data:
    base = {
        "id": 17, "status": status, "kind": "git", "kind_icon": "git", "source": "https://git.example.com/shop/storefront.git#main",
        "folder": "", "remarks": [{"what": "Not started: db (postgres:16); give their addresses as variables", "because": "compose.yaml"}],
        "advice": "", "sentence": "", "started_at": back(seconds=3),
        "provenance": {"commit": "8c1f0e2b9a7d4c5e6f708192a3b4c5d6e7f80912", "author": "Linus Åkesson", "message": "Round the shipping costs once, not per line",
                       "committed_at": back(hours=1), "digest": ""},
    }  # fmt: skip
    return {**base, **more}


FINDINGS = [
    {"what": "Django", "because": "manage.py"},
    {"what": "Python 3.12, dependencies locked", "because": "uv.lock"},
    {"what": "Served by gunicorn", "because": "the usual server for it"},
    {"what": "Health path /healthz", "because": "shop/urls.py"},
]
WAYS = [
    {"url": "?use=0", "name": "Dockerfile", "folder": "", "because": "Dockerfile", "needs_docker": True, "is_chosen": False, "problem": ""},
    {"url": "?use=1", "name": "Django", "folder": "", "because": "manage.py", "needs_docker": False, "is_chosen": True, "problem": ""},
    {"url": "?use=2", "name": "Static site built by npm", "folder": "frontend", "because": "package.json", "needs_docker": False, "is_chosen": False, "problem": ""},
    {"url": "?use=3", "name": "Go", "folder": "tools/report", "because": "go.mod", "needs_docker": False, "is_chosen": False, "problem": "This is Go."},
]  # fmt: skip
DOCKERFILE = 'FROM golang:1 AS build\nWORKDIR /src\nCOPY . .\nRUN ["go", "build", "-o", "/app", "."]\n\nFROM gcr.io/distroless/base\nCOPY --from=build /app /app\nCMD ["/app"]\n'

NAMES = (
    "command",
    "build",
    "release",
    "publish",
    "python",
    "node",
    "port",
    "health",
    "start_seconds",
    "volumes",
    "services",
    "root",
    "framework",
)
NOW = dict.fromkeys(NAMES, "")

VARIABLES = [
    {
        "name": "DATABASE_URL",
        "value": "",
        "is_secret": True,
        "is_set": False,
        "lines": 1,
        "is_required": True,
        "error": "is needed: the application reads it at start.",
    },
    {
        "name": "DJANGO_SETTINGS_MODULE",
        "value": "shop.settings.production",
        "is_secret": False,
        "is_set": False,
        "lines": 1,
        "is_required": False,
        "error": "",
    },
    {"name": "STRIPE_KEY", "value": "", "is_secret": True, "is_set": True, "lines": 1, "is_required": False, "error": ""},
]


def detected() -> Data:
    places = [{**environment, "host": f"{environment['slug']}.localhost:8080", "scheme": "http", "is_chosen": environment is DEVELOPMENT,
               "blockers": [blocker()] if environment is PRODUCTION else [],
               "approval": "" if environment is DEVELOPMENT or environment is PRODUCTION else "Staging requires 1 approval from a Release Manager or an Admin. The deployment waits until it is approved."}
              for environment in ENVIRONMENTS]  # fmt: skip
    form = filled(
        forms.DetectedForm,
        name="storefront",
        version="2.14.0",
        command="gunicorn shop.wsgi --bind 0.0.0.0:{port}",
        build="python manage.py compilemessages",
        release="python manage.py migrate --noinput",
        services="worker: celery -A shop worker",
        python="3.12",
        port=8000,
        health="/healthz",
    )
    return {
        "inspection": inspection(),
        "ways": WAYS,
        "used": 1,
        "framework": "Django",
        "kind": "python",
        "is_manual": False,
        "findings": FINDINGS,
        "problem": "",
        "offer": "",
        "now": NOW,
        "form": form,
        "environments": places,
        "variables": VARIABLES,
        "slug": "storefront",
        "can_deploy": True,
    }


def detected_wrong() -> Data:
    form = wrong(forms.DetectedForm, name="", port="99999", command="", version="", health="", environment="")
    return {**detected(), "form": form}


def looking() -> Data:
    return {"inspection": inspection("running", framework="", findings=[], provenance=None), "form": None}


def undetected() -> Data:
    found = inspection(kind="upload", kind_icon="upload", source="report (folder)", provenance=None, remarks=[])
    ways = [{**WAYS[3], "url": "?use=0", "folder": "", "is_chosen": True}]
    form = filled(
        forms.ManualForm, name="report", kind="program", build="go build -o bin/app .", command="bin/app", port=8080
    )
    problem = "This is Go (go.mod), and this machine has no Go toolchain: install it (apt install golang), or add the Dockerfile below."
    chosen = {
        "ways": ways,
        "used": 0,
        "framework": "",
        "kind": "program",
        "is_manual": True,
        "findings": [{"what": "Go", "because": "go.mod"}],
    }
    return {**detected(), **chosen, "inspection": found, "form": form, "problem": problem, "offer": DOCKERFILE}


def unreadable() -> Data:
    return {
        "inspection": inspection(
            "failed", sentence="git.example.com answers: repository not found, or it needs a credential.", remarks=[]
        ),
        "form": None,
    }


def configuration(**more: Any) -> Data:
    numbers = range(7, 0, -1)
    comments = ["", "new Stripe key", "", "point to the new database", "first version"]
    base = {
        **application(), "environment": STAGING, "environments": ENVIRONMENTS,
        "version": {"number": 7, "comment": "new Stripe key", "actor": ADA, "at": back(hours=2), "is_newest": True},
        "variables": [{**VARIABLES[0], "is_set": True, "is_required": True, "error": ""}, *VARIABLES[1:], {"name": "LOG_LEVEL", "value": "info", "is_secret": False, "is_set": False, "lines": 1, "is_required": False, "error": ""}, {"name": "CERTIFICATE", "value": "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ\n-----END CERTIFICATE-----\n", "is_secret": False, "is_set": False, "lines": 4, "is_required": False, "error": ""}],
        "missing": [], "diff": None, "diff_from": None, "diff_to": None, "is_pending": True, "deploy": act("Deploy now", "deploy", "primary"), "comment": "", "form_error": "",
        "versions": [{"number": n, "previous": n - 1, "comment": comments[n % 5], "actor": [ADA, GRACE][n % 2], "at": back(days=8 - n), "is_running": n == 6} for n in numbers],
    }  # fmt: skip
    return {**base, **more}


def configuration_diff() -> Data:
    diff = [
        {"name": "DATABASE_URL", "change": "changed", "is_secret": True, "before": None, "after": None},
        {"name": "LOG_LEVEL", "change": "changed", "is_secret": False, "before": "debug", "after": "info"},
        {"name": "OLD_FLAG", "change": "removed", "is_secret": False, "before": "1", "after": None},
        {
            "name": "CACHE_URL",
            "change": "added",
            "is_secret": False,
            "before": None,
            "after": "redis://cache.internal:6379/0?a-rather-long-query=string-that-goes-on-and-on",
        },
    ]
    return configuration(diff=diff, diff_from=6, diff_to=7)


def configuration_empty() -> Data:
    return configuration(
        version=None, variables=[], versions=[], is_pending=False, deploy=None, missing=["DATABASE_URL", "SECRET_KEY"]
    )


def logs() -> Data:
    instances = [
        {"name": f"fairway-storefront.staging-d510-{n}", "label": f"d510-{n}", "state": state}
        for n, state in enumerate(["healthy", "restarting"])
    ]
    return {
        **application(),
        "environment": STAGING,
        "environments": ENVIRONMENTS,
        "instances": instances,
        "instance": "",
        "log": log(510, 300, False),
    }


def logs_nothing() -> Data:
    return {**logs(), "instances": [], "log": None}


def app_settings() -> Data:
    places = []
    for environment in ENVIRONMENTS:
        domains = [
            {
                "host": "shop.example.com",
                "remove": act(
                    "Remove shop.example.com",
                    "x",
                    "ghost",
                    confirm="shop.example.com",
                    consequence="The domain answers “unknown host” at once.",
                ),
            }
        ]
        places.append({"environment": environment, "host": f"storefront.{environment['slug']}.localhost", "domains": domains if environment is PRODUCTION else [], "access": "signed_in" if environment is STAGING else "public",
                       "domain_url": "/gallery/act", "access_url": "/gallery/act", "domain_value": "http://x" if environment is STAGING else "",
                       "domain_error": "is not a host name; write something like “shop.example.com”, without http:// or a path." if environment is STAGING else ""})  # fmt: skip
    return {
        **application(), "kind": "", "now": {**NOW, "build": "npm run build", "node": "22", "framework": "Express"}, "form": filled(forms.SpecForm, "spec_%s", name="storefront", command="gunicorn shop.wsgi", port=8000, health="/healthz", memory_mb=512),
        "source_form": filled(forms.GitForm, "source_%s", url="https://git.example.com/shop/storefront.git", ref="main"), "placements": places,
        "delete": {"url": "/gallery/act", "blockers": [], "volumes": [{"name": "media", "environment": "Production", "size_bytes": 5_368_709_120}]},
    }  # fmt: skip


def deploy_new() -> Data:
    versions = ["2.14.0", "2.13.2", "2.13.1", "2.13.0", "2.12.9"]
    artifacts = [
        {"id": 90 - n, "version": version, "digest": sha(version), "at": back(days=n * 2, hours=1), "source": "git.example.com/shop/storefront, main", "author": "Linus Åkesson",
         "message": "Round the shipping costs once, not per line", "is_current": n == 1, "is_bad": n == 2, "bad_reason": "Charges twice. Marked by Grace Hopper.", "compare": "" if n == 1 else "https://git.example.com/compare/1...2", "places": ["Development"] if n == 0 else ["Production"] if n == 1 else []}
        for n, version in enumerate(versions)
    ]  # fmt: skip
    return {
        "application": {**APPS[0], "kind": "git", "source": "https://git.example.com/shop/storefront.git#main"}, "environment": {**PRODUCTION, "host": "production.localhost"}, "environments": ENVIRONMENTS,
        "current": {"version": "2.13.2", "digest": sha("2.13.2")}, "artifacts": artifacts, "chosen": "90", "ref": "main", "reason": "", "errors": {},
        "configuration": {"number": 7, "comment": ""}, "expected_seconds": 14.0, "away": {"volumes": "media", "seconds": 4.2}, "blockers": [blocker()], "can_break_glass": True, "url": "/gallery/act", "fresh": None, "upload": None,
        "strategies": [],
        "changes": {"compare": "https://git.example.com/compare/1...2", "old": "8c1f0e2", "new": "main", "keys": [{"name": "CHECKOUT_URL", "how": "changed"}], "before": {"id": 490, "version": "2.13.2", "status": "failed"}},
    }  # fmt: skip


def deploy_upload() -> Data:
    data = deploy_new()
    return {
        **data,
        "application": {**APPS[2], "kind": "upload", "source": "sales-dashboard (folder)"},
        "fresh": {"checksum": "8c1f0e2b", "name": "sales-dashboard"},
        "chosen": "",
        "upload": new()["upload"],
        "away": None,
        "strategies": [
            {"value": "all", "label": "All at once", "is_chosen": False},
            {"value": "canary", "label": "Canary: an eighth, a quarter, a half, then all", "is_chosen": True},
        ],
    }


def environments() -> Data:
    rows = []
    for index, environment in enumerate(ENVIRONMENTS):
        lock = (
            {"by": GRACE, "reason": environment["lock_reason"], "until": now() + timedelta(days=2)}
            if environment is PRODUCTION
            else None
        )
        is_up = environment is not STAGING
        rows.append({**environment, "host": f"{environment['slug']}.localhost", "lock": lock, "runtime": "process" if is_up else "docker",
                     "availability": {"is_available": is_up, "sentence": "Ready." if is_up else "Docker does not answer at /var/run/docker.sock: permission denied. Add fairway’s user to the group docker."},
                     "placements": 12 - index * 4, "unhealthy": index, "running": 1 - index % 2})  # fmt: skip
    return {
        "environments": rows,
        "alerts": act("Alerts", "bell", method="get", url="/alerts/"),
        "create": act("New environment", "plus", "primary", method="get", url="/environments/new"),
    }


def environment(locked: bool = False) -> Data:
    places = [
        {"application": app, "state": state, "version": version, "digest": sha(version), "at": back(hours=index * 9), "actor": [ADA, GRACE, CI, LINUS][index % 4], "deployment_id": 500 + index,
         "url": "http://x.localhost:8080" if index < 3 else "", "running": {"id": 512, "status": "running", "step": "Check"} if index == 2 else None}
        for index, (app, state, version) in enumerate(zip(APPS, ["healthy", "degraded", "healthy", "stopped", "down"], ["2.14.0", "1.9.3", "0.8.1", "3f9c1a7", "2026.10.4-alpha.17+build.889"], strict=False))
    ]  # fmt: skip
    base = PRODUCTION if locked else DEVELOPMENT
    return {
        "environment": {**base, "description": "Where customers are.", "host": f"{base['slug']}.localhost", "position": 30, "runtime": "process", "created_at": back(days=300)},
        "lock": {"by": GRACE, "reason": "Quarter-end close", "at": back(hours=5), "until": now() + timedelta(days=2)} if locked else None,
        "availability": {"is_available": True, "sentence": "Runs applications as processes of this machine, behind the walls that can be put up here.", "version": ""}, "placements": places,
        "walls": [{"name": "User", "stands": not locked, "sentence": "Each application runs as a user of its own, without any rights of Fairway's."}, {"name": "Files", "stands": True, "sentence": "An application reaches only its own files and this machine's programs, and neither memory nor environment of others (Landlock)."}],
        "lock_form": None if locked else {"url": "/gallery/act", "blockers": [], "reason": "", "until": "", "errors": {"reason": "Say why: everyone who is stopped by it will read this."}}, "zone": "Europe/Zurich",
        "protection": ["Only a version that was healthy in Staging for 24 hours without a break comes here.", "Every release and every deployment needs 2 approvals from a Release Manager or an Admin. Whoever requested it does not count."] if locked else [],
        "protect": act("Change", "settings", method="get", url="/environments/production/protection"), "unlock": act("Unlock", "unlock") if locked else None, "edit": act("Edit", "settings", method="get", url="/environments/production/edit"),
        "alerts": act("Alerts", "bell", method="get", url="/environments/production/alerts"),
        "prices": act("Prices", "pulse", method="get", url="/environments/production/prices"),
        "delete": act("Delete", "trash", "danger", [blocker("in_use", "5 applications run here. Remove them first.", who="")]),
    }  # fmt: skip


def environment_far(state: str = "unconfirmed") -> Data:
    """On a Docker host over SSH."""
    sentences = {
        "unconfirmed": "The key of deploy@docker.example.com is not confirmed yet: SHA256:2c8Yw0mBC0k1p4cVhXzX3m1rQb0q3QhT1bLxkqv8dQk.",
        "changed": "deploy@docker.example.com shows another key than the confirmed one: SHA256:2c8Yw0mBC0k1p4cVhXzX3m1rQb0q3QhT1bLxkqv8dQk instead of SHA256:9sYkq0mBC0k1p4cVhXzX3m1rQb0q3QhT1bLxkqv8dQk. Nothing is sent there.",
        "away": "The host deploy@docker.example.com cannot be reached: it does not answer.",
        "connected": "Docker Engine 28.1.1 on deploy@docker.example.com.",
    }  # fmt: skip
    is_new = state == "unconfirmed"
    confirm = act("It is the host's key" if is_new else "Trust the new key", "check", "primary" if is_new else "danger")
    host = {
        "address": "ssh://deploy@docker.example.com:2222", "state": state, "sentence": sentences[state], "tone": {"unconfirmed": "warn", "connected": "ok"}.get(state, "bad"),
        "detail": "ssh: connect to host docker.example.com port 2222: Connection timed out" if state == "away" else "", "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINQ7TYeAa67aRkn3SuB2m/AxyRU6b1K+502FVE7I0lhB fairway",
        "fingerprint": "" if is_new else "SHA256:9sYkq0mBC0k1p4cVhXzX3m1rQb0q3QhT1bLxkqv8dQk", "confirmed_by": GRACE, "confirmed_at": back(days=30),
        "shown_fingerprint": "SHA256:2c8Yw0mBC0k1p4cVhXzX3m1rQb0q3QhT1bLxkqv8dQk" if state in ("unconfirmed", "changed") else "", "confirm": confirm if state in ("unconfirmed", "changed") else None,
        "look": act("Check now", "restart"), "is_to_let_in": is_new,
    }  # fmt: skip
    return {**environment(), "host": host}


def environment_locked() -> Data:
    return environment(locked=True)


def environment_empty() -> Data:
    return {**environment(), "placements": [], "lock_form": None, "edit": None, "delete": None}


RUNTIMES = [
    {
        "name": "process",
        "is_available": True,
        "sentence": "Runs applications as processes of this machine, behind the walls that can be put up here.",
    },
    {"name": "docker", "is_available": False, "sentence": "There is no Docker on this machine."},
]


def environment_new() -> Data:
    form = wrong(forms.EnvironmentForm, name="QA", slug="Q A", host="https://qa", position="", runtime="process")
    form.add_error("slug", "must start with a letter and use only a–z, 0–9 and single hyphens, e.g. “my-app”.")
    form.add_error("host", "is not a host name; write something like “shop.example.com”, without http:// or a path.")
    return {"environment": None, "form": form, "runtimes": RUNTIMES}


def protection() -> Data:
    form = wrong(
        forms.ProtectionForm, approvals_needed="2", approval_days="7", approval_people="nobody", proven_in="staging"
    )
    form.add_error("approval_people", "There is no active user “nobody”.")
    return {"environment": PRODUCTION, "form": form}


def environment_edit() -> Data:
    form = filled(forms.EnvironmentForm, name="Staging", host="staging.localhost", position=20, runtime="process")
    del form.fields["slug"]
    return {"environment": STAGING, "form": form, "runtimes": RUNTIMES}


def events(**more: Any) -> Data:
    kinds = [
        ("deployment.succeeded", {"label": "storefront → Staging #510", "url": "/deployments/510"}, "Checkout fix", []),
        (
            "environment.locked",
            {"label": "Production", "url": "/environments/production"},
            "Quarter-end close",
            [
                {"field": "status", "before": "available", "after": "locked"},
                {"field": "locked_until", "before": None, "after": "2026-10-05T08:00:00Z"},
            ],
        ),
        (
            "configuration.saved",
            {"label": "storefront · Staging · 3", "url": "/applications/storefront"},
            "",
            [
                {"field": "LOG_LEVEL", "before": "debug", "after": "info"},
                {"field": "STRIPE_KEY", "before": "secret 3fa1", "after": "secret 99c2"},
            ],
        ),
        ("person.signed_in", {"label": "", "url": ""}, "", []),
        ("rollout.failed", {"label": "Autumn 2026.11 → Production", "url": ""}, "billing-api: not ready in time", []),
    ]
    lines = []
    for index in range(23):
        verb, subject, comment, changes = kinds[index % 5]
        actor = [ADA, GRACE, CI][index % 3]
        sentence = format_html(
            verbs.sentence_of(verb),
            who=format_html("<strong>{}</strong>", actor["name"]),
            what=format_html('<span class="strong">{}</span>', subject["label"]),
        )
        severity = {"key": verbs.severity_of(verb).value, "label": verbs.SEVERITIES[verbs.severity_of(verb)]}
        lines.append({"number": 4711 - index, "at": back(minutes=index * 37), "actor": actor, "acting_role": "Deployer" if index % 4 == 0 else "", "door": ["web", "API", "command line"][index % 3],
                      "sentence": sentence, "verb": verb, "severity": severity, "subject": subject, "comment": comment, "changes": changes, "address": "192.0.2.17", "client": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "hash": sha(str(index))})  # fmt: skip
    base = {
        "filters": {"person": "", "act": "", "application": "storefront", "environment": "", "release": "7", "since": "2026-01-01", "until": "", "q": ""},
        "severity": "info",
        "choices": {"people": [ADA, GRACE, CI], "acts": [{"key": "deployment", "label": "Deployments"}], "applications": APPS, "environments": ENVIRONMENTS,
                    "severities": [{"key": "detail", "label": "All, with details"}, {"key": "info", "label": "All but details"}], "releases": [{"key": "7", "label": "Autumn 2026.11"}],
                    "packages": [{"key": "3", "label": "billing-api"}], "rollouts": [{"key": "3", "label": "#3 → Production"}]},
        "page": Paginator(lines, 20).page(1), "is_newest": True,
        "chain": {"is_intact": True, "count": 4711, "checked_at": back(minutes=3), "sentence": "The chain of all 4,711 events is whole."},
    }  # fmt: skip
    return {**base, **more}


def application_events() -> Data:
    return {**application(), "newest": events()["page"].object_list[:5], "all_events": "/events/?application=storefront"}


def events_broken() -> Data:
    return events(
        page=Paginator([], 20).page(1),
        chain={
            "is_intact": False,
            "count": 4711,
            "checked_at": back(minutes=3),
            "sentence": "Event 4,203 was changed or removed after it was written.",
            "external_copy_failure": "The place for signed heads (https://heads.example.com) did not take one: it answered 503",
        },
    )


def mail() -> Data:
    server = {"host": "smtp.example.com", "port": 587, "security": "starttls", "username": "fairway"}
    found = {
        "server": server,
        "sender": "fairway@example.com",
        "sender_line": "Fairway <fairway@example.com>",
        "is_fixed": False,
    }
    return {
        "mailing": found, "has_password": True,
        "form": filled(forms.MailForm, host="smtp.example.com", port="587", security="starttls", username="fairway", sender_name="Fairway", sender="fairway@example.com"),
        "test_form": filled(forms.TestMailForm, to="ada@example.com"), "sent_to": "",
        "failure": "“smtp.example.com” refused the user name or the password: 535 5.7.8 Authentication credentials invalid",
    }  # fmt: skip


def mail_none() -> Data:
    return {**mail(), "mailing": None, "has_password": False, "failure": "", "form": forms.MailForm()}


PROVIDERS = [
    {"slug": "company", "name": "Example Company", "issuer": "https://login.example.com/realms/company", "is_enabled": True, "admits": "anybody", "domains": ["example.com", "example.org"], "required_groups": [], "is_github": False, "is_from_environment": False},
    {"slug": "github", "name": "GitHub", "issuer": "https://github.com", "is_enabled": True, "admits": "anybody", "domains": [], "required_groups": ["acme", "acme/platform"], "is_github": True, "is_from_environment": True},
    {"slug": "google", "name": "Google", "issuer": "https://accounts.google.com", "is_enabled": False, "admits": "linked", "domains": [], "required_groups": [], "is_github": False, "is_from_environment": False},
]  # fmt: skip
CALLBACK = "https://fairway.example.com/accounts/sign-in/{}/callback"


def sign_in() -> Data:
    return {
        "providers": PROVIDERS,
        "create": Button("New provider", "/settings/sign-in/new", "plus", "primary", method="get"),
        "form": filled(forms.PasswordPolicyForm, passwords="emergency", emergency=["ada"]),
    }


def sign_in_none() -> Data:
    return {**sign_in(), "providers": []}


def sign_in_provider() -> Data:
    delete = Button("Remove", "/settings/sign-in/company/deletion", "trash", "danger", confirm="Example Company")
    values = {
        "name": "Example Company", "issuer": PROVIDERS[0]["issuer"], "client_id": "fairway", "scopes": "openid email profile",
        "domains": "example.com\nexample.org", "admits": "anybody", "default_role": "viewer", "is_enabled": True,
        "groups_claim": "groups", "roles": "developers = deployer\nrelease-managers = release_manager",
    }  # fmt: skip
    form = filled(forms.SignInProviderForm, **values)
    del form.fields["slug"]
    return {
        "provider": {**PROVIDERS[0], "has_secret": True, "delete": delete}, "form": form,
        "choices": [], "registered_at": "", "is_github": False, "short": "",
        "redirect_uri": CALLBACK.format("company"), "answered_at": "",
        "failure": "The provider calls itself “https://login.example.com/realms/Company”, not “https://login.example.com/realms/company”. Enter exactly what it calls itself.",
    }  # fmt: skip


def sign_in_provider_ok() -> Data:
    return {**sign_in_provider(), "failure": "", "answered_at": "https://login.example.com/realms/company/auth"}


def sign_in_provider_new() -> Data:
    form = wrong(forms.SignInProviderForm, name="Company", issuer="accounts.google.com", scopes="openid")
    return {**new_provider_shown(""), "provider": None, "form": form, "short": "…", "redirect_uri": CALLBACK.format("…")}


def sign_in_provider_github() -> Data:
    shown = new_provider_shown("github")
    form = forms.SignInProviderForm(initial=shown["initial"])
    return {**shown, "provider": None, "form": form, "short": "github", "redirect_uri": CALLBACK.format("github")}


def sign_in_refused() -> Data:
    sentence = "There is already an account with your mail address. Sign in with it and connect Example Company in your profile; an address alone proves nothing."
    return {"provider": PROVIDERS[0], "sentence": sentence, "is_signed_in": False}


def login_with_providers() -> Data:
    return {**login(), "providers": PROVIDERS}


def login_only_with_providers() -> Data:
    return {**login(), "providers": PROVIDERS, "has_passkeys": True, "who_may_use_passwords": "emergency"}


GRANTS = [
    {"role_label": "Administrator", "environment": "", "application": ""},
    {"role_label": "Deployer", "environment": "Production", "application": "storefront"},
]


def rights(*, acting_as: str = "") -> Data:
    """What somebody may do who deploys one application to production and sees everything."""
    viewer = "Viewer everywhere, given by ada on 3 March 2026, 09:15"
    deployer = "Deployer for Storefront in Production, given by the provider Example Company on 12 November 2026, 14:02"
    needed = "This needs the role Admin or Deployer here."
    columns = [one["name"] for one in ENVIRONMENTS]
    some = columns[-1]

    def row(label: str, last: str, reason: str, first: str = "none", *, places: list[str] = columns) -> Data:
        words = {"all": "allowed", "some": "some applications", "none": "not allowed"}
        extents = [first] * (len(places) - 1) + [last]
        why = [{"reasons": [reason], "places": places[-1:]}]
        if places[:-1]:
            why.insert(0, {"reasons": [viewer if first != "none" else needed], "places": places[:-1]})
        return {
            "label": label,
            "why": why,
            "cells": [
                {
                    "column": place,
                    "extent": extent,
                    "words": words[extent],
                    "applications": ["Storefront"] if extent == "some" else [],
                }
                for place, extent in zip(places, extents, strict=True)
            ],
        }

    deploying = [
        row("See what is there", "all", viewer, "all"),
        row("Deploy, promote", "none", f"Only Ada Lovelace or a Release Manager may deploy to {some}."),
        row("Approve deployments", "none", "An approval counts here from a Release Manager or an Admin."),
        row("Roll back, cancel a deployment, change settings and secrets", "some", deployer),
    ]
    running = [
        row(
            "Restart, stop, start, scale, run commands and jobs, lift a hold, change domains and who may open it, remove it from the environment, manage credentials",
            "some",
            deployer,
        )
    ]
    installation = ["Everywhere"]
    return {
        "is_active": True,
        "must_set_up_two_steps": True,
        "acting_as": acting_as,
        "tables": [
            {"columns": columns, "groups": [{"title": "Deployments", "rows": deploying}, {"title": "What runs", "rows": running}]},
            {"columns": installation, "groups": [{"title": "Applications", "rows": [row("Create applications", "none", needed, places=installation)]}]},
        ],
    }  # fmt: skip


def profile() -> Data:
    return {
        "rights": rights(acting_as="Viewer"),
        "form": filled(forms.ProfileForm, name="Ada Lovelace", email="ada@example.com"),
        "grants": GRANTS,
        "is_email_unconfirmed": True,
        "identities": [
            {"number": 1, "name": "Example Company", "email": "ada@example.com", "last_used_at": now() - timedelta(hours=2)}
        ],
        "connectable": [{"slug": "google", "name": "Google"}],
        "uses_password": True,
        "has_two_steps": False,
        "told_at": "ada@example.com",
        "sessions": [
            {"number": 3, "client": "Firefox on Linux", "address": "203.0.113.7", "with": "password and code", "began_at": now() - timedelta(days=2), "last_seen_at": now(), "is_this": True},
            {"number": 2, "client": "Safari on iPhone", "address": "2001:db8:85a3::8a2e:370:7334", "with": "Example Company", "began_at": now() - timedelta(days=9), "last_seen_at": now() - timedelta(hours=5), "is_this": False},
            {"number": 1, "client": "Unknown browser", "address": "198.51.100.23", "with": "password", "began_at": now() - timedelta(days=13), "last_seen_at": now() - timedelta(days=12), "is_this": False},
        ],
    }  # fmt: skip


def people() -> Data:
    def person(who: Data, **more: Any) -> Data:
        base = {
            **who,
            "url": f"/settings/people/{who['username']}",
            "is_service": False,
            "email": f"{who['username']}@example.com",
            "name": who.get("called", who["name"]),
            "is_email_confirmed": who["username"] != "linus",
            "is_active": True,
            "is_you": False,
            "last_seen": back(hours=3),
            "is_invited": False,
            "two_step": who["username"] == "ada",
            "grants": GRANTS[1:],
        }
        return {**base, **more}

    return {"people": [person(ADA, is_you=True, grants=GRANTS), person(GRACE), person(LINUS, is_invited=True, last_seen=None), person(CI, email="", grants=[], is_service=True), person({"username": "old", "name": "Former Colleague"}, is_active=False, last_seen=back(days=300))],
            "acts": [act("New service account", "plus", method="get", url="/settings/service-accounts/new"), act("New person", "plus", "primary", method="get", url="/settings/people/new")]}  # fmt: skip


def person() -> Data:
    roles = [
        ("admin", "Admin", "Everything, people included."),
        ("release_manager", "Release Manager", "Plans releases, locks environments."),
        ("deployer", "Deployer", "Deploys, rolls back, changes configuration."),
        ("viewer", "Viewer", "Sees everything, changes nothing."),
    ]
    return {
        "person": {**GRACE, "name": "Grace Hopper", "email": "grace@example.com", "is_email_confirmed": False, "is_active": True, "is_you": False}, "form": filled(forms.PersonForm, username="grace", name="Grace Hopper", email="grace@example.com"),
        "grants": [{"role": "deployer", "environment": "production", "application": "", "error": ""}, {"role": "viewer", "environment": "", "application": "", "error": ""}],
        "choices": {"roles": [{"key": key, "label": label, "sentence": sentence} for key, label, sentence in roles], "environments": ENVIRONMENTS, "applications": APPS},
        "link": {"url": "http://localhost:8000/invitation/7Hc0Zk2Jv0yQ3mXnB5sW1tR9", "expires_at": now() + timedelta(days=3), "mailed_to": "", "failure": "“smtp.example.com” did not answer in time on port 587. Check the port; a firewall may block it."},
        "acts": [act("New one-time link", "link"), act("Deactivate", "stop", "danger", confirm="grace", consequence="They are signed out everywhere and their tokens stop working.")],
        "has_password": True, "uses_password": True, "has_two_steps": True, "identities": [{"number": 1, "name": "GitHub", "email": "grace@example.com", "last_used_at": back(hours=3)}, {"number": 2, "name": "https://login.example.com", "email": "", "last_used_at": None}],
        "rights": rights(),
    }  # fmt: skip


def service_account() -> Data:
    found = person()
    return {
        "account": {"username": "nightly", "purpose": "Deploys every night what was merged", "is_active": True},
        "form": filled(forms.ServiceAccountForm, purpose="Deploys every night what was merged"),
        "grants": found["grants"],
        "choices": found["choices"],
        "acts": [act("Deactivate", "stop", "danger", confirm="nightly", consequence="Its tokens stop working at once.")],
        "tokens": tokens()["tokens"],
        "token_form": filled(forms.TokenForm),
        "created": {"name": "laptop", "secret": "fw_8c1f0e2b9a7d4c5e6f708192a3b4c5d6e7f80912"},
        "rights": {**rights(), "must_set_up_two_steps": False},
    }


def service_account_off() -> Data:
    off = {
        "account": {**service_account()["account"], "is_active": False},
        "tokens": [],
        "token_form": None,
        "created": None,
    }
    return {**service_account(), **off, "rights": {**rights(), "is_active": False}}


def service_account_new() -> Data:
    none = {"account": None, "acts": [], "tokens": [], "token_form": None, "created": None, "rights": None}
    return {**service_account(), **none, "form": filled(forms.NewServiceAccountForm)}


def person_deactivated() -> Data:
    found = person()
    return {
        **found,
        "person": {**found["person"], "is_active": False},
        "link": None,
        "rights": {**rights(), "is_active": False},
    }


def person_new() -> Data:
    return {
        **person(),
        "rights": None,
        "person": None,
        "form": filled(forms.PersonForm),
        "grants": [{"role": "deployer", "environment": "", "application": "", "error": ""}],
        "link": None,
        "acts": [],
    }


def tokens() -> Data:
    lines = [{"name": name, "prefix": prefix, "role_label": role, "application": "Storefront" if role else "", "environment": "Production" if role else "", "created_at": back(days=20), "last_used_at": used, "expires_at": ends,
              "revoke": act("Revoke", "", "danger", confirm=name, consequence="Whatever uses it stops working immediately.")}
             for name, prefix, role, used, ends in [("laptop", "fw_8c1f", "", back(minutes=4), now() + timedelta(days=200)), ("ci pipeline", "fw_77aa", "Deployer", None, None)]]  # fmt: skip
    return {
        "tokens": lines,
        "form": filled(forms.TokenForm),
        "created": {"name": "laptop", "secret": "fw_8c1f0e2b9a7d4c5e6f708192a3b4c5d6e7f80912"},
    }


def tokens_none() -> Data:
    return {"tokens": [], "form": filled(forms.TokenForm), "created": None}


def storage(is_low: bool = False) -> Data:
    taken = [
        ("Running applications, their volumes and home directories", 3_812_003_441, 41_220),
        ("Build caches", 912_004_112, 30_112),
    ]
    taken += [
        ("Versions", 401_220_300, 9_120),
        ("Database", 48_201_728, 3),
        ("Uploads", 12_044_800, 14),
        ("Proxy", 51_200, 60),
    ]
    measured = {"at": back(minutes=12), "free": 900 * 2**20 if is_low else 52 * 2**30, "total": 80 * 2**30}
    rounds = [{"Versions": 4, "Logs": 212, "Runs": 96}, {"Uploads": 3}, {"Versions": 1, "Orphaned routes": 1}]
    return {
        "measured": {**measured, "size": sum(size for _, size, _ in taken), "is_low": is_low},
        "place": "/var/lib/fairway",
        "taken": [{"label": label, "size": size, "files": files} for label, size, files in taken],
        "collections": [
            {
                "at": back(hours=number * 5 + 1),
                "what": [{"label": label, "number": count} for label, count in one.items()],
                "bytes": 0 if number else 51_400_000,
            }
            for number, one in enumerate(rounds)
        ],
        "log_days": "90",
        "log_bytes": 2 * 2**30,
    }


def storage_low() -> Data:
    return storage(is_low=True)


def storage_none() -> Data:
    return {**storage(), "measured": None, "collections": []}


def credentials() -> Data:
    delete = act(
        "Delete", "trash", "ghost", confirm="company registry", consequence="Deployments that need it will fail to fetch."
    )
    lines = [
        {
            "name": "company registry",
            "kind": "registry",
            "host": "registry.example.com:5000",
            "username": "fairway",
            "public_key": "",
            "created_at": back(days=40),
            "actor": ADA,
            "scopes": [{"application": "", "environment": ""}],
            "delete": delete,
        },
        {
            "name": "shop repositories",
            "kind": "deploy_key",
            "host": "git.example.com",
            "username": "",
            "public_key": "ssh-ed25519 AAAA fairway",
            "created_at": back(days=4),
            "actor": GRACE,
            "scopes": [
                {"application": "Storefront", "environment": "Staging"},
                {"application": "Storefront", "environment": ""},
            ],
            "delete": None,
        },
    ]
    return {
        "credentials": lines,
        "registry_form": wrong(forms.RegistryForm, "registry_%s", name="x"),
        "key_form": filled(forms.KeyForm, "key_%s"),
        "https_form": filled(forms.HttpsForm, "https_%s"),
        "open": "registry",
        "applications": APPS,
        "environments": ENVIRONMENTS,
        "chosen": [
            {"application": "storefront", "environment": "production"},
            {"application": "", "environment": "staging"},
        ],
    }


def credentials_none() -> Data:
    return {**credentials(), "credentials": [], "open": ""}


def login() -> Data:
    return {
        "form": filled(forms.LoginForm),
        "redirect_field": "",
        "providers": [],
        "has_passkeys": True,
        "who_may_use_passwords": "everybody",
        "demo_people": [],
    }


def login_wrong() -> Data:
    form = wrong(forms.LoginForm, login="ada", password="x")
    form.add_error(None, "The user name and the password do not go together.")
    demo = [
        {"username": "admin", "password": "sail-9214", "role_label": "Admin"},
        {"username": "deployer", "password": "sail-9214", "role_label": "Deployer"},
    ]
    return {
        "form": form,
        "redirect_field": "",
        "providers": [],
        "has_passkeys": True,
        "who_may_use_passwords": "everybody",
        "demo_people": demo,
    }


def first_run() -> Data:
    return {
        "form": wrong(forms.FirstRunForm, username="ada", name="", password1="short", password2=""),
        "purpose": "first",
        "person": None,
        "providers": [],
        "uses_password": True,
    }


def invitation() -> Data:
    return {
        "form": forms.PasswordForm(),
        "purpose": "invitation",
        "person": {**GRACE, "has_password": False},
        "providers": [{"name": "GitHub", "url": "/gallery"}, {"name": "Example Company", "url": "/gallery"}],
        "uses_password": True,
    }


def invitation_only_with_providers() -> Data:
    return {**invitation(), "uses_password": False}


def first_run_used() -> Data:
    return {"form": None, "purpose": "invitation", "person": ADA, "providers": [], "uses_password": True}


def password_change() -> Data:
    return {"form": filled(forms.PasswordForm), "redirect_field": ""}


def conflict() -> Data:
    return {
        "status": 409,
        "title": "",
        "sentence": "",
        "blockers": [
            blocker(until=now() + timedelta(hours=3)),
            blocker(
                "artifact_gone",
                "The bytes of 2.9.1 were collected 12 days ago. Deploy its commit again to build it.",
                who="",
            ),
        ],
    }


def database_away() -> Data:
    sentence = "The database is not responding. What is running keeps running, and work continues when it is back."
    return {"status": 503, "title": "", "sentence": gettext(sentence), "again": "/nobody/database-away"}
