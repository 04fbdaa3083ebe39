# ruff: noqa: E501 - one row a line
"""Samples of the catalogue's pages; the entries are the real ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from django.utils.translation import get_language

from fairway.catalog.shelf import get_entry
from fairway.web.presenters.catalog import SIGN_IN, card, entries_shown
from fairway.web.views.catalog import ANSWER, InstallForm

Data = dict[str, Any]
PLACES = [
    {"slug": "staging", "name": "Staging", "host": "staging.localhost:8080", "scheme": "http", "is_chosen": True, "blockers": [], "approval": ""},
    {"slug": "production", "name": "Production", "host": "shop.example.com", "scheme": "https", "is_chosen": False, "blockers": [], "approval": "Production requires 1 approval from a Release Manager or an Admin."},
    {"slug": "closed", "name": "Far away", "host": "far.localhost:8080", "scheme": "http", "is_chosen": False, "approval": "",
     "blockers": [{"code": "frozen", "sentence": "Far away is frozen until Monday.", "who": "", "until": None}]},
]  # fmt: skip


ICON = "/static/icons/favicon.svg"  # the gallery has no views


def listed() -> Data:
    shown = entries_shown(get_language() or "", words="", category="data")
    return {**shown, "entries": [{**one, "icon": ICON} for one in shown["entries"]]}


def nothing() -> Data:
    return entries_shown(get_language() or "", words="solitaire", category="")


def _entry(**more: Any) -> Data:
    one = get_entry("datasette")
    return {
        **card(one, get_language() or ""),
        "icon": ICON,
        "version": one.version, "licence": one.licence, "home_page": one.home_page, "stores": one.stores["en"],
        "first_steps": one.first_steps["en"], "sign_in": SIGN_IN[one.sign_in], "checked": ["process"], "installed": [], **more,
    }  # fmt: skip


def entry() -> Data:
    form = InstallForm(entry=get_entry("datasette"), initial={"name": "Datasette"})
    return {
        "entry": _entry(installed=[{"name": "Team data", "url": "/applications/team-data/", "version": "0.65.4-1"}]),
        "form": form, "questions": [form[name] for name in form.fields if name.startswith(ANSWER)],
        "environments": PLACES, "slug": "datasette", "can_install": True,
    }  # fmt: skip


def wrong() -> Data:
    form = InstallForm({"name": "", "environment": "", "access": "public"}, entry=get_entry("datasette"))
    form.is_valid()
    return {**entry(), "form": form, "questions": [form[name] for name in form.fields if name.startswith(ANSWER)]}


def looked_at() -> Data:
    """By somebody who may not install it."""
    return {**entry(), "form": None}


def installed() -> Data:
    made = SimpleNamespace(
        application=SimpleNamespace(name="Team data"),
        deployment=SimpleNamespace(pk=512),
        passwords={"ADMIN_PASSWORD": "X5yREmF7hj8DSQBaQw7e"},
    )
    return {"made": made, "entry": _entry()}
