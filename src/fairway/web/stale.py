"""Forms that were read before somebody else changed the same thing: who did is told, and what was typed is kept."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _

from fairway.activity.changes import Changed
from fairway.web.templatetags.fairway import exact_words


def as_of(request: HttpRequest) -> int | None:
    """The newest event when the form was read that was sent (the tag ``as_of`` puts it there); None when it does not say."""
    text = request.POST.get("as_of", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def changed_sentence(request: HttpRequest, problem: Changed, form: forms.BaseForm | None = None) -> str:
    """Who changed what, and when; from now on the form counts as read after that."""
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
    """On top of the form."""
    form.add_error(None, changed_sentence(request, problem, form))
