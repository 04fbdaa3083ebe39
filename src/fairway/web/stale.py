"""Stale forms: if somebody else changed the thing meanwhile, the person is told who, and their input is kept."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _

from fairway.activity.changes import Changed
from fairway.web.templatetags.fairway import exact_words


def as_of(request: HttpRequest) -> int | None:
    """The newest event when the submitted form was rendered (from the tag ``as_of``); None if the form has no such field."""
    text = request.POST.get("as_of", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def changed_sentence(request: HttpRequest, problem: Changed, form: forms.BaseForm | None = None) -> str:
    """A sentence that says who changed what, and when; the form then counts as rendered after that change."""
    request.told_what_changed = True  # type: ignore[attr-defined]
    labels = {name: field.label for name, field in form.fields.items()} if form is not None else {}
    words = {
        "who": problem.event.actor_name,
        "when": exact_words(problem.event.at),
        "what": ", ".join(str(labels.get(name) or name) for name in problem.fields),
    }
    return (
        _(
            "%(who)s changed this on %(when)s, after you opened it: %(what)s. Nothing was saved, and what you typed is "
            "still here. Save again to replace that change, or reload the page to see it."
        )
        % words
    )


def tell_changed(request: HttpRequest, form: forms.BaseForm, problem: Changed) -> None:
    """Show the sentence on top of the form."""
    form.add_error(None, changed_sentence(request, problem, form))
