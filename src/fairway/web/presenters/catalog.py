"""Contexts of the pages of the catalogue."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from fairway.accounts.rules import Actor
from fairway.applications.models import Application
from fairway.catalog.queries import installed_as, visible_to
from fairway.catalog.rules import Category, Entry, SignIn, said
from fairway.catalog.shelf import entries

CATEGORIES = {
    Category.DATA: _("Data"),
    Category.WEBSITES: _("Websites"),
    Category.LEARNING: _("Learning"),
    Category.TOOLS: _("Tools"),
}
SIGN_IN = {
    SignIn.HEADER: _("Colleagues arrive signed in."),
    SignIn.OPENID: _("Colleagues arrive signed in, by OpenID Connect."),
    SignIn.GATE: _("Colleagues sign in to Fairway first; the application does not know who they are."),
    SignIn.OWN: _("It has accounts of its own."),
}


def entries_shown(language: str, *, words: str, category: str) -> dict[str, Any]:
    """The context of ``catalog/list.html``: entries in which each of the words occurs."""
    wanted = _plain(words).split()
    found = [
        one
        for one in entries()
        if category in ("", one.category.value)
        and all(word in _plain(f"{one.title} {said(one.summary, language)} {CATEGORIES[one.category]}") for word in wanted)
    ]
    used = {one.category for one in entries()}
    tabs = [{"value": "", "label": _("All"), "is_chosen": category not in set(Category)}]
    tabs += [
        {"value": one.value, "label": label, "is_chosen": category == one.value}
        for one, label in CATEGORIES.items()
        if one in used
    ]
    return {"entries": [card(one, language) for one in found], "q": words, "category": category, "tabs": tabs}


def entry_shown(actor: Actor, one: Entry, language: str) -> dict[str, Any]:
    """One entry, with the applications made from it that the actor may see."""
    made = visible_to(actor).filter(entry=one.id)
    return {
        **card(one, language),
        "version": one.version,
        "licence": one.licence,
        "home_page": one.home_page,
        "stores": said(one.stores, language),
        "first_steps": said(one.first_steps, language),
        "sign_in": SIGN_IN[one.sign_in],
        "checked": list(one.checked),
        "installed": [
            {
                "name": found.application.name,
                "url": reverse("application-detail", args=[found.application.slug]),
                "version": found.version,
            }
            for found in made
        ],
    }


def entry_of(application: Application) -> dict[str, Any] | None:
    """The entry that an application was made from, with the version it has; None if it is not from the catalogue."""
    made = installed_as(application)
    if made is None:
        return None
    known = next((one for one in entries() if one.id == made.entry), None)
    return {
        "title": known.title if known else made.entry,
        "url": reverse("catalog-entry", args=[made.entry]) if known else "",
        "version": made.version,
    }


def card(one: Entry, language: str) -> dict[str, Any]:
    """What every page shows of an entry."""
    return {
        "id": one.id,
        "title": one.title,
        "url": reverse("catalog-entry", args=[one.id]),
        "icon": reverse("catalog-icon", args=[one.id]),
        "summary": said(one.summary, language),
        "category": CATEGORIES[one.category],
        "memory_bytes": one.memory_bytes,
        "disk_bytes": one.disk_bytes,
        "sign_in": SIGN_IN[one.sign_in],
    }


def _plain(text: str) -> str:
    """For comparing: lower case, without accents."""
    return "".join(sign for sign in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(sign))
