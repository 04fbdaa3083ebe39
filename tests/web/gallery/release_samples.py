# ruff: noqa: E501 - sample data reads best one thing a line
"""Sample contexts of the release desk; see samples.py."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from fairway.web.presenters.calendar_grid import Entry, span, weeks
from fairway.web.presenters.release_graph import Node, graph_shown
from tests.web.gallery.forms import filled
from tests.web.gallery.samples import (
    ADA,
    DEVELOPMENT,
    ENVIRONMENTS,
    GRACE,
    LINUS,
    PRODUCTION,
    STAGING,
    act,
    back,
    blocker,
    now,
    sha,
)

Data = dict[str, Any]
NAMES = ["catalog-db", "identity", "catalog-api", "pricing", "checkout", "storefront"]
NEEDS = {
    "catalog-api": ["catalog-db"],
    "pricing": ["catalog-api"],
    "checkout": ["identity", "pricing"],
    "storefront": ["catalog-api", "checkout"],
}


class ReleaseForm(forms.Form):
    name = forms.CharField()
    version = forms.CharField()
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 4}))
    manager = forms.ChoiceField(choices=[("grace", "Grace Hopper"), ("ada", "Ada Lovelace")])
    deputy = forms.ChoiceField(choices=[("", "—"), ("linus", "Linus Åkesson")], required=False)
    targets = forms.MultipleChoiceField(
        choices=[("staging", "Staging"), ("production", "Production")], widget=forms.CheckboxSelectMultiple
    )


class PackageForm(forms.Form):
    name = forms.CharField()
    stage = forms.ChoiceField(choices=[("registered", "Registered"), ("testing", "Testing"), ("ready", "Ready")])
    version = forms.CharField()
    checksum = forms.CharField(required=False)


class RollingOutForm(forms.Form):
    reason = forms.CharField(required=False)
    parallel = forms.IntegerField()
    redeploy = forms.BooleanField(required=False)
    break_glass = forms.CharField(required=False)


class ReasonForm(forms.Form):
    reason = forms.CharField()


class PasteForm(forms.Form):
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 14, "class": "mono"}))


def release(status: str = "in_progress", **more: Any) -> Data:
    one = {
        "id": 7, "name": "Autumn", "version": "2026.11", "status": status, "description": "New checkout, faster catalogue.", "manager": GRACE, "deputy": LINUS,
        "planned_at": now() + timedelta(days=2), "planned_wall": "2026-11-22 20:00", "zone": "Europe/Paris", "target": "Production", "fingerprint": sha("autumn").removeprefix("sha256:"),
        "sealed_at": back(hours=5), "sealed_by": "Grace Hopper", "cancelled_by": "", "cancel_reason": "", "created_at": back(days=9), "created_by": ADA, "blocked": 2, "rollout": None, **more,
    }  # fmt: skip
    acts = [
        act("Schedule", "clock", method="get"),
        act(
            "Roll out",
            "promote",
            "primary",
            [blocker("approvals", "Production needs 2 approvals; 1 is given.", "a Release Manager or Admin")],
        ),
    ]
    menu = [
        act("Edit", "settings", method="get"),
        act("Clone", "copy", method="get"),
        act("Export release.yaml", "download", method="get"),
        act("Cancel the release", "x", "danger"),
        act("Delete", "trash", "danger", confirm="Autumn 2026.11", consequence="Its packages are deleted with it."),
    ]
    return {"release": one, "acts": acts, "more": menu}


def releases() -> Data:
    targets = [
        {"name": "Development", "deployed": 6, "total": 6, "state": ""},
        {"name": "Staging", "deployed": 4, "total": 6, "state": "running"},
        {"name": "Production", "deployed": 0, "total": 6, "state": "scheduled"},
    ]
    lines = [
        {"id": number, "name": name, "version": version, "status": status, "manager": [GRACE, ADA][number % 2], "deputy": LINUS, "planned_at": now() + timedelta(days=number) if number < 3 else None,
         "target": "Production", "packages": 6, "at": back(hours=number), "targets": targets[: 3 - number % 3]}
        for number, (name, version, status) in enumerate([("Autumn", "2026.11", "in_progress"), ("Payments", "4.2", "scheduled"), ("Hotfix login", "2026.10.3", "frozen"), ("Winter", "2027.01", "draft"), ("Summer", "2026.7", "released"), ("Search", "1.0", "failed"), ("Spring", "2026.4", "fallen_back"), ("Old plan", "0.1", "cancelled")], start=1)
    ]  # fmt: skip
    states = [
        {"key": "", "label": "All", "count": 8, "is_current": True},
        {"key": "open", "label": "Open", "count": 4, "is_current": False},
        {"key": "released", "label": "Released", "count": 1, "is_current": False},
        {"key": "ended", "label": "Ended", "count": 3, "is_current": False},
    ]
    return {
        "releases": lines,
        "states": states,
        "query": "",
        "total": 8,
        "create": act("New release", "plus", "primary", method="get"),
        "from_what_runs": [act(f"Release what runs on {one['name']}", "layers", method="get") for one in ENVIRONMENTS],
    }


def releases_none() -> Data:
    return {**releases(), "releases": [], "total": 0, "states": []}


def _cell(status: str, number: int = 0, sentence: str = "") -> Data:
    acts = {
        "absent": [act("Distribute", "download")],
        "distributed": [
            act("Deploy", "deploy", blockers=[blocker("dependencies", "pricing is not deployed there yet.", "a Deployer")])
        ],
        "deployed": [act("Fall back", "rollback")],
    }.get(status, [])
    return {
        "status": status,
        "sentence": sentence,
        "deployment_id": number or None,
        "version": "1.4",
        "at": back(hours=number / 100) if number else None,
        "url": "http://x.localhost:8080" if status == "deployed" else "",
        "acts": acts,
    }


def detail() -> Data:
    rows = []
    for number, name in enumerate(NAMES):
        cells = [
            _cell("deployed", 500 + number),
            _cell(
                ["deployed", "deployed", "deployed", "deploying", "distributed", "distributing"][number],
                520 + number if number < 4 else 0,
            ),
            _cell(
                ["distributed", "distributed", "absent", "absent", "absent", "replaced"][number],
                sentence="" if number != 5 else "2.13.9 was deployed after it by Ada Lovelace.",
            ),
        ]
        rows.append({
            "id": number, "name": name, "stage": ["ready", "ready", "ready", "testing", "ready", "registered"][number], "version": ["16.2", "3.1.0", "1.4.0", "0.9.2+4be01aa", "2.0.0-rc1", "https://git.example.com/shop/storefront.git#v2.14.0"][number],
            "resolution": ["resolved", "resolved", "resolved", "resolved", "unresolvable", "resolving"][number], "sentence": "" if number != 4 else "registry.example.com/shop/checkout:2.0.0-rc1 does not exist.", "digest": sha(name),
            "application": {"slug": name, "name": name, "kind_icon": ["image", "image", "git", "git", "image", "git"][number]}, "needs": NEEDS.get(name, []),
            "stage_acts": [act("Mark as Ready", "check")], "acts": [act("Edit", "settings", method="get"), act("Delete", "trash", "danger", confirm=name)], "cells": cells,
        })  # fmt: skip
    targets = [
        {
            **one,
            "deployed": [6, 3, 0][index],
            "total": 6,
            "acts": [
                act("Distribute all", "download"),
                act("Roll out", "promote", blockers=[blocker()] if index == 2 else []),
            ],
        }
        for index, one in enumerate(ENVIRONMENTS)
    ]
    return {
        **release(rollout={"id": 3, "status": "running", "target": "Staging"}),
        "targets": targets,
        "packages": rows,
        "add": act("Add a package", "plus", method="get"),
        "paste": act("Paste packages", "file", method="get"),
    }


def detail_empty() -> Data:
    return {
        **release("draft", planned_at=None, fingerprint="", description=""),
        "targets": [],
        "packages": [],
        "add": act("Add a package", "plus", "primary", method="get"),
        "paste": act("Paste packages", "file", method="get"),
    }


def _graph() -> Data:
    states = ["deployed", "deployed", "deployed", "deploying", "blocked", "distributed"]
    return graph_shown([Node(name, state, note="1.4.0", url="#") for name, state in zip(NAMES, states, strict=True)], NEEDS)


def dependencies() -> Data:
    lines = [
        {
            "id": number,
            "name": name,
            "level": number,
            "needs": [{"id": 1, "name": one, "remove": {"url": "/gallery/act"}} for one in NEEDS.get(name, [])],
            "needed_by": [other for other, some in NEEDS.items() if name in some],
        }
        for number, name in enumerate(NAMES, start=1)
    ]
    depend = {
        "url": "/gallery/act",
        "packages": [{"id": str(number), "name": name} for number, name in enumerate(NAMES)],
        "needable": [{"id": str(number), "name": name} for number, name in enumerate(NAMES)],
        "package": "0",
        "needs": "5",
        "errors": {"needs": "This would close a cycle: catalog-db → storefront → catalog-api → catalog-db."},
    }
    return {
        **release(),
        "graph": _graph(),
        "targets": [{**one, "is_current": index == 1} for index, one in enumerate(ENVIRONMENTS)],
        "dependencies": lines,
        "depend": depend,
    }


def readiness() -> Data:
    frozen = blocker(
        "frozen",
        "Production is frozen until Monday 08:00: quarter-end close.",
        "a Release Manager",
        now() + timedelta(days=2),
    )
    missing = blocker("unresolvable", "checkout has no version that could run: the image does not exist.", "a Deployer")
    approval = blocker(
        "approval_missing", "1 approval for Production is missing.", "a Release Manager or an Admin who did not ask for it"
    )
    ready = {**DEVELOPMENT, "is_ready": True, "at": None, "blockers": [], "roll_out": act("Roll out", "promote", "primary")}
    staging = {**STAGING, "is_ready": False, "at": None, "blockers": [missing], "roll_out": None}
    production = {
        **PRODUCTION,
        "is_ready": False,
        "at": now() + timedelta(days=2),
        "blockers": [frozen, approval],
        "roll_out": None,
    }
    return {**release(), "targets": [ready, staging, production]}


def rollouts() -> Data:
    lines = [{"id": number, "kind": kind, "status": status, "target": target, "actor": ADA, "acting_role": "", "at": back(hours=number), "planned_at": now() + timedelta(days=2), "seconds": seconds, "sentence": sentence, "done": done, "total": 6}
             for number, kind, status, target, seconds, sentence, done in [(4, "roll_out", "scheduled", PRODUCTION, None, "", 0), (3, "roll_out", "running", STAGING, None, "", 3), (2, "fall_back", "fallen_back", STAGING, 41.0, "", 6), (1, "roll_out", "failed", STAGING, 93.2, "checkout did not answer on port 8080 within 60 s.", 4)]]  # fmt: skip
    return {**release(), "rollouts": lines}


def events() -> Data:
    return {**release(), "newest": [], "all_events": "/events/?release=7"}


def rollout(status: str = "needs_decision") -> Data:
    states = {
        "catalog-db": "deployed",
        "identity": "deployed",
        "catalog-api": "deployed",
        "pricing": "failed",
        "checkout": "blocked",
        "storefront": "blocked",
    }
    grouped = [["catalog-db", "identity"], ["catalog-api"], ["pricing"], ["checkout"], ["storefront"]]
    levels = [
        {
            "number": number,
            "packages": [
                {
                    "name": name,
                    "id": name,
                    "status": states[name],
                    "sentence": "The application ended with code 1 before its port answered." if name == "pricing" else "",
                    "deployment": {"id": 530, "step": "Check" if name == "pricing" else ""}
                    if states[name] != "blocked"
                    else None,
                    "seconds": 4.2,
                    "before": "1.3.9" if number < 5 else "nothing",
                    "version": "1.4.0",
                }
                for name in group
            ],
        }
        for number, group in enumerate(grouped, start=1)
    ]
    plan = [
        "catalog-api goes back from 1.4.0 to 1.3.9",
        "identity goes back from 3.1.0 to 3.0.2",
        "catalog-db goes back from 16.2 to 16.1",
    ]
    choices = [{"key": "retry", "label": "Try again", "icon": "restart", "kind": "primary", "url": "/gallery/act", "consequence": "pricing is deployed again; if it goes live, the rest follows.", "plan": [], "blockers": [], "confirm": ""},
               {"key": "skip", "label": "Continue without it", "icon": "chevron-right", "kind": "", "url": "/gallery/act", "consequence": "What needs pricing is left out too: checkout, storefront.", "plan": [], "blockers": [], "confirm": ""},
               {"key": "fall_back_all", "label": "Fall back all", "icon": "rollback", "kind": "danger", "url": "/gallery/act", "consequence": "3 packages go back to exactly what ran before, in reverse order.", "plan": plan, "blockers": [], "confirm": "staging", "asks": "3 packages go back to exactly what ran before, in reverse order. checkout is removed, because nothing ran before."}]  # fmt: skip
    one = {
        "id": 3,
        "kind": "roll_out",
        "status": status,
        "target": STAGING,
        "actor": ADA,
        "acting_role": "Deployer",
        "reason": "rehearsal",
        "at": back(minutes=4),
        "started_at": back(minutes=4),
        "ended_at": None,
        "seconds": None,
        "sentence": "",
        "wait_reason": "",
        "planned_at": None,
        "start_by": None,
        "parallel": 4,
        "done": 3,
        "total": 6,
    }
    graph = graph_shown([Node(name, states[name], note="1.4.0", url="#") for name in NAMES], NEEDS)
    return {
        **release(),
        "rollout": one,
        "levels": levels,
        "graph": graph,
        "decision": {"failed": ["pricing"], "choices": choices} if status == "needs_decision" else None,
        "rollout_acts": [act("Stop here", "stop")],
    }


def new() -> Data:
    return {
        "release": None,
        "is_clone": False,
        "form": filled(ReleaseForm, name="", version="", description="", manager="grace", deputy="", targets=["staging"]),
        "from_environment": None,
        "found": [],
    }


def from_what_runs() -> Data:
    return {
        **new(),
        "from_environment": STAGING,
        "found": [{"name": name, "version": "1.4.0", "digest": sha(name)} for name in NAMES],
    }


def rolling_out() -> Data:
    steps = [
        {
            "number": 1,
            "packages": [
                {
                    "name": "catalog-db",
                    "from": "16.1",
                    "to": "16.2",
                    "note": "distributed first",
                    "away": {"volumes": "data", "seconds": 11.0},
                },
                {"name": "identity", "from": "3.0.2", "to": "3.1.0", "note": ""},
            ],
        },
        {"number": 2, "packages": [{"name": "catalog-api", "from": "nothing", "to": "1.4.0", "note": ""}]},
    ]
    form = filled(RollingOutForm, reason="", parallel=4, break_glass="")
    return {
        **release(),
        "target": PRODUCTION,
        "is_back": False,
        "blockers": [blocker()],
        "can_begin": False,
        "steps": steps,
        "form": form,
    }


def cancelling() -> Data:
    return {**release(), "form": filled(ReasonForm, reason="")}


def package_log() -> Data:
    lines = [
        {"at": 1.0, "stream": "fairway", "text": "v1.4 is commit 4be01aac1f00."},
        {"at": 2.0, "stream": "stdout", "text": "Resolved 61 packages in 412ms"},
    ]
    return {
        **release(),
        "package": {"name": "catalog-api", "source_input": "https://git.example.com/shop/api.git#v1.4", "sentence": ""},
        "logs": [
            {"title": "Staging", "at": back(minutes=3), "lines": lines},
            {"title": "", "at": back(minutes=9), "lines": []},
        ],
    }


def package() -> Data:
    return {
        **release(),
        "package": None,
        "form": filled(
            PackageForm, name="checkout", stage="ready", version="registry.example.com/shop/checkout:2.0.0", checksum=""
        ),
    }


def paste() -> Data:
    text = "name,version,needs\ncatalog-api,registry.example.com/shop/catalog-api:1.4,catalog-db"
    example = "name,version,needs,status\ncatalog-db,registry.example.com/shop/db:16.2,,ready\ncatalog-api,https://git.example.com/shop/api.git#v1.4,catalog-db,ready"
    return {
        **release(),
        "form": filled(PasteForm, text=text),
        "example": example,
        "problems": ["line 3: there is no package “catalog-bd”."],
        "plan": [
            {
                "name": "catalog-api",
                "source": "registry.example.com/shop/catalog-api:1.4",
                "stage": "ready",
                "needs": ["catalog-db"],
                "verb": "add",
            }
        ],
    }


def plan() -> Data:
    differences = [{"name": "catalog-api", "before": {"version": "1.3.9", "digest": sha("a"), "commit": "91bd2c7aa"}, "after": {"version": "1.4.0", "digest": sha("b"), "commit": "4be01aac1"}, "keys": [{"name": "CACHE_URL", "how": "added"}, {"name": "TIMEOUT", "how": "changed"}]},
                   {"name": "checkout", "before": None, "after": {"version": "2.0.0", "digest": sha("c"), "commit": ""}, "keys": []}]  # fmt: skip
    approvals = [
        {"target": STAGING, "needed": 0, "given": 0, "state": "not_needed", "people": [], "decide": None, "differences": []},
        {"target": PRODUCTION, "needed": 2, "given": 1, "state": "waiting", "people": [{"name": "Linus Åkesson", "decision": "approved", "at": back(hours=1), "comment": "Checked on staging."}], "decide": {"url": "/gallery/act", "blockers": []}, "differences": differences},
    ]  # fmt: skip
    schedule = {
        "url": "/gallery/act",
        "targets": ENVIRONMENTS,
        "target": "production",
        "at": "2026-11-22T20:00",
        "zone": "Europe/Paris",
        "zones": ["Europe/Paris", "America/New_York"],
        "start_by": 60,
        "errors": {},
    }
    planned = {
        "rollout": {"id": 4},
        "target": "Production",
        "at": now() + timedelta(days=2),
        "wall": "2026-11-22 20:00",
        "zone": "Europe/Paris",
        "start_by": now() + timedelta(days=2, hours=1),
        "why_not": [blocker("approvals", "2 approvals are needed, 1 is given.", "another Release Manager")],
        "move": act("Reschedule", "clock"),
        "cancel": act("Cancel the schedule", "x", "danger"),
    }
    return {
        **release("scheduled"),
        "sealing": {
            "is_sealed": True,
            "fingerprint": sha("x").removeprefix("sha256:"),
            "at": back(hours=5),
            "by": "Grace Hopper",
            "seal": None,
            "unseal": act("Unseal", "unlock"),
            "newer": [
                {
                    "package": "catalog-api",
                    "target": "Production",
                    "name": "Ada Lovelace",
                    "at": back(hours=2),
                    "comment": "The pool was too small",
                    "keys": [{"name": "DATABASE_POOL", "how": "changed"}],
                }
            ],
            "renew": act("Use the new settings", "restart"),
        },
        "approvals": approvals,
        "schedule": schedule,
        "planned": [planned, {**planned, "target": "Staging", "why_not": []}],
    }


def calendar(view: str = "month", today: date | None = None, month: date | None = None) -> Data:
    zone = ZoneInfo("Europe/Paris")
    today = today or now().astimezone(zone).date()
    shown = span(view, month or today)
    start = now().astimezone(zone).replace(hour=20, minute=0, second=0, microsecond=0)
    entries = [
        Entry("freeze", "Quarter-end close", start - timedelta(days=2), start + timedelta(days=3), "#", "", "Production"),
        Entry("release", "Autumn 2026.11", start, start, "#", "scheduled", "Production", "Quarter-end close"),
        Entry(
            "release",
            "Payments 4.2",
            start + timedelta(days=5, hours=-6),
            start + timedelta(days=5, hours=-6),
            "#",
            "scheduled",
            "Staging",
        ),
        Entry(
            "release",
            "Search 1.0",
            start - timedelta(days=6, hours=9),
            start - timedelta(days=6, hours=8),
            "#",
            "failed",
            "Staging",
        ),
        Entry(
            "lock", "Locked by Grace Hopper", start - timedelta(hours=11), start - timedelta(hours=9), "#", "", "Development"
        ),
    ]
    rows = weeks(shown, entries, zone=zone, today=today)
    days = [
        [
            {
                "day": one.day,
                "is_today": one.is_today,
                "is_outside": one.is_outside,
                "pieces": one.pieces,
                "url": f"/releases/new?day={one.day}",
            }
            for one in row
        ]
        for row in rows
    ]
    headings = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    environments = [
        {"slug": "", "name": "All", "is_chosen": True, "url": "?"},
        *({**one, "is_chosen": False, "url": f"?environment={one['slug']}"} for one in ENVIRONMENTS),
    ]
    feed = {
        "url": "https://fairway.example.com/calendar/feeds/fwc_9d1…/releases.ics",
        "make": act("Create a new address", "restart"),
        "revoke": act("Revoke", "trash", "danger"),
    }
    return {
        "view": view,
        "title": (month or today).strftime("%B %Y"),
        "zone": "Europe/Paris",
        "weeks": days,
        "headings": headings,
        "links": {"before": "?", "after": "?", "today": "?", "month": "?view=month", "week": "?view=week"},
        "environments": environments,
        "create": act("New release", "plus", "primary", method="get"),
        "feed": feed,
    }
